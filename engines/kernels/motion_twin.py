"""The kernels of `motion.cu` in numpy: the same names, the same arithmetic in float32, in the same order.

What tests compare the kernels with, and what tells how good their motion is where there is no GPU. Grey pictures are
`[h, w]` of 0 to 1, motion `[h, w, 2]` as `carry.Flow` in pixels of its level, packed pictures `[8, h, w]` in float16.

Source: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", sections 2.1 to 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.kernels.pyramid import BINS, COARSE, PATCH, SETTLINGS, STRIDE, Pyramid, Size, lattice, samples
from engines.media.frames import CODE_MAX, HIGHEST, LOWEST, Plane
from engines.model import noise as noises
from engines.model.noise import NoiseProfile
from engines.model.packing import interleaved
from engines.model.topology import NOISE_SCALE

Half = npt.NDArray[np.float16]
Single = npt.NDArray[np.float32]
Whole = npt.NDArray[np.intp]
_Weights = tuple[Whole, list[Single]]
_F = np.float32

_ROUNDS, _DAMPING, _FLAT = 6, _F(1e-3), _F(1e-8)
_COUNT = _F(PATCH * PATCH)
_NEAR = 2
_REACH = PATCH // STRIDE + 2
_GAUSS = np.array([0.33249028, 0.23495369, 0.08290719, 0.01460860, 0.00128538], np.float32)
_WINDOW = 7
_EXPLAINS, _SURELY = _F(0.09), _F(0.19)
_FLATTEST = _F(0.02)
_KEYS = _F(-0.75)
LEAST_VARIANCE = _F(noises.LEAST_VARIANCE)


def grey_rows(y: Plane, rows: int, columns: int) -> Single:
    """Return luma at half size, 0 to 1, blurred along its rows."""
    across = [_within(2 * np.arange(columns) + side, y.shape[1]) for side in (0, 1)]
    down = [_within(2 * np.arange(rows) + side, y.shape[0]) for side in (0, 1)]
    sums = sum(y[np.ix_(line, column)].astype(np.int32) for line in down for column in across)
    luma = np.asarray(sums, np.int32).astype(np.float32) * (_F(0.25) / _F(CODE_MAX))
    return _convolved(luma.T).T


def grey_columns(grey: Single) -> Single:
    """Return it blurred along its columns, too."""
    return _convolved(grey)


def _convolved(plane: Single) -> Single:
    found, most = np.zeros_like(plane), len(_GAUSS) - 1
    for far in range(-most, most + 1):
        found = found + _GAUSS[abs(far)] * plane[_within(np.arange(len(plane)) + far, len(plane))]
    return found


def halved(plane: Single) -> Single:
    """Return the next level of a pyramid."""
    wide = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    found: Single = _F(0.25) * ((wide[::2, ::2] + wide[::2, 1::2]) + (wide[1::2, ::2] + wide[1::2, 1::2]))
    return found


def counted(y: Plane) -> npt.NDArray[np.int32]:
    """Return how often each code occurs in every eighth column of every eighth row, and each 32 codes, `[1056]`."""
    rows, columns = samples(y.shape[0], y.shape[1])
    codes = np.minimum(y[::8, ::8][:rows, :columns], BINS - 1).ravel()
    coarse = np.bincount(codes // COARSE, minlength=BINS // COARSE)
    return np.concatenate((np.bincount(codes, minlength=BINS), coarse)).astype(np.int32)


def stretched(counts: npt.NDArray[np.int32]) -> np.float32:
    """Return what a change of grey is multiplied by to be of 255."""
    codes = np.repeat(np.arange(BINS), counts[:BINS])
    low, high = codes[(len(codes) - 1) // 100], codes[(len(codes) - 1) * 99 // 100]
    return _F(255) / max(_F(high - low) / _F(CODE_MAX), _FLATTEST)


@dataclass(frozen=True, slots=True)
class _Patches:
    """The patches of a level `[64, N]`: where their pixels are, what they show, their slopes and sums of these."""

    rows: Whole
    columns: Whole
    shown: Single
    across: Single
    down: Single
    sums: tuple[Single, Single]
    square: tuple[Single, Single, Single]

    def of(self, chosen: npt.NDArray[np.bool_]) -> _Patches:
        """Return some of the patches."""
        (x, y), (xx, xy, yy) = self.sums, self.square
        return _Patches(
            self.rows[:, chosen],
            self.columns[:, chosen],
            self.shown[:, chosen],
            self.across[:, chosen],
            self.down[:, chosen],
            (x[chosen], y[chosen]),
            (xx[chosen], xy[chosen], yy[chosen]),
        )


_Left = tuple[Single, Single, Single]
"""What a displacement leaves of each patch: how unlike it is, less its mean, and that along the slopes."""


def _patches(now: Single) -> _Patches:
    (height, width), (down, across) = now.shape, lattice(now.shape)
    tops, lefts = (_origins(count, side) for count, side in ((down, height), (across, width)))
    inside = np.arange(PATCH * PATCH)
    rows = np.repeat(tops, across)[None] + inside[:, None] // PATCH
    columns = np.tile(lefts, down)[None] + inside[:, None] % PATCH
    x = _F(0.5) * (_read(now, rows, columns + 1) - _read(now, rows, columns - 1))
    y = _F(0.5) * (_read(now, rows + 1, columns) - _read(now, rows - 1, columns))
    sums = x.sum(0), y.sum(0)
    xx = (x * x).sum(0) - sums[0] * sums[0] / _COUNT
    xy = (x * y).sum(0) - sums[0] * sums[1] / _COUNT
    yy = (y * y).sum(0) - sums[1] * sums[1] / _COUNT
    damping = _DAMPING * (xx + yy) + _FLAT
    return _Patches(rows, columns, _read(now, rows, columns), x, y, sums, (xx + damping, xy, yy + damping))


def _left(before: Single, of: _Patches, by: Single) -> _Left:
    off = linear(before, of.columns.astype(np.float32) + by[:, 0], of.rows.astype(np.float32) + by[:, 1]) - of.shown
    total = off.sum(0)
    unlike = (off * off).sum(0) - total * total / _COUNT
    x, y = (slope * off for slope in (of.across, of.down))
    return unlike, x.sum(0) - of.sums[0] * total / _COUNT, y.sum(0) - of.sums[1] * total / _COUNT


def searched(now: Single, before: Single, coarse: Single | None) -> Single:
    """Return the displacement of each patch of a level `[down, across, 2]`, begun at rest or where `coarse` says."""
    of, size = _patches(now), lattice(now.shape)
    at = np.zeros((size[0] * size[1], 2), np.float32)
    left = _left(before, of, at)
    if coarse is not None:
        rows, columns = ((part[0] + PATCH // 2) // 2 for part in (of.rows, of.columns))
        told = _F(2) * coarse[_within(rows, coarse.shape[0]), _within(columns, coarse.shape[1])]
        there = _left(before, of, told)
        better = there[0] < left[0]
        at = _taken(better, told, at)
        x, y, z = (np.where(better, one, other) for one, other in zip(there, left, strict=True))
        left = x, y, z
    return _bettered(before, of, at, left).reshape(*size, 2)


def _bettered(before: Single, of: _Patches, at: Single, left: _Left) -> Single:
    """Return displacements after inverse search, which ends for each patch where it gets no more alike."""
    begun, found, live = at, at.copy(), np.arange(len(at))
    for _ in range(_ROUNDS):
        xx, xy, yy = of.square
        area = xx * yy - xy * xy
        step: Single = np.stack(((yy * left[1] - xy * left[2]) / area, (xx * left[2] - xy * left[1]) / area), -1)
        following = at - step
        there = _left(before, of, following)
        better = (np.abs(following - begun[live]) <= PATCH).all(-1) & (there[0] < left[0])
        at = following[better]
        of, live = of.of(better), live[better]
        left = there[0][better], there[1][better], there[2][better]
        found[live] = at
        if not len(live):
            break
    return found


def settled(now: Single, before: Single, found: Single) -> Single:
    """Return the displacement of each patch, or that of a patch two off to a side if it is more alike."""
    of, (down, across) = _patches(now), found.shape[:2]
    at: Single = found.reshape(-1, 2)
    unlike = _left(before, of, at)[0]
    for below, beside in ((0, _NEAR), (0, -_NEAR), (_NEAR, 0), (-_NEAR, 0)):
        rows, columns = _within(np.arange(down) + below, down), _within(np.arange(across) + beside, across)
        told: Single = found[rows[:, None], columns[None]].reshape(-1, 2)
        there = _left(before, of, told)[0]
        at = _taken(there < unlike, told, at)
        unlike = np.minimum(there, unlike)
    return at.reshape(down, across, 2)


def displaced(now: Single, before: Single, coarse: Single | None) -> Single:
    """Return the displacement of each patch of a level once it was sought and has settled."""
    found = searched(now, before, coarse)
    for _ in range(SETTLINGS):
        found = settled(now, before, found)
    return found


def spread(now: Single, before: Single, found: Single, stretch: np.float32) -> Single:
    """Return the motion of each pixel: the mean of its patches' displacements, by how well each explains the pixel."""
    (height, width), (down, across) = now.shape, found.shape[:2]
    x, y = places(now.shape)
    motion, weights = np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.float32)
    for below in range(_REACH):
        rows, covers_rows = _reaching(below, down, height)
        for beside in range(_REACH):
            columns, covers_columns = _reaching(beside, across, width)
            by = found[rows[:, None], columns[None]]
            error = np.abs(linear(before, x + by[..., 0], y + by[..., 1]) - now) * stretch
            weight = np.where(covers_rows[:, None] & covers_columns[None], _F(1) / np.maximum(error, _F(1)), _F(0))
            motion += weight[..., None] * by
            weights += weight
    mean: Single = motion / weights[..., None]
    return mean


