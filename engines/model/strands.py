"""Rendered pictures without a flat place: fur, grass, straw and hair, stroke over stroke, and ground from afar.

In such a picture all that is quiet is texture, and an estimate that goes by quiet blocks tells texture for noise.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engines.model.footage import Still
from engines.model.leaves import still_of

_BENDS = 6
"""Points of a stroke."""
_SOFT = 20.0
"""Pixels of the blur beyond which a picture's light is, and below which its texture."""
_FINER = 3
"""Bits after the point of where a stroke goes."""

Floats = npt.NDArray[np.float32]


def strands(height: int, width: int, seed: int) -> Still:
    """Return a rendered picture, Y'CbCr 4:4:4 code values `[3, height, width]`, 10 bit legal."""
    rng = np.random.default_rng(seed)
    length, thickness = rng.uniform(12, 110), rng.uniform(1, 4.5)
    unrest, curl = rng.uniform(0.05, 1.0), rng.uniform(0, 0.5)
    lie = rng.uniform(0, np.pi) + _smooth(rng, height, width, rng.uniform(0.1, 1.2))
    shade = _smooth(rng, height, width, rng.uniform(0.05, 0.35))
    contrast, tint = rng.uniform(0.08, 0.45), rng.uniform(0, 0.06)
    colour = rng.uniform(0.08, 0.7, 3)
    colour = colour.mean() + (colour - colour.mean()) * rng.uniform(0.1, 1)
    picture = np.tile((0.7 * colour).astype(np.float32), (height, width, 1))
    for _ in range(int(height * width / (length * thickness) * rng.uniform(2, 5))):
        row, column = int(rng.integers(height)), int(rng.integers(width))
        turn = lie[row, column] + rng.normal(0, unrest) + rng.normal(0, curl) * np.linspace(0, 1, _BENDS)
        step = length * rng.uniform(0.5, 1.5) / _BENDS
        path = np.stack((column + step * np.cos(turn).cumsum(), row + step * np.sin(turn).cumsum()), 1)
        shown = colour * np.exp(rng.normal(0, contrast) + shade[row, column]) + rng.normal(0, tint, 3)
        places = np.rint(path * 2**_FINER).astype(np.int32)
        wide = max(1, round(thickness * rng.uniform(0.6, 1.4)))
        paint = np.clip(shown, 0.01, 0.99).tolist()
        cv2.polylines(picture, [places], isClosed=False, color=paint, thickness=wide, shift=_FINER)
    return still_of(picture.transpose(2, 0, 1))


def ground(height: int, width: int, seed: int) -> Still:
    """Return grass, leaves, stone or cloth from afar, as `strands` does: power falls with frequency, not everywhere."""
    rng = np.random.default_rng(seed)
    light, colours = (_falling(rng, height, width) for _ in range(2))
    contrast = rng.uniform(0.06, 0.4) * np.exp(_smooth(rng, height, width, rng.uniform(0.1, 0.8)))
    colour = rng.uniform(0.06, 0.6, 3)
    colour = colour.mean() + (colour - colour.mean()) * rng.uniform(0.1, 1)
    shown = colour[:, None, None] * np.exp(contrast * light + _smooth(rng, height, width, rng.uniform(0.05, 0.5)))
    shown = shown + (rng.normal(0, rng.uniform(0, 0.15), 3)[:, None, None] * contrast * colours)
    return still_of(shown.astype(np.float32))


def fainter(still: Still, share: float) -> Still:
    """Return a picture with so much of its texture: a wall, a cloth or fur in flat light."""
    kept = [
        soft + np.float32(share) * (plane - soft)
        for plane in still.astype(np.float32)
        for soft in (cv2.GaussianBlur(plane, (0, 0), _SOFT),)
    ]
    faint: Still = np.rint(kept).astype(np.uint16)
    return faint


def _falling(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Return a field of unit deviation whose power falls with frequency, faster along one direction."""
    turn, longer, fall = rng.uniform(0, np.pi), rng.uniform(1, 3), rng.uniform(0.4, 1.3)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    along = (across * np.cos(turn) + down * np.sin(turn)) * longer
    frequency = np.hypot(along, down * np.cos(turn) - across * np.sin(turn))
    spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / np.maximum(frequency, 4 / width) ** fall
    field = np.fft.irfft2(spectrum, s=(height, width))
    falling: Floats = (field / field.std()).clip(-3, 3).astype(np.float32)
    return falling


def _smooth(rng: np.random.Generator, height: int, width: int, deviation: float) -> Floats:
    """Return a field that changes slowly over the picture."""
    few = rng.normal(0, deviation, (8, 10)).astype(np.float32)
    return cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)
