"""How noisy a clip is, measured on itself: variance of luma as a line over the signal (Poisson-Gaussian).

Flat blocks show noise in space; blocks that stand still, or can be followed to where they were, show it in time. Of
each block the smaller of the two counts, and of blocks alike in brightness the quiet ones do, since texture and motion
only add.

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
from engines.model.carry import cubic_gain, flow, places, sampled
from engines.model.packing import Packed, pack
from engines.model.topology import NOISE_SCALE

BLOCK = 16
_BINS = 12
_QUIET = 0.15
"""Of blocks alike in brightness, the share taken as free of texture and motion."""
_QUIET_BIAS = 0.86
"""Mean variance of the quietest 15 % of homogeneous blocks of 256, over the true one: 0.856 told by space alone, 0.837
where time tells it too (40,000 blocks of white noise simulated, 2026-11-24)."""
_LOUDER = 1.5
"""How much louder than the quiet blocks those may be that tell how coarse the noise is."""
_STEEPEST = 4.0
"""Most that power may rise from one ring of the lowest frequencies to the next: a blur of 2 pixels; more is texture."""
_SPREAD = 6.0
"""Most that the noise variance of one brightness may be over that of the quietest; what is more is texture."""
_CHROMA_USUAL = 0.63
"""White noise in R'G'B' has it after the matrix and 4:2:2 (computed)."""
CHROMA = (0.3, 2.0)
"""Bounds of chroma's deviation over luma's. Chroma noise that a camera has smeared over more than a block hides from
one picture: of 21 real ones it was told below 0.3 in 17, where it was 0.28 to 0.66 (2026-11-25)."""
LEAST_VARIANCE = 2.5e-7
"""Smallest variance told: half a code value of 1023, the rounding of a clean 10-bit picture."""

Floats = npt.NDArray[np.float32]
Changes = tuple[Floats, ...]
_NO_CHANGES: tuple[Changes, Changes, Changes] = ((), (), ())


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
        deviation: Floats = np.sqrt(np.maximum(variance, np.float32(LEAST_VARIANCE)))
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
    changes = [_NO_CHANGES, *(_changes(now, before) for before, now in pairwise(pictures))]
    found = [_residuals(now.y, now.y, change[0]) for now, change in zip(pictures, changes, strict=True)]
    mean, blocks = (np.concatenate(parts) for parts in zip(*found, strict=True))
    profile = _fit(mean, blocks.var((1, 2)))
    chroma = [
        _in_luma(*_residuals(plane, now.y[:, ::2], change[number]), profile)
        for now, change in zip(pictures, changes, strict=True)
        for number, plane in ((1, now.cb), (2, now.cr))
    ]
    luma, colours = _in_luma(mean, blocks, profile), np.concatenate(chroma)
    if not len(luma) or not len(colours):
        return profile
    heard, beside = _heard(luma), _heard(colours)
    told = float(np.clip((beside.variance / max(heard.variance, 1e-12)) ** 0.5, *CHROMA))
    read = max(profile.read * heard.hidden, LEAST_VARIANCE)
    return NoiseProfile(profile.shot * heard.hidden, read, chroma=told, coarse=heard.coarse)


def _changes(now: Picture, before: Picture) -> tuple[Changes, Changes, Changes]:
    """Return how y, cb and cr differ from the picture before, as loud as one's noise: in place, and followed."""
    motion = flow(pack(now)[0], pack(before)[0], finely=True).repeat(2, 0).repeat(2, 1)
    across, down = motion[: now.height, : now.width, 0], 2 * motion[: now.height, : now.width, 1]
    half = across[:, ::2], down[:, ::2]
    return (
        _change(now.y, before.y, 2 * across, down),
        _change(now.cb, before.cb, *half),
        _change(now.cr, before.cr, *half),
    )


def _change(now: npt.NDArray[np.uint16], before: npt.NDArray[np.uint16], x: Floats, y: Floats) -> Changes:
    columns, rows = places(*now.shape)
    then = before.astype(np.float32)
    gain = 1 + cubic_gain(x) * cubic_gain(y)
    followed: Floats = (now - sampled(then, columns + x, rows + y)) / np.sqrt(gain) / np.float32(CODE_MAX)
    in_place: Floats = (now - then) / np.float32(CODE_MAX * 2**0.5)
    return in_place, followed


def _residuals(plane: npt.NDArray[np.uint16], luma: npt.NDArray[np.uint16], changes: Changes) -> tuple[Floats, Floats]:
    """Return the luma mean of each block that does not clip, `[N]`, and what may be noise in it `[N, side, side]`."""
    brightness = cut(luma.astype(np.float32) / np.float32(CODE_MAX))
    found = flattened(cut(plane.astype(np.float32) / np.float32(CODE_MAX)))
    for change in changes:
        moved = cut(change)
        moved = moved - moved.mean(-1, keepdims=True)
        found = np.where((moved.var(-1) < found.var(-1))[:, None], moved, found)
    usable = unclipped(brightness)
    return brightness.mean(-1)[usable], found[usable].reshape(-1, BLOCK, BLOCK)


def _in_luma(mean: Floats, blocks: Floats, profile: NoiseProfile) -> Floats:
    """Return blocks in units of the luma deviation at their brightness."""
    told: Floats = blocks / profile.deviation(mean)[:, None, None]
    return told


@dataclass(frozen=True, slots=True)
class _Heard:
    """What quiet blocks tell of noise: its variance in their units, and its correlation from one pixel to the next.

    `hidden` is how much more variance it has than quiet blocks of white noise of that loudness would tell.
    """

    variance: float
    coarse: float
    hidden: float