def compared(now: Single, before: Single, coarse: Single, stretch: np.float32) -> tuple[Single, Single]:
    """Return motion at the packed raster, and how far what stands still and what moves are off `[h, w, 2]`."""
    x, y = places(now.shape)
    halves = [_F(0.5) * (place - _F(0.5)) for place in (x, y)]
    motion = _F(2) * np.stack([linear(np.ascontiguousarray(coarse[..., axis]), *halves) for axis in (0, 1)], -1)
    seen = linear(before, x + motion[..., 0], y + motion[..., 1])
    return motion, np.stack([np.abs(now - other) * stretch for other in (before, seen)], -1)


def summed(off: Single) -> Single:
    """Return sums along rows, over the window in which motion is weighed."""
    return _window(off.swapaxes(0, 1)).swapaxes(0, 1)


def weighed(sums: Single, motion: Single) -> Single:
    """Return motion, less where it explains the picture no better than standing still does."""
    total = _window(sums)
    standing, moving = total[..., 0], total[..., 1]
    explained = (standing - moving) / (standing + moving + _F(0.5 * (2 * _WINDOW + 1) ** 2))
    share = np.clip((explained - _EXPLAINS) / (_SURELY - _EXPLAINS), _F(0), _F(1))
    taken: Single = motion * share[..., None]
    return taken


