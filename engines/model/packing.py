"""Pictures to the network's eight channels and back: exact, without resampling.

Luma is unshuffled by two both ways, chroma (half as wide already) by two down the lines. Code values are
divided by 1023. Rasters that are off the network's grid are padded by repeating the last row and column.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from engines.media.frames import CODE_MAX, HIGHEST, LOWEST, Picture
from engines.model.topology import GRID, PICTURE_CHANNELS

Packed = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint16]
"""Packed pictures in whole code values."""
Number = TypeVar("Number", np.float32, np.uint16)
PHASES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Row and column of luma's four samples in a packed pixel; of chroma's four, which colour and line."""


def packed_size(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the packed picture: half of the raster padded to the grid."""
    return (-(-height // GRID) * GRID // 2, -(-width // GRID) * GRID // 2)


def pack(picture: Picture) -> Packed:
    """Return a picture as `[1, 8, h, w]`, range 0-1."""
    height, width = picture.height, picture.width
    rows, columns = packed_size(height, width)
    packed = np.empty((1, PICTURE_CHANNELS, rows, columns), np.float32)
    luma = _padded(picture.y, rows * 2, columns * 2)
    for channel, (down, across) in enumerate(PHASES):
        np.multiply(luma[down::2, across::2], np.float32(1 / CODE_MAX), out=packed[0, channel])
    for channel, plane in ((4, picture.cb), (6, picture.cr)):
        chroma = _padded(plane, rows * 2, columns)
        for down in (0, 1):
            np.multiply(chroma[down::2], np.float32(1 / CODE_MAX), out=packed[0, channel + down])
    return packed


def unpack(packed: Packed, like: Picture) -> tuple[npt.NDArray[np.float32], ...]:
    """Return the planes y `[H, W]`, cb and cr `[H, W/2]` of a packed picture in code values, not rounded."""
    return planes_of(packed * np.float32(CODE_MAX), like)


def whole_codes(made: Packed, source: Packed) -> Codes:
    """Return whole code values of what was made of `source`, kept inside what interfaces carry unless that is not."""
    codes = made * np.float32(CODE_MAX)
    np.rint(codes, out=codes)
    if source.min() * CODE_MAX >= LOWEST and source.max() * CODE_MAX <= HIGHEST:
        np.clip(codes, LOWEST, HIGHEST, out=codes)
    else:
        original = np.rint(source * np.float32(CODE_MAX))
        np.clip(codes, np.minimum(original, LOWEST), np.maximum(original, HIGHEST), out=codes)
    return codes.astype(np.uint16)


def of_codes(codes: Codes) -> Packed:
    """Return whole code values as the network takes them, codes / 1023."""
    return codes * np.float32(1 / CODE_MAX)


def planes_of(packed: npt.NDArray[Number], like: Picture) -> tuple[npt.NDArray[Number], ...]:
    """Return the planes y `[H, W]`, cb and cr `[H, W/2]` of packed numbers of any kind, as they are."""
    luma, *chroma = interleaved(packed[0])
    return luma[: like.height, : like.width], *(plane[: like.height, : like.cb.shape[1]] for plane in chroma)


def interleaved(packed: npt.NDArray[Number]) -> tuple[npt.NDArray[Number], ...]:
    """Return the planes y `[2h, 2w]`, cb and cr `[2h, w]` of channels `[8, h, w]`, padding and all."""
    _, rows, columns = packed.shape
    luma, *chroma = (np.empty((2 * rows, width), packed.dtype) for width in (2 * columns, columns, columns))
    for phase, (down, across) in enumerate(PHASES):
        luma[down::2, across::2] = packed[phase]
        chroma[down][across::2] = packed[4 + phase]
    return luma, *chroma


def pictures_of(packed: Packed) -> list[Picture]:
    """Return packed pictures `[T, 8, h, w]` as working pictures, in whole code values, padding and all."""
    codes = np.rint(packed * np.float32(CODE_MAX)).astype(np.uint16)
    return [Picture(number, *interleaved(one)) for number, one in enumerate(codes)]


def _padded(plane: npt.NDArray[np.uint16], rows: int, columns: int) -> npt.NDArray[np.uint16]:
    below, beside = rows - plane.shape[0], columns - plane.shape[1]
    return np.pad(plane, ((0, below), (0, beside)), mode="edge") if below or beside else plane
