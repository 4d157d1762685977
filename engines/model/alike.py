"""What a picture knows of itself: a still has no past and no future to lean on, so it leans on itself.

Much is there more than once: a wall, a row of windows, the weave of a cloth. What the network made of a picture is the
guide in which patches are compared, since their likeness shows there and not their noise. Over those that are alike
the guide is averaged, and the more there are, the more what was filmed is averaged in its stead: so fine texture comes
back that the network took for noise. A patch that is like no other stays as it was. Nothing is learned here, so that
every model of every production gains alike.

Source: Buades, Coll and Morel 2005, "A non-local algorithm for image denoising"; a first estimate as the guide of the
second is from Dabov et al. 2007, "Image denoising by sparse 3-D transform-domain collaborative filtering". How much is
taken for alike was measured on single pictures of training footage with made noise and as photographs
(docs/log.md, 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from engines.media.frames import CODE_MAX, Picture
from engines.model.noise import NoiseProfile

Floats = npt.NDArray[np.float32]

ALIKE, ALIKE_MOST, ALIKE_COLOURS = 0.12, 0.6, 0.6
"""Mean squared difference of two patches, in units of the noise told, that counts 1/e of what the same patch would:
luma's under white noise, luma's at most, and chroma's, which is soft anyway."""
COARSER = 0.06
"""What is added to ALIKE for each pixel more that coarse noise is alike over. Past ALIKE_MOST noise is as coarse as
weak texture."""
_NEAR, WIDER = 1.0, 4.0
"""How many times as far what counts for alike may differ in the near average and in the wide one: of photographs what
is best differs by a hundred, and no number of a picture tells which it is (docs/log.md, 2026-11-28)."""
FEW = 3.0
"""So many patches that are alike bring half of what was filmed and half of the guide."""
_LEAST = np.float32(1e-3)
"""Least weight of a patch by itself, so that one without its like is its own average."""
_FAR = np.float32(30)
"""What differs by more counts no less: numbers beyond what a float holds well are ten times as slow."""
_ROWS = 32
"""Rows at once, so that all of them stay in the processor's cache."""

_SIDE = 5
"""Luma samples to a side of a patch that noise is heard in."""
_PLACES = [
    (down, across)
    for down in range(0, 13, 3)
    for across in range(-12, 13, 3)
    if (down, across) > (0, 0) and max(down, abs(across)) > 4  # noqa: PLR2004 - noise is alike over four samples
]
"""Where the other place is looked for, down and across: every pair once."""
_ENOUGH, _LEAST_HEARD = 1000.0, 0.05
"""Least pairs of samples that tell anything, and the least share of the deviation that is ever left."""
_SHARED = 0.75
"""What is missing of the deviation, times coarseness squared: coarse noise is left in the guide, which then finds alike
what has the same noise. Heard were 0.78 to 0.87 of it at 0.40, 0.75 at 0.54, 0.70 at 0.63 (2026-11-28)."""
_FINE, _COARSE = 0.3, 0.42
"""Heard coarseness up to which hearing is trusted, and from which it is not: where texture was told for noise, the
white noise of training footage was heard below 0.3, photographs' own noise, of which flat places tell too little
already, above 0.43."""
_CHROMA_MOST = 2.0
"""Most that chroma is told of luma; its own deviation stays as it was told."""
_COARSE_HEARD = 0.77
"""What is heard of coarseness, where noise is."""


class _Raster(NamedTuple):
    """How far alike patches are looked for, and how large they are: rows and columns of samples, to each side."""

    reach: tuple[int, int]
    patch: tuple[int, int]


_LUMA, _CHROMA = _Raster((8, 8), (2, 2)), _Raster((8, 4), (2, 1))
"""The same places of the picture. Reaching for 12 rows, and patches of 7x7, were within 0.1 dB."""


