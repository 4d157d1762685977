"""ASC CDL: the ten numbers of a grade, and what they do to R'G'B'.

Source: ASC Color Decision List v1.2. Saturation goes by the Rec.709 weights after slope, offset and power. Nothing is
clamped between the steps, as ACES has it and OpenColorIO by default: a log picture has values below 0 and above 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Three = tuple[float, float, float]
Values = npt.NDArray[np.float32]

_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True)
class Cdl:
    """A grade. Slope and power are above 0, saturation is 0 or more; red, green, blue in this order."""

    slope: Three = (1.0, 1.0, 1.0)
    offset: Three = (0.0, 0.0, 0.0)
    power: Three = (1.0, 1.0, 1.0)
    saturation: float = 1.0

    @property
    def is_neutral(self) -> bool:
        """Whether it changes nothing."""
        return self == Cdl()

    @property
    def numbers(self) -> tuple[float, ...]:
        """The ten numbers: slope, offset, power, saturation."""
        return (*self.slope, *self.offset, *self.power, self.saturation)

    @classmethod
    def of(cls, numbers: npt.NDArray[np.floating[npt.NBitBase]] | tuple[float, ...]) -> Cdl:
        """Return the grade of ten numbers."""
        r = [float(number) for number in numbers]
        return cls((r[0], r[1], r[2]), (r[3], r[4], r[5]), (r[6], r[7], r[8]), r[9])


NEUTRAL = Cdl()
"""The grade that changes nothing."""


def graded(values: Values, cdl: Cdl) -> Values:
    """Return values after the grade. Shape: `[..., 3]`. Range: as given, nothing is clamped."""
    lifted = values * np.array(cdl.slope, np.float32) + np.array(cdl.offset, np.float32)
    powered = np.where(lifted > 0, np.power(np.maximum(lifted, 0), np.array(cdl.power, np.float32)), lifted)
    luma = powered @ _WEIGHTS
    result: Values = luma[..., None] + np.float32(cdl.saturation) * (powered - luma[..., None])
    return result
