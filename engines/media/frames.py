"""Pictures as the engines pass them: Y'CbCr 4:2:2 code values, 10 bit, legal range, in presentation order.

Owns the working picture between decode and encode. One format for every station keeps the way through
simple, holds what 8- and 10-bit proxies can carry, and needs no colour conversion: code values outside
64-940 go through untouched. Must not know of containers or networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint16]

CODE_MAX = 1023
"""Largest 10-bit code value."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame of a clip.

    Shape: y `[H, W]`, cb and cr `[H, W/2]`, W even. Range: 10-bit code values 0-1023, nominal
    64-940 luma and 64-960 chroma with 512 neutral. `number` counts presented frames from 0.
    """

    number: int
    y: Plane
    cb: Plane
    cr: Plane

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self.y.shape[0])

    @property
    def width(self) -> int:
        """Luma columns of the picture."""
        return int(self.y.shape[1])