def _window(parts: Single) -> Single:
    found = np.zeros_like(parts)
    for far in range(-_WINDOW, _WINDOW + 1):
        found = found + parts[_within(np.arange(len(parts)) + far, len(parts))]
    return found


def levels(y: Plane, pyramid: Pyramid) -> list[Single]:
    """Return the grey pictures of a plane of luma, finest first."""
    found = [grey_columns(grey_rows(y, pyramid.height, pyramid.width))]
    while len(found) < len(pyramid.sizes):
        found.append(halved(found[-1]))
    return found


def motion_of(now: Plane, before: Plane) -> Single:
    """Return the motion from a plane of luma to the one before, as `carry.flow`: all that the GPU does for it."""
    pyramid = Pyramid.of(*now.shape)
    one, other = (levels(plane, pyramid) for plane in (now, before))
    stretch, coarse = stretched(counted(before)), None
    for level in pyramid.sought:
        coarse = spread(one[level], other[level], displaced(one[level], other[level], coarse), stretch)
    assert coarse is not None
    motion, off = compared(one[0], other[0], coarse, stretch)
    return weighed(summed(off), motion)


def carried_picture(before: Half, motion: Single, *, soft: bool = False) -> Half:
    """Return a packed picture where the motion leads, each of its planes sampled at its own raster.

    Cubic, colours linear if `soft`.
    """
    colour = _tent if soft else _weights
    luma, *colours = interleaved(before.astype(np.float32))
    columns, rows = places(motion.shape[:2])
    x, y = columns + motion[..., 0], rows + motion[..., 1]
    found = np.empty_like(before)
    for down in (0, 1):
        line = _F(2) * y + _F(down)
        for across in (0, 1):
            found[2 * down + across] = _sampled(luma, _weights(_F(2) * x + _F(across)), _weights(line))
        for first, plane in zip((4, 6), colours, strict=True):
            found[first + down] = _sampled(plane, colour(x), colour(line))
    return found


def carried_state(state: Half, motion: Single) -> Half:
    """Return a state `[H, h, w]` where the motion leads (linear)."""
    columns, rows = places(motion.shape[:2])
    x, y = columns + motion[..., 0], rows + motion[..., 1]
    return np.stack([linear(plane.astype(np.float32), x, y) for plane in state]).astype(np.float16)


