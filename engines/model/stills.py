"""Stills to learn from: photographed (`photograph.py`), or with noise put on (`synthetic.py`), and their truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.media.frames import CODE_MAX
from engines.model.footage import Still
from engines.model.patches import Patches
from engines.model.photograph import coded_again, light_of, mean_of_exposures, photographs, random_camera
from engines.model.synthetic import add_noise, pack_planes, planes, random_noise

SIDE = 160
"""Packed pixels, 320 in the picture: four hundred blocks."""
_MARGIN = 32
"""Samples of a fine still, beyond four a packed pixel, that a scene is moved about in."""
LARGE_ENOUGH = 4 * SIDE + _MARGIN
"""Rows and columns of a fine still that any scene can be cut of."""
_NEAR, _FAR = (1.5, 6.0), (1.0, 1.5)
"""How much closer a camera's own picture shows what footage shows: three in four, and one in four (see `prints.py`)."""
_CLOSER = 4.0
"""How much closer the others do at most; half of them are as far as footage is."""
_PAIRS = 3
"""Pairs of exposures that a photograph's truth is the mean of."""
_CLEAN = 0.1
"""Share of pictures without noise, of those that it is put on."""


def photographed(
    shown: list[Still], rng: np.random.Generator, generator: torch.Generator, *, again: bool = False
) -> tuple[Tensor, Tensor]:
    """Return an exposure `[1, 8, SIDE, SIDE]`, coded once more or not, and what its camera gives on the mean."""
    closer = rng.uniform(*(_FAR if rng.random() < 0.25 else _NEAR))  # noqa: PLR2004 - see _NEAR
    scene, camera = _scene(shown, closer, generator), random_camera(rng)
    if again:
        camera = coded_again(camera, rng)
    light = light_of(scene, camera, 2 * SIDE)
    truth = mean_of_exposures(light, camera, rng, _PAIRS)
    return photographs(light, camera, rng), truth


def put_on(shown: list[Still], rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a picture with noise put on, `[1, 8, SIDE, SIDE]`, and without it."""
    closer = rng.uniform(1, _CLOSER) if rng.random() < 0.5 else 1.0  # noqa: PLR2004 - half of them
    clean = _in_codes(_enlarged(_scene(shown, closer, generator)))
    if rng.random() < _CLEAN:
        return clean, clean
    return add_noise(clean, random_noise(generator), generator)[0], clean


def _scene(shown: list[Still], closer: float, generator: torch.Generator) -> Tensor:
    """Return a square picture, packed, of so many packed pixels fewer."""
    side = round(SIDE / closer)
    fine = [still for still in shown if min(still.shape[1:]) >= 4 * side + _MARGIN]
    return Patches([], fine, generator).still(1, side)


def _enlarged(packed: Tensor) -> Tensor:
    """Return a packed square picture at `SIDE`."""
    sizes = (2 * SIDE, 2 * SIDE), (2 * SIDE, SIDE)
    luma, chroma = (
        functional.interpolate(plane, size=size, mode="bicubic", align_corners=False)
        for plane, size in zip(planes(packed), sizes, strict=True)
    )
    return pack_planes(luma, chroma)


def _in_codes(packed: Tensor) -> Tensor:
    return (packed * CODE_MAX).round().clamp(4, 1019) / CODE_MAX
