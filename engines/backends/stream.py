"""Working pictures through a session by the processor: packed, followed and blended here, whatever runs the network.

A session that does the same elsewhere has a stream of its own (`gpu_stream.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from engines.backends.base import Ready, Session, Stream
from engines.media.frames import CODE_MAX, HIGHEST, LOWEST, Picture
from engines.model.carry import Flow, flow
from engines.model.noise import NoiseProfile
from engines.model.packing import Packed, pack, planes_of


class OnProcessor:
    """A session whose pictures the processor makes ready."""

    def stream(self, height: int, width: int, noise: NoiseProfile, strength: float) -> Stream:
        """Return the way for working pictures; see `base.Session`."""
        del height, width
        return _Stream(cast(Session, self), noise, strength)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A picture as the network takes it; `motion` is to `before`, None where none was known."""

    picture: Picture
    packed: Packed
    noise: Packed
    before: Picture | None
    motion: Flow | None


class _Stream:
    def __init__(self, session: Session, noise: NoiseProfile, strength: float) -> None:
        self._session, self._noise, self._strength = session, noise, np.float32(strength)
        self._before: Picture | None = None

    def ready(self, picture: Picture, before: Ready | None = None) -> Ready:
        packed = pack(picture)
        noise = self._noise.noise_map(packed)
        if before is None:
            return _Ready(picture, packed, noise, None, None)
        return _Ready(picture, packed, noise, before.picture, flow(packed[0], cast(_Ready, before).packed[0]))

    def step(self, now: Ready) -> Picture:
        known = cast(_Ready, now)
        motion = known.motion if known.before is self._before else None
        self._before = now.picture
        restored = self._session.step(known.packed, known.noise, motion)
        return _blended(now.picture, known.packed, restored, self._strength)

    def reset(self) -> None:
        self._before = None
        self._session.reset()


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
