"""The noise of a still: what one picture shows of it, read by a small network that was taught on pictures like it.

Quiet blocks tell a clip's noise well (`noise.py`), for it is seen in time, too. One picture misleads them twice: a
camera's own denoiser empties the flat places and leaves noise on texture, so that they tell a tenth of it; and where
nothing is flat, as in fur and grass, they tell texture. Other clues tell the two apart: how loud quiet, middling and
loud blocks are, at which frequencies, how alike neighbours are in them, whether colours go with luma, whether a block
has a direction. Two layers of 32 put what was measured right by them (`train_still_noise.py`).

Luma's deviation told over the true one, of 21 photographs that no training saw: 0.46 to 1.10, where it was measured at
0.12 to 1.43 (2026-11-28, docs/performance.md, "Stills").
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import cv2
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from engines.errors import BadWeights
from engines.media.frames import CODE_MAX, Picture
from engines.model.noise import BLOCK, CHROMA, LEAST_VARIANCE, NoiseProfile, cut, estimate, flattened, unclipped

Floats = npt.NDArray[np.float32]

FILE = "still-noise.safetensors"
_SMALL = 8
"""Samples to a side of a block of a high-passed picture."""
_FEWEST = 16
"""Fewest blocks, in luma and in chroma, that there are quantiles of: below, what was measured stays."""
_QUANTILES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85)
_QUARTERS = ((0.0, 0.15), (0.15, 0.4), (0.4, 0.7), (0.7, 0.95))
"""Shares of the blocks, from the quiet ones to the loud ones."""
_THIRDS = ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0))
_SMOOTHED = (0.0, 1.2, 2.4)
"""Blurs, in samples, after which directions are looked for."""
_FLOOR = 1e-9
_LOUDER, _COARSEST = (-4.6, 3.0), 0.95
"""Bounds of what is told over what was measured, as a logarithm (a hundredth to twenty times), and of coarseness."""


def first_noise(pictures: Sequence[Picture]) -> NoiseProfile:
    """Return a clip's noise, as its first pictures show it; a still's as it is read."""
    return noise_of_still(*pictures) if len(pictures) == 1 else estimate(pictures)


def noise_of_still(picture: Picture) -> NoiseProfile:
    """Return the noise of a clip of one picture.

    Raises:
        BadWeights: the file that came with nearset is gone or damaged.
    """
    measured = estimate([picture])
    seen = clues(picture, measured)
    if seen is None:
        return measured
    louder, colours, coarser = _read(seen)
    level = float(np.exp(np.clip(louder, *_LOUDER)))
    chroma = float(np.clip(measured.chroma * np.exp(colours - louder), *CHROMA))
    read = max(measured.read * level**2, LEAST_VARIANCE)
    coarse = float(np.clip(measured.coarse + coarser, 0, _COARSEST))
    return NoiseProfile(measured.shot * level**2, read, chroma, coarse)


def put_right(luma: float, chroma: float, coarse: float, told: Floats) -> Floats:
    """Return what is to be read `[3]` where this is the noise: logarithms of deviations and coarseness, less told."""
    wanted = np.array((np.log(luma), np.log(chroma), coarse), np.float32)
    return wanted - np.array((told[0], told[0] + told[1], told[2]), np.float32)


def clues(picture: Picture, measured: NoiseProfile) -> Floats | None:
    """Return what a picture shows `[K]`, what was measured last; None where it is too small to tell.

    The last three are the logarithm of luma's deviation, code values / 1023, of chroma's over it, and coarseness.
    """
    y, cb, cr = (plane.astype(np.float32) / np.float32(CODE_MAX) for plane in (picture.y, picture.cb, picture.cr))
    half = np.float32(0.5) * (y[:, ::2] + y[:, 1::2])
    kept, beside = unclipped(cut(y)), unclipped(cut(half))
    if min(kept.sum(), beside.sum()) < _FEWEST:
        return None
    luma, guide = _blocks(y)[kept], _blocks(half)[beside]
    colours = [_blocks(plane)[beside] for plane in (cb, cr)]
    apart = [_of_colour(blocks, plane) for blocks, plane in zip(colours, (cb, cr), strict=True)]
    deviation = measured.deviation(y)
    told = (np.log(np.sqrt((deviation**2).mean())), np.log(measured.chroma), measured.coarse)
    found = (
        *_of_luma(luma),
        *(clue for passed in _high_passed(y) for clue in _loudness(_power(passed))),
        *(apart[0] + apart[1]) / 2,
        float(np.abs(apart[0] - apart[1])[: len(_QUANTILES)].mean()),
        *_going_with(guide, colours),
        *(clue for blur in _SMOOTHED for clue in _directions(y, blur)),
        *told,
    )
    return np.array(found, np.float32)


def _of_luma(blocks: Floats) -> list[float]:
    """Return how loud blocks are, how alike neighbours are in the quiet to the loud ones, and how peaked they are."""
    variance = blocks.var((1, 2))
    peaks = np.log((blocks**4).mean((1, 2)) / (variance**2 + 1e-14) + 0.1)
    quiet_first = np.argsort(variance)
    alike = [value for share in _QUARTERS for value in _alike(blocks[_part(quiet_first, share)])]
    return [*_loudness(variance), *alike, *(float(peaks[_part(quiet_first, share)].mean()) for share in _THIRDS)]


def _of_colour(blocks: Floats, plane: Floats) -> Floats:
    variance = blocks.var((1, 2))
    quiet_first = np.argsort(variance)
    alike = [value for share in ((0.0, 0.3), (0.3, 1.0)) for value in _alike(blocks[_part(quiet_first, share)])]
    return np.array([*_loudness(variance), *alike, *_loudness(_power(_diagonal(plane)))], np.float32)


def _going_with(guide: Floats, colours: list[Floats]) -> list[float]:
    """Return how each colour's blocks go with luma's, quiet to loud: noise of R'G'B' does at -0.5, texture any."""
    quiet_first = np.argsort(guide.var((1, 2)))
    found = []
    for share in _THIRDS:
        part = _part(quiet_first, share)
        power = float((guide[part] ** 2).mean()) + 1e-10
        for blocks in colours:
            other = float((blocks[part] ** 2).mean()) + 1e-10
            found.append(float((guide[part] * blocks[part]).mean()) / (power * other) ** 0.5)
    return found


