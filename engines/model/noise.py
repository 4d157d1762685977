"""How noisy a clip is, measured on itself: variance of luma as a line over the signal (Poisson-Gaussian).

Flat blocks show noise in space, still blocks show it in time; of each block the smaller of the two counts,
and of blocks alike in brightness the quiet ones do, since texture and motion only add.

Source: Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data";
the block scheme is our own, checked against synthetic truth (tests/model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from engines.media.frames import CODE_MAX, Picture
from engines.model.packing import Packed
from engines.model.topology import NOISE_SCALE

_BLOCK = 16
_BINS = 12
_QUIET = 0.15
"""Of blocks alike in brightness, the share taken as free of texture and motion."""
_QUIET_BIAS = 0.86
"""Mean variance of the quietest 15 % of homogeneous blocks of 256, over the true one (chi-squared, by hand of a
simulation, 2026-11-24)."""
_FLOOR = 2.5e-7
"""Smallest variance told: half a code value of 1023, the rounding of a clean 10-bit picture."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NoiseProfile:
    """Luma noise: variance = shot * signal + read, signal and deviation in code values / 1023."""

    shot: float
    read: float

    def deviation(self, signal: Floats) -> Floats:
        """Return the standard deviation at a signal, same shape."""
        variance = np.float32(self.shot) * signal + np.float32(self.read)
        deviation: Floats = np.sqrt(np.maximum(variance, np.float32(_FLOOR)))
        return deviation

    def noise_map(self, packed: Packed) -> Packed:
        """Return the network's noise map `[1, 1, h, w]`: the deviation at the local mean, times NOISE_SCALE."""
        scale = np.float32(NOISE_SCALE)
        return scale * self.deviation(packed[:, :4].mean(1, keepdims=True, dtype=np.float32))


def estimate(pictures: Sequence[Picture]) -> NoiseProfile:
    """Return the noise of a shot from two or more of its pictures in a row; one gives space alone."""
    means, variances = [], []
    for number, now in enumerate(pictures):
        mean, variance = _blocks(now.y, pictures[number - 1].y if number else None)
        means.append(mean)
        variances.append(variance)
    return _fit(np.concatenate(means), np.concatenate(variances))


def _blocks(now: npt.NDArray[np.uint16], before: npt.NDArray[np.uint16] | None) -> tuple[Floats, Floats]:
    """Return mean and noise variance of each block that neither clips."""
    blocks = _cut(now)
    mean: Floats = blocks.mean(-1)
    variance = _plane_residual(blocks)
    if before is not None:
        change = blocks - _cut(before)
        variance = np.minimum(variance, change.var(-1) / 2).astype(np.float32)
    usable = (blocks.min(-1) > 0.02) & (blocks.max(-1) < 0.98)  # noqa: PLR2004 - clipped noise is not noise
    return mean[usable], variance[usable]


def _cut(plane: npt.NDArray[np.uint16]) -> Floats:
    rows, columns = plane.shape[0] // _BLOCK, plane.shape[1] // _BLOCK
    cut = plane[: rows * _BLOCK, : columns * _BLOCK].astype(np.float32) / CODE_MAX
    blocks = cut.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    return blocks.reshape(rows * columns, _BLOCK * _BLOCK).astype(np.float32, copy=False)


def _plane_residual(blocks: Floats) -> Floats:
    """Return each block's variance about its best plane."""
    ramp = np.linspace(-1, 1, _BLOCK, dtype=np.float32)
    down, across = np.repeat(ramp, _BLOCK), np.tile(ramp, _BLOCK)
    power = float((down**2).sum())
    residual = blocks.var(-1)
    for axis in (down, across):
        residual = residual - (blocks @ axis) ** 2 / power / blocks.shape[1]
    clipped: Floats = np.maximum(residual, 0).astype(np.float32)
    return clipped


def _fit(mean: Floats, variance: Floats) -> NoiseProfile:
    """Return the line under the quiet blocks of each brightness, by least squares weighted by their count."""
    edges = np.linspace(0, 1, _BINS + 1)
    signal, level, weight = [], [], []
    for low, high in pairwise(edges):
        inside = np.sort(variance[(mean >= low) & (mean < high)])
        if len(inside) < 8:  # noqa: PLR2004 - too few to call any of them quiet
            continue
        quiet = inside[: max(4, int(len(inside) * _QUIET))]
        signal.append((low + high) / 2)
        level.append(float(quiet.mean()) / _QUIET_BIAS)
        weight.append(len(inside) ** 0.5)
    if not signal:
        return NoiseProfile(0.0, _FLOOR)
    return _line(np.array(signal), np.array(level), np.array(weight))


def _line(
    signal: npt.NDArray[np.float64], level: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> NoiseProfile:
    flat = float(np.average(level, weights=weight))
    if len(signal) < 3:  # noqa: PLR2004 - a slope needs more
        return NoiseProfile(0.0, max(flat, _FLOOR))
    slope, offset = np.polyfit(signal, level, 1, w=weight)
    if slope < 0:
        return NoiseProfile(0.0, max(flat, _FLOOR))
    if offset < _FLOOR:
        through_zero = float((weight**2 * signal * level).sum() / (weight**2 * signal**2).sum())
        return NoiseProfile(through_zero, _FLOOR)
    return NoiseProfile(float(slope), float(offset))