def noise_map(packed: Half, profile: NoiseProfile) -> Half:
    """Return what the network is told of noise `[3, h, w]`, as `NoiseProfile.noise_map`."""
    luma = packed[0].astype(np.float32)
    for channel in range(1, 4):
        luma = luma + packed[channel].astype(np.float32)
    variance = _F(profile.shot) * (_F(0.25) * luma) + _F(profile.read)
    deviation = _F(NOISE_SCALE) * np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    told = (deviation, deviation * _F(profile.chroma), np.full_like(deviation, profile.coarse))
    return np.stack(told).astype(np.float16)


def blended(restored: Half, filmed: Sequence[Plane], strength: float) -> tuple[Plane, ...]:
    """Return planes between those that were filmed and a restored packed picture, whole codes that interfaces carry."""
    planes = interleaved(restored.astype(np.float32))
    return tuple(
        _codes(plane[: then.shape[0], : then.shape[1]], then.astype(np.float32), _F(strength))
        for plane, then in zip(planes, filmed, strict=True)
    )


def _codes(restored: Single, filmed: Single, strength: np.float32) -> Plane:
    codes = np.rint(filmed + strength * (restored * _F(CODE_MAX) - filmed))
    return np.clip(codes, np.minimum(filmed, _F(LOWEST)), np.maximum(filmed, _F(HIGHEST))).astype(np.uint16)


def _within(at: Whole, count: int) -> Whole:
    return np.clip(at, 0, count - 1)


def places(size: Size) -> tuple[Single, Single]:
    """Return where each pixel is, x and y."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return columns, rows


def _read(plane: Single, rows: Whole, columns: Whole) -> Single:
    found: Single = plane[_within(rows, plane.shape[0]), _within(columns, plane.shape[1])]
    return found


def linear(plane: Single, x: Single, y: Single) -> Single:
    """Return a plane between its pixels; its edges repeat."""
    height, width = plane.shape
    x, y = (np.clip(at, _F(0), _F(side - 1)) for at, side in ((x, width), (y, height)))
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left.astype(np.float32), y - top.astype(np.float32)
    above = mixed(plane[top, left], plane[top, right], across)
    return mixed(above, mixed(plane[bottom, left], plane[bottom, right], across), down)


def mixed(one: Single, other: Single | np.float32, part: Single) -> Single:
    """Return what lies between two, as kernels compute it."""
    between: Single = one + part * (other - one)
    return between


def _weights(at: Single) -> _Weights:
    """Return the first of four pixels around places, and the weight of each. Source: Keys 1981, equation 4."""
    low = np.floor(at)
    part = at - low
    return low.astype(np.intp) - 1, [_far(part + _F(1)), _near(part), _near(_F(1) - part), _far(_F(2) - part)]


def _near(far: Single) -> Single:
    weight: Single = ((_KEYS + _F(2)) * far - (_KEYS + _F(3))) * far * far + _F(1)
    return weight


def _far(far: Single) -> Single:
    weight: Single = ((_KEYS * far - _F(5) * _KEYS) * far + _F(8) * _KEYS) * far - _F(4) * _KEYS
    return weight


def _tent(at: Single) -> _Weights:
    """Return the same for linear sampling: the two nearest."""
    low = np.floor(at)
    part, none = at - low, np.zeros_like(at)
    return low.astype(np.intp) - 1, [none, _F(1) - part, part, none]


def _sampled(plane: Single, x: _Weights, y: _Weights) -> Half:
    (left, across), (top, down) = x, y
    total = np.zeros(left.shape, np.float32)
    for number, weight in enumerate(down):
        line = np.zeros_like(total)
        for beside, share in enumerate(across):
            line = line + share * _read(plane, top + number, left + beside)
        total = total + weight * line
    return total.astype(np.float16)


def _origins(count: int, side: int) -> Whole:
    return np.maximum(np.minimum(np.arange(count) * STRIDE, side - PATCH), 0)


def _reaching(nth: int, count: int, side: int) -> tuple[Whole, npt.NDArray[np.bool_]]:
    """Return the nth patch that may reach each pixel of a side, and whether it does."""
    at = np.arange(side)
    numbers = np.where(at < PATCH - 1, 0, (at - PATCH + STRIDE) // STRIDE) + nth
    there = np.minimum(numbers, count - 1)
    begins = _origins(count, side)[there]
    return there, (numbers < count) & (begins <= at) & (at < begins + PATCH)


def _taken(better: npt.NDArray[np.bool_], told: Single, at: Single) -> Single:
    taken: Single = np.where(better[:, None], told, at)
    return taken