def leaning(filmed: Picture, restored: Picture, noise: NoiseProfile) -> tuple[Picture, Picture]:
    """Return a restored picture that leans on what is alike in it, near and wide, in whole code values.

    Wide, what differs WIDER times as much counts as much.
    """
    y, cb, cr = (plane.astype(np.float32) for plane in (restored.y, restored.cb, restored.cr))
    unit = noise.deviation(y * np.float32(1 / CODE_MAX)) * np.float32(CODE_MAX)
    scale = np.float32(_alike(noise) ** -0.5) / unit
    luma = _averaged(np.stack([filmed.y, y]), y[None], scale[None], _LUMA)
    beside, half = np.float32((3 * ALIKE_COLOURS) ** -0.5) / unit[:, ::2], (y[:, ::2] + y[:, 1::2]) / 2
    told = np.stack([beside, beside / np.float32(noise.chroma), beside / np.float32(noise.chroma)])
    chroma = _averaged(np.stack([filmed.cb, filmed.cr, cb, cr]), np.stack([half, cb, cr]), told, _CHROMA)
    near, wide = (
        Picture(filmed.number, *(np.rint(plane).astype(np.uint16) for plane in (*planes, *colours)))
        for planes, colours in zip(luma, chroma, strict=True)
    )
    return near, wide


def heard_again(filmed: Picture, restored: Picture, noise: NoiseProfile) -> NoiseProfile:
    """Return the noise as it shows between places that are alike, where that is less than was told.

    A picture without a flat place was told its texture for noise, too, louder and coarser. What is there more than once
    is the same both times, and noise is not.
    """
    y, codes = restored.y.astype(np.float32), filmed.y.astype(np.float32)
    unit = noise.deviation(y * np.float32(1 / CODE_MAX)) * np.float32(CODE_MAX)
    seen = power = beside = 0.0
    for down, across in _PLACES:
        if min(y.shape[0] - down, y.shape[1] - abs(across)) < _SIDE:
            continue
        one, other = _overlap(y.shape, down, across)
        guide, change = ((plane[one] - plane[other]) / unit[one] for plane in (y, codes))
        weight = cv2.exp(cv2.blur(guide * guide, (_SIDE, _SIDE)) * np.float32(-1 / ALIKE))
        weighed = weight * change
        seen += float(weight.sum())
        power += float((weighed * change).sum())
        for next_one, before in ((change[1:], weighed[:-1]), (change[:, 1:], weighed[:, :-1])):
            beside += float((next_one * before).sum()) / 2
    if seen < _ENOUGH or power <= 0:
        return noise
    coarse = max(beside / power, 0.0)
    level = (power / seen / 2) ** 0.5 / (1 - _SHARED * coarse**2)
    sure = float(np.clip((_COARSE - coarse) / (_COARSE - _FINE), 0, 1))
    share = max(1 - sure * max(1 - level, 0.0), _LEAST_HEARD)
    finer = sure * max(noise.coarse - coarse / _COARSE_HEARD, 0.0)
    chroma = min(noise.chroma / share, max(noise.chroma, _CHROMA_MOST))
    return NoiseProfile(noise.shot * share**2, noise.read * share**2, chroma, noise.coarse - finer)


