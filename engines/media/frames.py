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
LOWEST, HIGHEST = 4, 1019
"""Code values that 10-bit interfaces leave to the picture. Source: ITU-R BT.709-6, item 5.6 (0-3 and 1020-1023
are for timing)."""
_VECTOR_BYTES = 64
"""Widest vector that swscale writes at once."""


def scaling_threads(width: int, sample_bytes: int) -> int:
    """Return how many threads may scale a picture with half as many chroma columns: 0 for all there are, or 1.

    swscale's vectors write past the end of a row that they do not fill. One thread writes the next row after;
    with several, it may be another one's first row, which is done. Source: our measurement with FFmpeg 8.1,
    2026-11-25: 8 samples at the left edge, up to 360 code values off, in 5 to 20 of 100 frames 360, 1080 or 1352 wide.
    """
    return 0 if width // 2 * sample_bytes % _VECTOR_BYTES == 0 else 1


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


def blended(source: Picture, made: Picture, share: np.float32) -> Picture:
    """Return source + share * (made - source), in whole code values; `share` 0-1."""

    def between(one: Plane, other: Plane) -> Plane:
        codes = one + share * (other.astype(np.float32) - one)
        np.rint(codes, out=codes)
        return codes.astype(np.uint16)

    planes = ((source.y, made.y), (source.cb, made.cb), (source.cr, made.cr))
    return Picture(source.number, *(between(one, other) for one, other in planes))