def _directions(y: Floats, blur: float) -> list[float]:
    """Return how far blocks have one direction, 0-1, by quantiles and from the faint to the strong.

    Source: the coherence of the structure tensor, Bigun and Granlund 1987.
    """
    seen = cv2.GaussianBlur(y, (0, 0), blur) if blur else y
    across, down = cv2.Sobel(seen, -1, 1, 0, ksize=3), cv2.Sobel(seen, -1, 0, 1, ksize=3)
    xx, yy, xy = (cut(product).mean(-1) for product in (across * across, down * down, across * down))
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy + _FLOOR)
    faint_first = np.argsort(xx + yy)
    quantiles = np.quantile(coherence, _QUANTILES).tolist()
    return [*quantiles, *(float(coherence[_part(faint_first, share)].mean()) for share in _THIRDS)]


def _high_passed(y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return luma's diagonal differences, its sharpest detail, and the differences of what is a little coarser."""
    sharpest = np.outer((1, -2, 1), (1, -2, 1)).astype(np.float32) / 6
    return _diagonal(y), np.asarray(cv2.filter2D(y, -1, sharpest), np.float32), _diagonal(cv2.blur(y, (3, 3)), 2)


def _diagonal(plane: npt.NDArray[np.generic], apart: int = 1) -> Floats:
    over, under = plane[:-apart].astype(np.float32), plane[apart:].astype(np.float32)
    change: Floats = np.float32(0.5) * (under[:, apart:] - under[:, :-apart] - over[:, apart:] + over[:, :-apart])
    return change


def _power(plane: Floats) -> Floats:
    """Return the mean square of each small block."""
    rows, columns = plane.shape[0] // _SMALL, plane.shape[1] // _SMALL
    blocks = plane[: rows * _SMALL, : columns * _SMALL].reshape(rows, _SMALL, columns, _SMALL)
    power: Floats = (blocks**2).mean((1, 3)).ravel()
    return power


def _loudness(variance: Floats) -> list[float]:
    """Return the logarithm of the deviation at each quantile."""
    found: list[float] = (np.log(np.quantile(variance, _QUANTILES) + _FLOOR) / 2).tolist()
    return found


def _alike(blocks: Floats) -> list[float]:
    """Return the correlation of samples one to four apart, along rows and columns, and of diagonal neighbours."""
    power = float((blocks**2).mean()) + 1e-10
    straight = [
        float((blocks[:, :, n:] * blocks[:, :, :-n]).mean() + (blocks[:, n:] * blocks[:, :-n]).mean()) / 2
        for n in (1, 2, 3, 4)
    ]
    return [value / power for value in (*straight, float((blocks[:, 1:, 1:] * blocks[:, :-1, :-1]).mean()))]


def _part(order: npt.NDArray[np.intp], share: tuple[float, float]) -> npt.NDArray[np.intp]:
    first, end = (int(bound * len(order)) for bound in share)
    return order[first : max(end, first + 1)]


def _blocks(plane: Floats) -> Floats:
    """Return the blocks of a plane less their planes, `[N, side, side]`."""
    return flattened(cut(plane)).reshape(-1, BLOCK, BLOCK)


def _read(seen: Floats) -> tuple[float, float, float]:
    """Return by how much luma's and chroma's deviations are louder than measured (logarithms), and how much coarser."""
    taught = _taught(FILE)
    value = (seen - taught["mean"]) / taught["scale"]
    for layer in ("first", "second"):
        value = np.maximum(taught[f"{layer}.weight"] @ value + taught[f"{layer}.bias"], 0)
    luma, chroma, coarse = (taught["last.weight"] @ value + taught["last.bias"]).tolist()
    return luma, chroma, coarse


@cache
def _taught(file: str) -> dict[str, Floats]:
    try:
        return load_tensors((resources.files("engines") / "model" / "base" / file).read_bytes())
    except (OSError, SafetensorError) as error:
        raise BadWeights(
            "what reads a still's noise cannot be used", why=str(error), fix="reinstall nearset"
        ) from error
