"""Working pictures through a session by the processor: packed, followed and smoothed here, whatever runs the network.

A session that does the same elsewhere has a stream of its own (`gpu_stream.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from engines.backends.base import Ready, Restored, Session, Stream
from engines.media.frames import CODE_MAX, Picture, blended
from engines.model.carry import Flow, flow
from engines.model.hindsight import smoothed
from engines.model.noise import NoiseProfile
from engines.model.packing import Packed, pack, planes_of, whole_codes

Smoothed = Callable[[Iterable[Packed], Iterable[Flow], NoiseProfile], Iterator[Packed]]


class OnProcessor:
    """A session whose pictures the processor makes ready."""

    smoothed: Smoothed = staticmethod(smoothed)
    """How a shot is gone back over."""

    def stream(self, height: int, width: int, noise: NoiseProfile) -> Stream:
        """Return the way for working pictures; see `base.Session`."""
        del height, width
        return _Stream(cast(Session, self), noise, self.smoothed)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture as the network takes it; `motion` is to `before`, None where none was known."""

    picture: Picture
    packed: Packed
    noise: Packed
    before: Picture | None
    motion: Flow | None


@dataclass(frozen=True, slots=True)
class _Restored:
    """A picture as the network gave it, in whole codes `[1, 8, h, w]`, and its motion to the one stepped before.

    Rounded, since a shot's pictures are kept for a while: half the memory, and 71 dB from what was not.
    """

    filmed: Picture
    codes: npt.NDArray[np.uint16]
    motion: Flow | None
    changed: bool

    @property
    def packed(self) -> Packed:
        """The codes / 1023."""
        return self.codes * np.float32(1 / CODE_MAX)


class _Stream:
    def __init__(self, session: Session, noise: NoiseProfile, smoothed: Smoothed) -> None:
        self._session, self._noise, self._smoothed = session, noise, smoothed
        self._last: _Ready | None = None

    def ready(self, picture: Picture, before: Ready | None = None) -> Ready:
        packed = pack(picture)
        noise = self._noise.noise_map(packed)
        if before is None:
            return _Ready(picture, packed, noise, None, None)
        return _Ready(picture, packed, noise, before.picture, flow(packed[0], cast(_Ready, before).packed[0]))

    def step(self, now: Ready) -> Restored:
        known, last, motion = cast(_Ready, now), self._last, None
        if last is not None:
            motion = known.motion if known.before is last.picture else flow(known.packed[0], last.packed[0])
        self._last = known
        restored = self._session.step(known.packed, known.noise, motion)
        return _Restored(now.picture, whole_codes(restored, known.packed), motion, restored is not known.packed)

    def smoothed(self, shot: Sequence[Restored], count: int, strength: float) -> list[Picture]:
        known = cast(Sequence[_Restored], shot)
        if not known[0].changed:
            return [one.filmed for one in known[:count]]
        motions = (one.motion for one in reversed(known[1:]) if one.motion is not None)
        leaning = self._smoothed((one.packed for one in reversed(known)), motions, self._noise)
        made: list[Picture] = []
        for at, packed in zip(reversed(range(len(known))), leaning, strict=True):
            if at < count:
                made.append(_picture(known[at].filmed, whole_codes(packed, known[at].packed), strength))
        return made[::-1]

    def reset(self) -> None:
        self._last = None
        self._session.reset()


def _picture(filmed: Picture, codes: npt.NDArray[np.uint16], strength: float) -> Picture:
    made = Picture(filmed.number, *planes_of(codes, filmed))
    return made if strength == 1 else blended(filmed, made, np.float32(strength))
