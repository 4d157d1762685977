"""Rendered sets with known lights to judge relighting by: interview, room by a window, corridor, night, street.

Solids, cloth and light of `engines.light.renderer`; none of the paints, sets or lamps is one that the network learned
from. In each set the lamps are moved `MOVES` times.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engines.light.renderer import Lamp, Lit, Scene, Solid, render

MOVES = 3
SKIN, WALL, WOOD, CONCRETE = (0.45, 0.28, 0.2), (0.55, 0.53, 0.48), (0.28, 0.17, 0.1), (0.32, 0.32, 0.31)


def plain(*colour: float) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.float32), (64, 64, 3)).astype(np.float32)


def plaid(one: tuple[float, ...], other: tuple[float, ...], bands: int = 3) -> np.ndarray:
    """Return a cloth woven of two colours."""
    rows, columns = np.mgrid[:64, :64] * bands // 64 % 2
    share = ((rows + columns) / 2)[..., None]
    return (np.array(one) ** (1 - share) * np.array(other) ** share).astype(np.float32)


def bricks() -> np.ndarray:
    """Return a wall of bricks, each of its own red."""
    rng = np.random.default_rng(3)
    wall = np.full((96, 96, 3), 0.42, np.float32)
    for row in range(8):
        for column in range(-1, 4):
            left = column * 32 + 16 * (row % 2)
            red = np.array((0.34, 0.14, 0.09)) * 2 ** rng.normal(0, 0.35)
            wall[row * 12 + 1 : row * 12 + 11, max(left + 1, 0) : max(left + 31, 0)] = red
    return wall


def foliage() -> np.ndarray:
    """Return leaves against dark, from blurred noise at three sizes."""
    rng = np.random.default_rng(4)
    field = sum(
        np.kron(rng.normal(size=(96 // size, 96 // size)), np.ones((size, size))) * size**0.5 for size in (2, 4, 8)
    )
    share = (1 / (1 + np.exp(-field)))[..., None]
    return (np.array((0.03, 0.05, 0.02)) ** (1 - share) * np.array((0.22, 0.36, 0.1)) ** share).astype(np.float32)


def person(x: float, z: float, shirt: np.ndarray) -> list[Solid]:
    """Return someone who sits: head, neck, shoulders, arms."""
    skin = plain(*SKIN)
    return [
        Solid("ball", (x, 1.45, z), (0.2, 0.26, 0.22), skin),
        Solid("ball", (x, 1.62, z + 0.05), (0.22, 0.16, 0.22), plain(0.05, 0.035, 0.03)),
        Solid("ball", (x, 1.18, z), (0.09, 0.16, 0.09), skin),
        Solid("ball", (x, 0.75, z), (0.45, 0.48, 0.26), shirt, 0.5),
        Solid("ball", (x - 0.42, 0.62, z - 0.1), (0.12, 0.36, 0.13), shirt, 0.5),
        Solid("ball", (x + 0.42, 0.62, z - 0.1), (0.12, 0.36, 0.13), shirt, 0.5),
    ]


def _interview(turn: float) -> Scene:
    key = Lamp((2.2 * np.sin(turn), 2.4, -2.2 * np.cos(turn)), 0.4, (9, 8.4, 7.6))
    back = Lamp((1.8, 2.5, 1.6), 0.15, (3, 3, 3.6))
    solids = (
        *_room(plain(*WALL), plaid(WOOD, (0.4, 0.26, 0.16))),
        *person(0, 0, plaid((0.1, 0.14, 0.3), (0.5, 0.5, 0.55), 6)),
    )
    return Scene(solids, (key, back), (0.25, 0.25, 0.28), (0.2, 0.18, 0.15), (0, 1.4, -3.2), (0, 1.15, 0), 2.2)


def _window(turn: float) -> Scene:
    daylight = Lamp((-3.4, 1.9 + turn, -0.6 + turn), 0.9, (16, 18, 21))
    practical = Lamp((1.9, 1.5, 1.2), 0.12, (1.2, 0.8, 0.4))
    table = Solid("box", (0.3, 0.35, 0.2), (1, 0.35, 0.5), plaid(WOOD, (0.22, 0.13, 0.08), 2), 1.2, 0.4)
    cups = [
        Solid("ball", (x, 0.82, 0.1), (0.1, 0.14, 0.1), plain(*paint))
        for x, paint in ((0, SKIN), (0.5, (0.7, 0.7, 0.72)))
    ]
    walls = _room(plaid((0.5, 0.48, 0.4), (0.62, 0.6, 0.55), 2), bricks())
    return Scene(
        (*walls, table, *cups, *person(-0.8, 0.8, plain(0.35, 0.1, 0.1))),
        (daylight, practical), (0.3, 0.33, 0.38), (0.15, 0.14, 0.12), (0.4, 1.6, -4), (-0.1, 0.9, 0.3), 1.8,
    )  # fmt: skip


def _corridor(turn: float) -> Scene:
    walls = [Solid("box", (side * 2.2, 0, 0), (1, 20, 20), bricks(), 1.4) for side in (-1, 1)]
    floor, end = (
        Solid("box", (0, -1, 0), (20, 1, 20), plaid((0.25, 0.25, 0.25), (0.6, 0.6, 0.58), 2), 1.1),
        Solid("box", (0, 0, 6), (9, 9, 1), plain(*CONCRETE)),
    )
    lamps = tuple(Lamp((0.2 * turn, 2.6, z), 0.15, (4, 4.2, 3.6)) for z in (-1.5 + turn, 2 + turn))
    return Scene(
        (floor, end, *walls, *person(0.3, 1, plain(0.2, 0.3, 0.2))), lamps, (0.06, 0.06, 0.07), (0.05, 0.05, 0.05)
    )


def _night(turn: float) -> Scene:
    lamp = Lamp((1.1 - turn, 1.2, 0.6), 0.08, (3.4, 2.2, 1.1))
    moon = Lamp((-9, 9, -4), 0.6, (5, 7, 11))
    shelf = [
        Solid("box", (-1.4 + 0.22 * n, 0.3 + 0.07 * (n % 3), 1.2), (0.09, 0.3 + 0.07 * (n % 3), 0.3), plain(*paint))
        for n, paint in enumerate(np.random.default_rng(6).uniform(0.05, 0.6, (12, 3)).tolist())
    ]
    return Scene(
        (*_room(plain(0.3, 0.33, 0.36), plain(*WOOD)), *shelf), (lamp, moon), (0.03, 0.04, 0.06), (0.03, 0.03, 0.03)
    )


def _street(turn: float) -> Scene:
    sun = Lamp((-30 + 20 * turn, 30, -25), 1.2, (3600, 3300, 2900))
    blocks = [
        Solid("box", (x, 1, z), (0.8, 1 + 0.4 * n, 0.8), paint, 1.5, 0.3 * n)
        for n, (x, z, paint) in enumerate(((-2.4, 2, bricks()), (2.2, 1.4, plain(*CONCRETE)), (0.4, 3.5, bricks())))
    ]
    trees = [Solid("ball", (x, 1.5, z), (0.6, 0.8, 0.6), foliage(), 0.8) for x, z in ((-0.9, 0.8), (1.2, 0.2))]
    ground = Solid("box", (0, -1, 0), (40, 1, 40), plaid(CONCRETE, (0.25, 0.25, 0.25), 2), 2.5)
    return Scene(
        (ground, Solid("box", (0, 0, 9), (40, 40, 1), plain(0.4, 0.45, 0.5)), *blocks, *trees),
        (sun,),
        (0.5, 0.6, 0.8),
        (0.2, 0.2, 0.18),
    )


def _room(wall: np.ndarray, floor: np.ndarray) -> tuple[Solid, ...]:
    return (
        Solid("box", (0, -1, 0), (20, 1, 20), floor, 1.3),
        Solid("box", (0, 0, 3.2), (20, 20, 1), wall, 1.6),
        Solid("box", (-4.6, 0, 0), (1, 20, 20), wall, 1.6),
    )


SETS = {"interview": _interview, "window": _window, "corridor": _corridor, "night": _night, "street": _street}


def lit_sets(height: int, width: int) -> Iterator[tuple[str, Lit]]:
    """Yield each set under each of its lights, with the set's name."""
    for name, made in SETS.items():
        for turn in np.linspace(-0.8, 0.8, MOVES).tolist():
            yield name, render(made(turn), height, width, samples=10, hemisphere=10)
