"""Working pictures through a session by the processor: packed, followed and smoothed here, whatever runs the network.

A session that does the same elsewhere has a stream of its own (`gpu_stream.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from engines.backends.base import Ready, Restored, Session, Stream
from engines.media.frames import Picture, blended
from engines.model.carry import Flow, flow
from engines.model.hindsight import smoothed_codes
from engines.model.noise import NoiseProfile
from engines.model.packing import Codes, Packed, pack, planes_of, whole_codes

Whole = Callable[[Packed, Packed], Codes]
Smoothed = Callable[[Iterable[Codes], Iterable[Flow], NoiseProfile], Iterator[Codes]]


class OnProcessor:
    """A session whose pictures the processor makes ready."""

    smoothed: Smoothed = staticmethod(smoothed_codes)
    """How a shot is gone back over."""

    def stream(self, height: int, width: int, noise: NoiseProfile) -> Stream:
        """Return the way for working pictures; see `base.Session`."""
        del height, width
        cv2.setNumThreads(max(1, len(os.sched_getaffinity(0)) // 2))  # its idle threads keep the network's cores busy
        return _Stream(cast(Session, self), noise, self.codes, self.smoothed)

    def codes(self, restored: Packed, packed: Packed) -> Codes:
        """Return what the last step made of a picture in whole code values, in memory of its own."""
        return whole_codes(restored, packed)


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
    codes: Codes
    motion: Flow | None
    changed: bool


class _Stream:
    def __init__(self, session: Session, noise: NoiseProfile, codes: Whole, smoothed: Smoothed) -> None:
        self._session, self._noise, self._codes, self._smoothed = session, noise, codes, smoothed
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
        return _Restored(now.picture, self._codes(restored, known.packed), motion, restored is not known.packed)

    def smoothed(self, shot: Sequence[Restored], count: int, strength: float) -> list[Picture]:
        known = cast(Sequence[_Restored], shot)
        if not known[0].changed:
            return [one.filmed for one in known[:count]]
        motions = (one.motion for one in reversed(known[1:]) if one.motion is not None)
        leaning = self._smoothed((one.codes for one in reversed(known)), motions, self._noise)
        made: list[Picture] = []
        for at, codes in zip(reversed(range(len(known))), leaning, strict=True):
            if at < count:
                made.append(_picture(known[at].filmed, codes, strength))
        return made[::-1]

    def reset(self) -> None:
        self._last = None
        self._session.reset()


def _picture(filmed: Picture, codes: Codes, strength: float) -> Picture:
    made = Picture(filmed.number, *planes_of(codes, filmed))
    return made if strength == 1 else blended(filmed, made, np.float32(strength))