def _overlap(shape: tuple[int, ...], down: int, across: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the places of a plane that have another one so far down and across in it, and those others."""
    height, width = shape
    left, right = max(0, -across), min(width, width - across)
    one, other = slice(left, right), slice(left + across, right + across)
    return (slice(0, height - down), one), (slice(down, height), other)


def _alike(noise: NoiseProfile) -> float:
    """Return what counts as ALIKE: coarse noise has fewer independent samples in a patch, which average less of it.

    Over how many pixels it is alike is what the correlations of a Gaussian blur add up to.
    """
    apart = np.arange(-8, 9)
    pixels = float((noise.coarse ** (apart * apart)).sum() ** 2)
    return min(ALIKE + COARSER * (pixels - 1), ALIKE_MOST)


def _averaged(planes: Floats, guides: Floats, scales: Floats, raster: _Raster) -> Floats:
    """Return planes averaged over what is alike in the guides, whose differences count by `scales`, near and wide.

    Shape: planes `[2n, H, W]`, n as filmed and n as restored, guides and scales `[m, H, W]`, the result `[2, n, H, W]`.
    """
    (down, across), (above, beside) = raster
    sources, near = _bordered(planes, down, across), _bordered(guides, down + above, across + beside)
    weighed = _bordered(scales, above, beside)
    strips = []
    for top in range(0, planes.shape[1], _ROWS):
        bottom = min(top + _ROWS, planes.shape[1])
        rows = [slice(top, bottom + 2 * border) for border in (down, down + above, above)]
        strips.append(_strip(sources[:, rows[0]], near[:, rows[1]], weighed[:, rows[2]], raster))
    return np.concatenate(strips, 2)


def _strip(sources: Floats, guides: Floats, scales: Floats, raster: _Raster) -> Floats:
    """Return `_averaged` of some rows, given with their borders."""
    down, across = raster.reach
    height, width = sources.shape[1] - 2 * down, sources.shape[2] - 2 * across
    sums = [_Sums(len(sources), height, width) for _ in (_NEAR, WIDER)]
    for row, column, apart in _apart(guides, scales, raster):
        shifted = sources[:, row : row + height, column : column + width]
        for tolerance, one in zip((_NEAR, WIDER), sums, strict=True):
            one.add(shifted, _counting(apart, tolerance))
    own = sources[:, down : down + height, across : across + width]
    return np.stack([one.mean(own) for one in sums])


class _Sums:
    """What is averaged of some rows, place after place."""

    def __init__(self, count: int, height: int, width: int) -> None:
        self._sums = np.zeros((count, height, width), np.float32)
        self._total, self._squares, self._most = (
            np.full((height, width), start, np.float32) for start in (0, 0, _LEAST)
        )

    def add(self, sources: Floats, weight: Floats) -> None:
        for own, source in zip(self._sums, sources, strict=True):
            cv2.accumulateProduct(weight, source, own)
        cv2.accumulate(weight, self._total)
        cv2.accumulateSquare(weight, self._squares)
        cv2.max(weight, self._most, self._most)

    def mean(self, own: Floats) -> Floats:
        """Return the average, a place by itself counting as much as what is most like it."""
        total = self._total + self._most
        filmed, restored = np.split((self._sums + self._most * own) / total, 2)
        many = total * total / (self._squares + self._most * self._most)
        averaged: Floats = restored + many / (many + np.float32(FEW)) * (filmed - restored)
        return averaged


def _apart(guides: Floats, scales: Floats, raster: _Raster) -> Iterator[tuple[int, int, Floats]]:
    """Yield where the other patches lie, from the border's corner on, and how far apart each is, `[h, w]`."""
    (down, across), (above, beside) = raster
    _, rows, columns = scales.shape
    own, apart = guides[:, down : down + rows, across : across + columns], np.empty_like(scales)
    for row in range(2 * down + 1):
        for column in range(2 * across + 1):
            if (row, column) == raster.reach:
                continue
            np.subtract(own, guides[:, row : row + rows, column : column + columns], out=apart)
            np.multiply(apart, scales, out=apart)
            squared = np.einsum("chw,chw->hw", apart, apart)
            mean = cv2.blur(squared, (2 * beside + 1, 2 * above + 1))[above : rows - above, beside : columns - beside]
            yield row, column, mean


def _counting(apart: Floats, tolerance: float) -> Floats:
    counts: Floats = cv2.exp(np.maximum(apart * np.float32(-1 / tolerance), -_FAR))
    return counts


def _bordered(planes: Floats, down: int, across: int) -> Floats:
    return np.pad(planes, ((0, 0), (down, down), (across, across)), mode="symmetric")
