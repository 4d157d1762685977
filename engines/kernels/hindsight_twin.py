"""The kernels of `hindsight.cu` in numpy: the same names, the same arithmetic in float32, in the same order.

Packed pictures are `[8, h, w]` in float16, motion `[h, w, 2]` as `carry.Flow`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.kernels.motion_twin import LEAST_VARIANCE, Half, Single, carried_picture, linear, mixed, places
from engines.model.hindsight import AROUND, DETAIL, LASTING, MOVES, MOVING, ODD, STANDING, TOLERANCE, WEIGHED
from engines.model.noise import NoiseProfile

_F = np.float32
_PHASES = 4


def turned(motion: Single) -> Single:
    """Return the motion the other way, as `carry.turned`."""
    columns, rows = places(motion.shape[:2])
    x, y = columns - motion[..., 0], rows - motion[..., 1]
    there = [linear(np.ascontiguousarray(motion[..., axis]), x, y) for axis in (0, 1)]
    return -np.stack(there, -1)


def leant(own: Half, later: Half, back: Single, noise: NoiseProfile) -> Half:
    """Return a picture that has taken over of the next one, carried along `back`, what agrees with it."""
    squares, lasting, detail = (_around(field) for field in _apart(own, later, noise))
    white = 1 - noise.coarse
    weight = squares + _F(LASTING * white) * lasting * lasting
    weight = weight * (_F(1) / _F(TOLERANCE) + _F(ODD * white) / (detail + _F(DETAIL)))
    moves = np.minimum(np.sqrt(back[..., 0] * back[..., 0] + back[..., 1] * back[..., 1]) / _F(MOVES), _F(1))
    luma = mixed(np.full_like(moves, STANDING), _F(MOVING), moves) * np.exp(-weight)
    share = np.stack([luma] * _PHASES + [_F(STANDING) * np.exp(-weight * _F(WEIGHED))] * (len(own) - _PHASES))
    return mixed(own.astype(np.float32), later.astype(np.float32), share).astype(np.float16)


def smoothed(pictures: Sequence[Half], motions: Sequence[Single], noise: NoiseProfile) -> list[Half]:
    """Return the restored pictures of a shot, each leaning on those after it: all that the GPU does for it.

    `motions` are one less: that of each picture from the one before.
    """
    found = [pictures[-1]]
    for own, motion in zip(reversed(pictures[:-1]), reversed(motions), strict=True):
        back = turned(motion)
        found.append(leant(own, carried_picture(found[-1], back, soft=True), back, noise))
    return found[::-1]


def _apart(own: Half, later: Half, noise: NoiseProfile) -> tuple[Single, Single, Single]:
    """Return how far luma is apart in units of the noise, squared and as it is, and how far its own samples are."""
    luma, squares, total = (np.zeros(own.shape[1:], np.float32) for _ in range(3))
    samples = own[:_PHASES].astype(np.float32)
    for here, there in zip(samples, later, strict=False):
        off = there.astype(np.float32) - here
        luma, squares, total = luma + here, squares + off * off, total + off
    unit = _F(1) / np.sqrt(np.maximum(_F(noise.shot) * (_F(0.25) * luma) + _F(noise.read), LEAST_VARIANCE))
    one, other = samples[0] - samples[3], samples[1] - samples[2]
    detail = _F(0.25) * (one * one + other * other) * unit * unit
    return _F(0.25) * squares * unit * unit, _F(0.25) * total * unit, detail


def _around(field: Single) -> Single:
    """Return the mean over a pixel's neighbourhood; edges repeat."""
    (height, width), (down, across) = field.shape, AROUND
    wide = np.pad(field, ((down // 2, down // 2), (across // 2, across // 2)), mode="edge")
    total = np.zeros_like(field)
    for row in range(down):
        for column in range(across):
            total = total + wide[row : row + height, column : column + width]
    return total / _F(down * across)
