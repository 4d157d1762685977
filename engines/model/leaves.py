"""Rendered pictures to train on: dead leaves, with the sharp edges and fine texture that compressed footage has lost.

Source: the dead-leaves model of natural images, Lee, Mumford and Huang 2001 ("Occlusion Models for Natural
Images"): opaque shapes whose sizes follow a power law of exponent -3. Ours are ellipses, round to grass-like,
plain, shaded, striped or grained.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.model.footage import Still

RENDERED_SIZE = (864, 1152)
"""Rows and columns of the rendered pictures that trainings show."""
_SMALLEST, _LARGEST = 2.0, 260.0
"""Half-axes in pixels of the fine picture, which is averaged down by two or more."""
_LEAVES_A_PIXEL = 1 / 50
_TO_YCBCR = np.array([[0.2126, 0.7152, 0.0722], [-0.114572, -0.385428, 0.5], [0.5, -0.454153, -0.045847]])
"""BT.709, R'G'B' to Y'CbCr. Source: ITU-R BT.709-6, item 3.2-3.3."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def dead_leaves(height: int, width: int, seed: int, largest: float = _LARGEST) -> Still:
    """Return a rendered picture, Y'CbCr 4:4:4 code values `[3, height, width]`, 10 bit legal.

    No leaf's half-axis is larger than `largest` pixels: with small ones there is no flat place, as in a tree from afar.
    """
    rng = np.random.default_rng(seed)
    grain = _grain(rng, 512)
    ground = rng.uniform(0.1, 0.8, 3)
    picture = np.tile(ground.astype(np.float32)[:, None, None], (1, height, width))
    slender = rng.uniform(0, 1) ** 2
    lie = rng.uniform(0, np.pi)
    for _ in range(int(height * width * _LEAVES_A_PIXEL)):
        _lay(picture, rng, grain, ground, slender, lie, largest)
    return still_of(picture)


def still_of(picture: Floats) -> Still:
    """Return R'G'B' `[3, H, W]`, 0-1, as code values."""
    y, cb, cr = np.einsum("ij,jhw->ihw", _TO_YCBCR, np.clip(picture, 0, 1))
    codes = np.stack((64 + 876 * y, 512 + 896 * cb, 512 + 896 * cr))
    still: Still = np.rint(codes).astype(np.uint16)
    return still


def _lay(
    picture: Floats,
    rng: np.random.Generator,
    grain: Floats,
    ground: Doubles,
    slender: float,
    lie: float,
    largest: float,
) -> None:
    """Lay one leaf over the picture."""
    _, height, width = picture.shape
    share = rng.uniform()
    long = (_SMALLEST**-2 + share * (largest**-2 - _SMALLEST**-2)) ** -0.5  # power law of exponent -3
    short = max(1.0, long * (1 - 0.93 * slender * rng.uniform() ** 0.5))
    turn = lie + rng.normal(0, 0.35) if rng.uniform() < slender else rng.uniform(0, np.pi)
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    top, bottom = max(0, int(y - long)), min(height, int(y + long) + 2)
    left, right = max(0, int(x - long)), min(width, int(x + long) + 2)
    down, across = np.arange(top, bottom)[:, None] - y, np.arange(left, right)[None] - x
    along, beside = across * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - across * np.sin(turn)
    inside = (along / long) ** 2 + (beside / short) ** 2 <= 1
    colour = np.clip(ground + rng.normal(0, 0.12, 3) + rng.normal(0, 0.22), 0.01, 0.99)
    light = _texture(rng, grain, along, beside, long)
    leaf = colour.astype(np.float32)[:, None, None] * light
    np.copyto(picture[:, top:bottom, left:right], leaf, where=inside)


def _texture(rng: np.random.Generator, grain: Floats, along: Doubles, beside: Doubles, long: float) -> Floats:
    """Return the light on a leaf, about one: plain, shaded, striped or grained."""
    kind = rng.integers(0, 4)
    if kind == 1:
        return (1 + rng.uniform(-0.5, 0.5) * along / long).astype(np.float32)
    if kind == 2:  # noqa: PLR2004 - striped
        pitch = rng.uniform(4, 24)
        return (1 + rng.uniform(0.05, 0.4) * np.sin(2 * np.pi * beside / pitch)).astype(np.float32)
    if kind == 3:  # noqa: PLR2004 - grained
        top, left = rng.integers(0, grain.shape[0], 2)
        rows = (top + np.arange(along.shape[0])) % grain.shape[0]
        columns = (left + np.arange(along.shape[1])) % grain.shape[1]
        grained: Floats = 1 + np.float32(rng.uniform(0.05, 0.35)) * grain[rows[:, None], columns]
        return grained
    return np.ones(along.shape, np.float32)


def _grain(rng: np.random.Generator, side: int) -> Floats:
    """Return periodic 1/f noise of unit deviation, as bark, cloth and gravel have it."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) / np.maximum(frequency, 1 / side) ** 0.9
    field = np.fft.irfft2(spectrum, s=(side, side))
    grain: Floats = ((field - field.mean()) / field.std()).clip(-2.5, 2.5).astype(np.float32)
    return grain
