"""Restore: noise out, detail kept, by the recurrent network. One picture in, one out; state inside.

At the start of a clip and at each cut there is nothing yet to lean on: there the network first goes through the
pictures that come, last one first, so that a shot's first picture comes out as quiet as its later ones.

While the network is at a picture, the next one is made ready beside it: packed, and its motion found, which depends on
no weights. A processor that is quick at the network would wait for that otherwise (docs/performance.md).

The dial is `strength`: 0 gives back the very picture, 1 what the network says. The network
adds to what was filmed at most a bounded share of the noise that was told, and starts anew at each cut. Fine
regular texture under strong noise is smoothed with it (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.backends.base import Backend
from engines.media.frames import CODE_MAX, Picture
from engines.model.carry import Flow, flow
from engines.model.noise import NoiseProfile
from engines.model.packing import Packed, pack, packed_size, planes_of
from engines.model.weights import Weights

LOWEST, HIGHEST = 4, 1019
"""Code values that 10-bit interfaces leave to the picture. Source: ITU-R BT.709-6, item 5.6 (0-3 and 1020-1023
are for timing)."""
_CUT = 0.055
"""Mean absolute change between two luma thumbnails that means a cut, of 0-1; a cut between dark shots can be missed."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture as the network takes it; `motion` is to the one before, None where none was known."""

    packed: Packed
    small: Packed
    noise: Packed
    motion: Flow | None


class Restore:
    """The restoration of one clip, picture after picture; `weights` are those that run."""

    name = "restore"

    def __init__(
        self,
        backend: Backend,
        weights: Weights,
        height: int,
        width: int,
        *,
        strength: float,
        noise: NoiseProfile,
    ) -> None:
        self._strength, self._noise = np.float32(strength), noise
        self._session = backend.open(weights, *packed_size(height, width)) if strength else None
        self.weights = self._session.weights if self._session else weights
        self._before: npt.NDArray[np.float32] | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="restore")
        self._next: tuple[Picture, Future[_Ready]] | None = None

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the restored picture, with strength 0 the same one; `coming` are the next ones, few or none."""
        if self._session is None:
            return picture
        known, self._next = self._next, None
        now = known[1].result() if known and known[0] is picture else self._ready(picture)
        motion = now.motion
        if coming:
            self._next = coming[0], self._beside.submit(self._ready, coming[0], now.packed)
        if self._before is None or _is_cut(self._before, now.small):
            motion = None  # the step before is one of a picture that comes
            self._session.reset()
            for follower in reversed(_same_shot(now.small, coming)):
                self._session.step(follower, self._noise.noise_map(follower))
        self._before = now.small
        restored = self._session.step(now.packed, now.noise, motion)
        return _blended(picture, now.packed, restored, self._strength)

    def _ready(self, picture: Picture, before: Packed | None = None) -> _Ready:
        packed = pack(picture)
        motion = None if before is None else flow(packed[0], before[0])
        return _Ready(packed, _thumbnail(packed), self._noise.noise_map(packed), motion)


def _same_shot(small: Packed, coming: Sequence[Picture]) -> list[Packed]:
    """Return of the coming pictures those before the next cut, packed."""
    found: list[Packed] = []
    for packed in map(pack, coming):
        before, small = small, _thumbnail(packed)
        if _is_cut(before, small):
            break
        found.append(packed)
    return found


def _is_cut(before: Packed, after: Packed) -> bool:
    """Return whether two pictures are of two shots, by coarse luma thumbnails that average noise away."""
    return float(np.abs(after - before).mean()) > _CUT


def _thumbnail(packed: Packed) -> npt.NDArray[np.float32]:
    luma = packed[0, 0]
    rows, columns = luma.shape[0] // 8 * 8, luma.shape[1] // 8 * 8
    thumbnail: npt.NDArray[np.float32] = (
        luma[:rows, :columns].reshape(rows // 8, 8, columns // 8, 8).mean((1, 3), dtype=np.float32)
    )
    return thumbnail


def _blended(picture: Picture, packed: Packed, restored: Packed, strength: np.float32) -> Picture:
    """Return picture + strength * (restored - picture), rounded; codes the network leaves alone stay as they are."""
    blend = restored if strength == 1 else packed + strength * (restored - packed)
    return Picture(picture.number, *planes_of(_codes(blend, packed), picture))


def _codes(blend: Packed, packed: Packed) -> npt.NDArray[np.uint16]:
    """Return whole code values, kept inside what interfaces carry unless the source was outside already."""
    codes = blend * np.float32(CODE_MAX)
    np.rint(codes, out=codes)
    source = (packed.min() * CODE_MAX, packed.max() * CODE_MAX)
    if source[0] >= LOWEST and source[1] <= HIGHEST:
        np.clip(codes, LOWEST, HIGHEST, out=codes)
    else:
        original = np.rint(packed * np.float32(CODE_MAX))
        np.clip(codes, np.minimum(original, LOWEST), np.maximum(original, HIGHEST), out=codes)
    return codes.astype(np.uint16)
