"""Flicker taken out of a clip's pictures, by the beat that was found over the whole of it; the dial is `strength`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.enhance import LOOK_AHEAD
from engines.enhance.relight import lit
from engines.light.curve import Curve
from engines.light.flicker import Flicker
from engines.media.frames import Picture

_COARSE = 4
"""The gain is told at a quarter of the picture: eight pixels at least a band."""


class Deflicker:
    """One clip without its flicker; with none found, or strength 0, every picture is the one that came."""

    def __init__(self, flicker: Flicker | None, strength: float, curve: Curve, matrix: str) -> None:
        self._flicker = flicker if strength else None
        self._strength, self._curve, self._matrix = np.float32(strength), curve, matrix
        self._made: dict[int, Picture] = {}

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return a picture without the beat."""
        del coming
        if self._flicker is None:
            return picture
        if picture.number not in self._made:
            gain = self._flicker.gain(picture.number, picture.height // _COARSE, picture.width // _COARSE)
            self._made[picture.number] = lit(picture, gain * self._strength, self._curve, self._matrix)
            self._made.pop(picture.number - 2 * LOOK_AHEAD, None)
        return self._made[picture.number]
