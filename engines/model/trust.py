"""How far the weighing of a still is believed: as far as the picture shows that it takes noise, and not what was there.

What is told of a still's noise is read of that picture alone. Two things show where it can be believed. A picture with
flat places shows the noise itself there; of one without any, fur or grass from edge to edge, it is a guess. And noise
that is told of cannot be louder than told: where more is taken, texture goes with it (docs/log.md, 2026-11-28).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engines.media.frames import CODE_MAX, Picture
from engines.model.noise import NoiseProfile, cut, flattened, unclipped
from engines.model.packing import Packed
from engines.model.topology import NOISE_SCALE

Floats = npt.NDArray[np.float32]

_FLAT = 1.25
"""Times the noise that a flat block's deviation is at most."""
_FEWEST = 16
"""Fewest blocks that a picture shows anything by: below, it is taken for one without a flat place."""
_NONE, _ENOUGH = 0.1, 0.3
"""Shares of flat blocks: of a picture that shows no noise by itself, and of one that does."""
_LOUDEST = 1.1
"""Times the noise told that may be taken away without a doubt."""
_AROUND = 3.0
"""Packed pixels, the deviation of the window in which what is taken away is heard."""
_SILENCE = np.float32(1e-8)


def shown(filmed: Picture, noise: NoiseProfile) -> float:
    """Return how far a picture shows its noise by itself, 0-1: 0 without flat places, 1 with enough of them."""
    luma = cut(filmed.y.astype(np.float32) / np.float32(CODE_MAX))
    blocks = luma[unclipped(luma)]
    if len(blocks) < _FEWEST:
        return 0.0
    flat = flattened(blocks).std(1) < _FLAT * noise.deviation(blocks.mean(1))
    return float(np.clip((flat.mean() - _NONE) / (_ENOUGH - _NONE), 0, 1))


def believed(taken: Packed, told: Packed) -> Floats:
    """Return how much of what is taken from luma around a place may be noise, 0-1 `[1, 1, h, w]`.

    `taken` is what was filmed less what is made of it, packed; `told` is `NoiseProfile.noise_map` of it.
    """
    power = np.square(taken[0, :4]).mean(0)
    around = cv2.GaussianBlur(power, (0, 0), _AROUND, borderType=cv2.BORDER_REFLECT_101)
    most = np.square(np.float32(_LOUDEST / NOISE_SCALE) * told[0, 0])
    share: Floats = np.minimum(most / (around + _SILENCE), 1).astype(np.float32, copy=False)
    return share[None, None]
