"""Kernels and buffers as the machine code reads them.

Source of the transform: Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", section 4.3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.model.packing import Codes

Floats = npt.NDArray[np.float32]

LANES, TILE, POINTS, TOGETHER, APART = 8, 4, 36, 24, 16
"""As in restore.h and layers.c, which say what they are."""
_LINE = 64
"""Bytes of a line of a cache."""
_TO_POINTS = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
"""G of F(4x4, 3x3)."""


def address(array: Floats | Codes) -> int:
    """Return where an array begins."""
    return array.ctypes.data


def aligned(shape: tuple[int, ...]) -> Floats:
    """Return zeros that begin on a line of the cache."""
    count = int(np.prod(shape))
    room = np.zeros(count + _LINE // 4, np.float32)
    first = -room.ctypes.data % _LINE // 4
    return room[first : first + count].reshape(shape)


def bordered(height: int, width: int, channels: int) -> Floats:
    """Return zeros for a tensor of `height` x `width`: a border of one, and whole tiles."""
    return aligned((_whole(height) + 2, _whole(width) + 2, channels))


def tiled_kernels(weights: Floats) -> Floats:
    """Return kernels `[out, in, 3, 3]` as products at the points of a tile."""
    points = np.einsum("pi,ocij,qj->pqco", _TO_POINTS, weights.astype(np.float64), _TO_POINTS)
    return _laid(points.reshape(POINTS, 1, *points.shape[2:]))


def plain_kernels(weights: Floats) -> Floats:
    """Return kernels `[out, in, k, k]` as products at each of their places."""
    return _laid(weights.transpose(2, 3, 1, 0).reshape(1, -1, *weights.shape[1::-1]))


def phased_kernels(weights: Floats) -> Floats:
    """Return kernels `[4 * out, in, 1, 1]`, whose rows are four phases of each channel, as products phase by phase."""
    rows, inputs = weights.shape[:2]
    return _laid(weights.reshape(rows // 4, 4, inputs).transpose(1, 2, 0)[:, None])


def scratch_floats(inputs: int, outputs: int, width: int) -> int:
    """Return how many floats a thread wants beside the tensors, at most."""
    tiles = POINTS * (TOGETHER * (inputs + outputs) + 2 * APART)
    return max(tiles, (width + 2 * LANES) * max(LANES, outputs))


def _laid(products: npt.NDArray[np.floating]) -> Floats:
    """Return products `[parts, taps, in, out]` in blocks of outputs, `[parts, blocks, taps, in, block]`."""
    parts, taps, inputs, outputs = products.shape
    block = _block(outputs)
    blocked = products.reshape(parts, taps, inputs, outputs // block, block).transpose(0, 3, 1, 2, 4)
    laid = aligned(blocked.shape)
    laid[...] = blocked
    return laid


def _block(outputs: int) -> int:
    """Return how many outputs are made together: as many as the registers hold sums of."""
    return next(block for block in (24, 16, LANES) if outputs % block == 0)


def _whole(pixels: int) -> int:
    return -(-pixels // TILE) * TILE
