"""Grade: a look put on working pictures, one in, one out; nothing is remembered between them.

The LUT's sides are R'G'B' and it gives Y'CbCr, so that no matrix is left to do behind it. OpenColorIO interpolates it
tetrahedrally, band by band. Chroma is interpolated to each column, co-sited as 4:2:2 is, and taken back at its own
columns.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PyOpenColorIO import INTERP_TETRAHEDRAL, Lut3DTransform

from engines.colour.cdl import Values
from engines.colour.look import Look
from engines.colour.transform import GRID, baked, config
from engines.media.essence import CodeRange
from engines.media.frames import CODE_MAX, Picture, Plane
from engines.media.ycbcr import chroma_weights

_NEUTRAL = 512
_HALF = np.float32(0.5)
_BAND_ROWS = 128
"""Few rows stay in the cache, many let go of the interpreter: 1080p takes 15.9, 11.1 and 9.6 ms of wall time with 32,
64 and 128 (two AVX2 cores, best of 15, 2026-11-25)."""


class Grade:
    """The look of one clip, baked."""

    def __init__(self, look: Look, luts: Path, *, matrix: str, code_range: CodeRange) -> None:
        self._to_rgb = _to_rgb(matrix)
        lut = Lut3DTransform()
        lut.setGridSize(GRID)
        lut.setInterpolation(INTERP_TETRAHEDRAL)
        lut.setData((baked(look, luts, code_range, matrix) + _HALF).reshape(-1))  # half a code up: a cast then rounds
        self._processor = config().getProcessor(lut).getDefaultCPUProcessor()
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    def __call__(self, picture: Picture) -> Picture:
        """Return the picture with the look on it: Rec.709, legal, unless the look keeps its encoding."""
        graded = Picture(picture.number, *(np.empty_like(plane) for plane in (picture.y, picture.cb, picture.cr)))
        list(self._pool.map(lambda top: self._band(picture, graded, top), range(0, picture.height, _BAND_ROWS)))
        return graded

    def _band(self, picture: Picture, graded: Picture, top: int) -> None:
        rows = slice(top, top + _BAND_ROWS)
        y, cb, cr = picture.y[rows], _widened(picture.cb[rows]), _widened(picture.cr[rows])
        values = cv2.transform(cv2.merge([y, cb, cr, y]).astype(np.float32), self._to_rgb)
        self._processor.applyRGBA(values)
        codes = values.astype(np.uint16)
        graded.y[rows] = codes[..., 0]
        graded.cb[rows] = codes[:, ::2, 1]
        graded.cr[rows] = codes[:, ::2, 2]


def _widened(chroma: Plane) -> Plane:
    """Return chroma for each luma column: its own at even ones, the mean of its neighbours' at odd ones."""
    between = np.empty_like(chroma)
    np.add(chroma[:, :-1], chroma[:, 1:], out=between[:, :-1])
    between += 1
    between >>= 1
    between[:, -1] = chroma[:, -1]
    return cv2.merge([chroma, between]).reshape(len(chroma), -1).view(np.uint16)


def _to_rgb(matrix: str) -> Values:
    """Return the 4 x 5 matrix from codes of Y', Cb and Cr and a fourth that is not used to R'G'B' codes over 1023.

    The fourth is there because OpenColorIO takes four channels in a third of the time of three.
    """
    red, green_of_cb, green_of_cr, blue = chroma_weights(matrix)
    rows = np.array([[1, 0, red], [1, green_of_cb, green_of_cr], [1, blue, 0], [0, 0, 0]])
    offset = -rows[:, 1:].sum(axis=1, keepdims=True) * _NEUTRAL
    return (np.hstack([rows, np.zeros((4, 1)), offset]) / CODE_MAX).astype(np.float32)
