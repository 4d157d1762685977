"""Restore: noise out, detail kept, by the recurrent network. One picture in, one out; state inside.

At the start of a clip and at each cut there is nothing yet to lean on: there the network first goes through the
pictures that come, last one first, so that a shot's first picture comes out as quiet as its later ones.

While the network is at a picture, the next one is made ready beside it, its motion above all, which depends on no
weights: on the processor in a thread (docs/performance.md), on a GPU by a stream of its own.

The dial is `strength`: 0 gives back the very picture, 1 what the network says. The network
adds to what was filmed at most a bounded share of the noise that was told, and starts anew at each cut. Fine
regular texture under strong noise is smoothed with it (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from engines.backends.base import Backend, Ready
from engines.media.frames import CODE_MAX, Picture
from engines.model.noise import NoiseProfile
from engines.model.packing import packed_size
from engines.model.weights import Weights

_CUT = 0.055
"""Mean absolute change between two luma thumbnails that means a cut, of 0-1; a cut between dark shots can be missed."""
_THUMB = 8
"""Luma samples to a side of what a thumbnail's pixel averages, every second one in both directions."""

Thumbnail = npt.NDArray[np.float32]


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
        session = backend.open(weights, *packed_size(height, width)) if strength else None
        self._stream = session.stream(height, width, noise, strength) if session else None
        self.weights = session.weights if session else weights
        self._before: Thumbnail | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="restore")
        self._next: tuple[Picture, Future[Ready]] | None = None

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the restored picture, with strength 0 the same one; `coming` are the next ones, few or none."""
        stream = self._stream
        if stream is None:
            return picture
        known, self._next = self._next, None
        now = known[1].result() if known and known[0] is picture else stream.ready(picture)
        if coming:
            self._next = coming[0], self._beside.submit(stream.ready, coming[0], now)
        small = _thumbnail(picture)
        if self._before is None or _is_cut(self._before, small):
            stream.reset()
            for follower in reversed(_same_shot(small, coming)):
                stream.step(stream.ready(follower))
        self._before = small
        return stream.step(now)


def _same_shot(small: Thumbnail, coming: Sequence[Picture]) -> list[Picture]:
    """Return of the coming pictures those before the next cut."""
    found: list[Picture] = []
    for picture in coming:
        before, small = small, _thumbnail(picture)
        if _is_cut(before, small):
            break
        found.append(picture)
    return found


def _is_cut(before: Thumbnail, after: Thumbnail) -> bool:
    """Return whether two pictures are of two shots, by coarse luma thumbnails that average noise away."""
    return after.size > 0 and float(np.abs(after - before).mean()) > _CUT


def _thumbnail(picture: Picture) -> Thumbnail:
    """Return luma, 0-1, averaged; whole rows are summed first, which is seven times as fast at 1080p."""
    rows, columns = (side // (2 * _THUMB) for side in picture.y.shape)
    lines = picture.y[: 2 * _THUMB * rows : 2].reshape(rows, _THUMB, picture.width).sum(1, dtype=np.uint32)
    sums = lines[:, : 2 * _THUMB * columns : 2].reshape(rows, columns, _THUMB).sum(2, dtype=np.uint32)
    thumbnail: Thumbnail = sums.astype(np.float32) * np.float32(1 / (CODE_MAX * _THUMB**2))
    return thumbnail