def _heard(blocks: Floats) -> _Heard:
    """Return what is heard in blocks `[N, side, side]`, of which the quiet ones are free of texture and motion.

    Coarse noise has fewer independent samples a block, so that its quiet blocks are quieter, and a block less its
    plane has lost more of it: at a blur of 1.8 pixels 31 % of the deviation were missing (docs/log.md, 2026-11-27).
    How many samples there are is told by the power at each frequency, of blocks nearly as quiet, as in `grain.py`: of
    the quietest alone the noise would seem finer than it is.
    """
    variance = blocks.var((1, 2))
    quiet = float(np.sort(variance)[: max(4, int(len(variance) * _QUIET))].mean())
    near = blocks[variance <= _LOUDER * np.quantile(variance, _QUIET)]
    power = (np.abs(np.fft.fft2(near)) ** 2).mean(0)
    whole = _with_plane(power)
    if not whole.any():  # flat colour without noise: all that a block has is its mean, which is no noise of it
        return _Heard(0.0, 0.0, 1.0)
    samples = float(power.sum() ** 2 / (power**2).sum()) * (1 + 1 / len(near))
    hidden = float(whole.sum() / power.sum()) * _QUIET_BIAS / _quiet_share(samples)
    beside = np.cos(2 * np.pi * np.fft.fftfreq(BLOCK))
    coarse = float((whole * (beside[:, None] + beside) / 2).sum() / whole.sum())
    return _Heard(quiet * hidden, float(np.clip(coarse, 0, 1)), hidden)


def _quiet_share(samples: float) -> float:
    """Return the mean variance of the quietest 15 % of blocks of so many independent samples, over the true one.

    Source: Wilson and Hilferty 1931, "The distribution of chi-square"; 1.554 is the mean of the lowest 15 % of a normal
    distribution. For white noise this is _QUIET_BIAS.
    """
    spread = 2 / (9 * samples)
    return float((1 - spread - 1.554 * spread**0.5) ** 3)


def _with_plane(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return power at each frequency, with what a block lost with its plane: as a Gaussian blur would go on there."""
    diagonal, second = np.ix_((1, -1), (1, -1)), ((0, 0, 2, -2), (2, -2, 0, 0))
    falls = float(np.clip(power[diagonal].mean() / max(float(power[second].mean()), 1e-12), 1, _STEEPEST))
    whole = power.copy()
    whole[0, 0] = power[diagonal].mean() * falls
    for first in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        whole[first] = max(power[first], power[diagonal].mean() * falls**0.5)
    return whole


def cut(plane: Floats) -> Floats:
    """Return the blocks of a plane `[N, side * side]`."""
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    blocks = plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    return blocks.reshape(rows * columns, BLOCK**2)


def unclipped(blocks: Floats) -> npt.NDArray[np.bool_]:
    """Return which blocks of luma `[N, side * side]`, 0-1, touch neither end: clipped noise is not noise."""
    kept: npt.NDArray[np.bool_] = (blocks.min(-1) > 0.02) & (blocks.max(-1) < 0.98)  # noqa: PLR2004 - near the ends
    return kept


def flattened(blocks: Floats) -> Floats:
    """Return each block less its best plane."""
    ramp = np.linspace(-1, 1, BLOCK, dtype=np.float32)
    flat = blocks - blocks.mean(-1, keepdims=True)
    for axis in (np.repeat(ramp, BLOCK), np.tile(ramp, BLOCK)):
        flat = flat - (blocks @ axis)[:, None] / float((axis**2).sum()) * axis
    flattened: Floats = flat.astype(np.float32, copy=False)
    return flattened


def _fit(mean: Floats, variance: Floats) -> NoiseProfile:
    """Return the line under the quiet blocks of each brightness, by least squares on relative errors."""
    signal, level, weight = [], [], []
    for low, high in pairwise(np.linspace(0, 1, _BINS + 1)):
        inside = variance[(mean >= low) & (mean < high)]
        if len(inside) < 8:  # noqa: PLR2004 - too few to call any of them quiet
            continue
        signal.append((low + high) / 2)
        level.append(_quiet(inside) / _QUIET_BIAS)
        weight.append(len(inside) ** 0.5)
    if not signal:
        return NoiseProfile(0.0, LEAST_VARIANCE)
    levels = np.clip(level, LEAST_VARIANCE, max(min(level), LEAST_VARIANCE) * _SPREAD)
    return _line(np.array(signal), levels, np.array(weight) / levels)


def _quiet(variance: Floats) -> float:
    """Return the mean of the quiet share."""
    return float(np.sort(variance)[: max(4, int(len(variance) * _QUIET))].mean())


def _line(
    signal: npt.NDArray[np.float64], level: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> NoiseProfile:
    flat = float(np.average(level, weights=weight))
    if len(signal) < 3:  # noqa: PLR2004 - a slope needs more
        return NoiseProfile(0.0, max(flat, LEAST_VARIANCE))
    slope, offset = np.polyfit(signal, level, 1, w=weight)
    if slope < 0:
        return NoiseProfile(0.0, max(flat, LEAST_VARIANCE))
    if offset < LEAST_VARIANCE:
        through_zero = float((weight**2 * signal * level).sum() / (weight**2 * signal**2).sum())
        return NoiseProfile(through_zero, LEAST_VARIANCE)
    return NoiseProfile(float(slope), float(offset))
