"""What is measured of a clip before it is made: the grids that flicker is found in, and the level of its light."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engines.light.curve import Curve, Floats
from engines.light.dials import Level
from engines.light.flicker import grid_of
from engines.light.illumination import Illumination
from engines.light.stops import stops_of
from engines.media.frames import Picture

_EACH = 12
"""Every so many pictures the light is measured: twice a second."""


def measured(
    pictures: Iterable[Picture], curve: Curve, matrix: str, illumination: Illumination | None, *, grids: bool
) -> tuple[list[Floats], Level]:
    """Return the grid of each picture if asked, and the level of the light over all, by every twelfth picture.

    `illumination` None measures no level.
    """
    found: list[Floats] = []
    means: list[float] = []
    spreads: list[float] = []
    for picture in pictures:
        if grids:
            found.append(grid_of(picture, curve))
        if illumination and picture.number % _EACH == 0:
            light = illumination(stops_of(picture, curve, matrix))
            means.append(float(light.mean()))
            spreads.append(float(light.std()))
    return found, Level(float(np.mean(means or [0.0])), float(np.mean(spreads or [0.0])))
