"""Sets to learn light from: rooms of solids put up at random, painted with dead leaves and plain colour, and lit.

What the base weights learn from. The bench judges on sets of its own that are never drawn here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from engines.light.renderer import Floats, Lamp, Scene, Solid, Vector
from engines.model.leaves import dead_leaves

_PAINTS, _SIDE = 24, 256


def drawn_set(rng: np.random.Generator) -> Scene:
    """Return a room at random: floor, walls, a few solids, one to three lamps, light from all sides."""
    depth, wide = rng.uniform(1.5, 4), rng.uniform(2.5, 5)
    solids = [
        Solid("box", (0, -1, 0), (30, 1, 30), _paint(rng), rng.uniform(1, 6)),
        Solid("box", (0, 0, depth + 1), (30, 30, 1), _paint(rng), rng.uniform(1, 6), rng.uniform(-0.3, 0.3)),
    ]
    if rng.uniform() < 0.5:  # noqa: PLR2004 - every other room has a side wall
        side = rng.choice((-1.0, 1.0))
        solids.append(Solid("box", (side * (wide + 1), 0, 0), (1, 30, 30), _paint(rng), rng.uniform(1, 6)))
    solids += [_thing(rng, depth, wide) for _ in range(rng.integers(3, 9))]
    key = 10 ** rng.uniform(-0.3, 0.5)
    lamps = [_lamp(rng, depth, key)]
    lamps += [_lamp(rng, depth, key * 2 ** rng.uniform(-4, 0)) for _ in range(rng.integers(0, 3))]
    around = key / 10 * 2 ** rng.uniform(-3, 1.5)
    sky, glow = (_tinted(rng, around * rng.uniform(0.5, 1.5)) for _ in range(2))
    eye = (rng.uniform(-1.5, 1.5), rng.uniform(0.8, 2.2), rng.uniform(-6, -3.5))
    return Scene(tuple(solids), tuple(lamps), sky, glow, eye, (0, rng.uniform(0.6, 1.2), 0), rng.uniform(1.1, 2.2))


def _thing(rng: np.random.Generator, depth: float, wide: float) -> Solid:
    shape = "ball" if rng.uniform() < 0.6 else "box"  # noqa: PLR2004 - more round ones: people are
    x, y, z = (float(side) for side in rng.uniform(0.12, 0.7, 3) * (1, rng.uniform(0.7, 1.6), 1))
    half = (x, y, z)
    lifted = rng.uniform(0, 0.6) if rng.uniform() < 0.3 else 0.0  # noqa: PLR2004 - some hang
    centre = (rng.uniform(-0.6, 0.6) * wide, half[1] + lifted, rng.uniform(-1.5, depth - half[2]))
    return Solid(shape, centre, half, _paint(rng), rng.uniform(0.4, 3), rng.uniform(0, np.pi))


def _lamp(rng: np.random.Generator, depth: float, power: float) -> Lamp:
    """Return a lamp: near, or far away and strong as the sun is; a small one casts hard shadows."""
    angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 4)
    away = rng.uniform(1.5, 3.5) if rng.uniform() < 0.7 else 15.0  # noqa: PLR2004 - most are in the room
    place = (away * np.cos(angle), height * away / 3, min(away * np.sin(angle), depth - 0.2 if away < 15 else 15))  # noqa: PLR2004
    distance = float(np.linalg.norm(place))
    return Lamp(place, rng.uniform(0.02, 0.15) * distance, _tinted(rng, power * distance**2))


def _tinted(rng: np.random.Generator, power: float) -> Vector:
    warm, green = rng.normal(0, 0.25), rng.normal(0, 0.05)
    red, middle, blue = (power * 2**stops for stops in (warm, green, -warm))
    return (red, middle, blue)


def _paint(rng: np.random.Generator) -> Floats:
    """Return a reflectance: plain, or dead leaves, some washed out toward a plain colour."""
    colour = (rng.uniform(0.08, 0.7) * np.exp(rng.normal(0, 0.25, 3))).clip(0.03, 0.85).astype(np.float32)
    plain: Floats = np.broadcast_to(colour, (_SIDE, _SIDE, 3)).astype(np.float32)
    if rng.uniform() < 0.35:  # noqa: PLR2004 - a third of what is filmed is plain
        return plain
    leaves = _leaves(int(rng.integers(_PAINTS)))
    share = np.float32(rng.uniform(0.1, 1))
    mixed: Floats = np.exp((1 - share) * np.log(plain) + share * np.log(leaves)).astype(np.float32)
    return mixed


@lru_cache(maxsize=_PAINTS)
def _leaves(number: int) -> Floats:
    """Return dead leaves as a reflectance `[S, S, 3]`, mirrored so that it is periodic."""
    half = _SIDE // 2
    codes = dead_leaves(half * 2, half * 2, 9100 + number).astype(np.float32)
    luma, cb, cr = (codes[0] - 64) / 876, (codes[1] - 512) / 896, (codes[2] - 512) / 896
    rgb = np.stack((luma + 1.5748 * cr, luma - 0.1873 * cb - 0.4681 * cr, luma + 1.8556 * cb), -1)
    small = (rgb.clip(0.02, 0.98) ** 2.2).reshape(half, 2, half, 2, 3).mean((1, 3))
    mirrored = np.concatenate((small, small[::-1]), 0)
    leaves: Floats = np.concatenate((mirrored, mirrored[:, ::-1]), 1).clip(0.02, 0.9).astype(np.float32)
    return leaves
