"""A small physically based renderer: Lambertian solids under lamps, so that the light on every pixel is known.

Rays are cast at ellipsoids and boxes; a lamp is a sphere that light comes from by the inverse square, its shadow soft
by samples over it; the sky and the ground's glow come from all sides, less what solids hide. One bounce at most is
stood for by that glow. Picture = reflectance x light, in scene-linear light. Knows no network.

Source: Lambert's law and the hemisphere's mean, Pharr, Jakob and Humphreys, "Physically Based Rendering", ch. 8 and 14.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Vector = tuple[float, float, float]

_FAR, _NEAR = 1e6, 1e-3
_HIDES_WITHIN = 2.5
"""How near a solid must be to hide the sky or the glow."""


@dataclass(frozen=True, slots=True)
class Solid:
    """An ellipsoid (`ball`) or a box; `half` are its half-axes, `turn` radians about the vertical.

    `reflectance` is periodic, `[S, S, 3]` linear, and laid on at `pitch` units a period.
    """

    shape: str
    centre: Vector
    half: Vector
    reflectance: Floats
    pitch: float = 1.0
    turn: float = 0.0


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light: where, how large, and its power in red, green and blue at one unit's distance."""

    place: Vector
    radius: float
    power: Vector


@dataclass(frozen=True, slots=True)
class Scene:
    """What is lit, by what; `sky` and `glow` light from above and below, `eye` sees toward `target`."""

    solids: tuple[Solid, ...]
    lamps: tuple[Lamp, ...]
    sky: Vector
    glow: Vector
    eye: Vector = (0.0, 1.5, -5.0)
    target: Vector = (0.0, 1.0, 0.0)
    zoom: float = 1.5


@dataclass(frozen=True, slots=True)
class Lit:
    """A rendered picture `[h, w, 3]`, the light that fell on it and what it reflects, alike; all linear."""

    picture: Floats
    light: Floats
    reflectance: Floats = field(repr=False)


def render(scene: Scene, height: int, width: int, *, samples: int = 8, hemisphere: int = 8) -> Lit:
    """Return the picture of a scene; `samples` rays a lamp and `hemisphere` rays to what lights from all sides."""
    origin, rays = _eye(scene, height, width)
    distance, which = _cast(scene.solids, np.broadcast_to(origin, rays.shape), rays)
    points = origin + rays * distance[:, None]
    normals, reflectance = _surfaces(scene.solids, points, which)
    light = _hemisphere(scene, points, normals, hemisphere)
    for number, lamp in enumerate(scene.lamps):
        light += _lamp(scene.solids, lamp, points, normals, np.random.default_rng(number), samples)
    shape = (height, width, 3)
    return Lit((reflectance * light).reshape(shape), light.reshape(shape), reflectance.reshape(shape))


def _eye(scene: Scene, height: int, width: int) -> tuple[Floats, Floats]:
    """Return where the eye is and the direction of each pixel's ray `[N, 3]`, unit length."""
    origin = np.array(scene.eye, np.float32)
    forward = _unit(np.array(scene.target, np.float32) - origin)
    right = _unit(np.cross(np.array([0, 1, 0], np.float32), forward))
    up = np.cross(forward, right)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    across, down = (columns - width / 2 + 0.5) / width * 2, (rows - height / 2 + 0.5) / width * 2
    rays = scene.zoom * forward + across[..., None] * right - down[..., None] * up
    return origin, _unit(rays.reshape(-1, 3).astype(np.float32))


def _cast(solids: tuple[Solid, ...], origins: Floats, rays: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return how far each ray goes until it meets a solid, and which one."""
    distances = np.stack([_meets(solid, origins, rays) for solid in solids])
    which = distances.argmin(0)
    return distances[which, np.arange(len(rays))], which


def _meets(solid: Solid, origins: Floats, rays: Floats) -> Floats:
    """Return how far it is along each ray to a solid, _FAR where it is missed."""
    start, along = _inward(solid, origins, place=True), _inward(solid, rays, place=False)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if solid.shape == "ball":
            square, middle, rest = (_dot(*pair) for pair in ((along, along), (start, along), (start, start)))
            under = middle * middle - square * (rest - 1)
            root = np.sqrt(np.maximum(under, 0))
            near, far = (-middle - root) / square, (-middle + root) / square
            met = under > 0
        else:
            one, other = (-1 - start) / along, (1 - start) / along
            near, far = np.minimum(one, other).max(0), np.maximum(one, other).min(0)
            met = near <= far
        hit = np.where(near > _NEAR, near, far)
        found: Floats = np.where(met & (hit > _NEAR), hit, np.float32(_FAR))
    return found


def _dot(one: Floats, other: Floats) -> Floats:
    dot: Floats = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return dot


def _inward(solid: Solid, vectors: Floats, *, place: bool) -> Floats:
    """Return points, or directions, in a solid's own frame `[3, N]`, where its half-axes are one."""
    cosine, sine = np.float32(np.cos(solid.turn)), np.float32(np.sin(solid.turn))
    x, y, z = (vectors[:, axis] - np.float32(solid.centre[axis] * place) for axis in range(3))
    half = np.array(solid.half, np.float32)[:, None]
    return np.asarray(np.stack((x * cosine - z * sine, y, x * sine + z * cosine)) / half, np.float32)


def _surfaces(solids: tuple[Solid, ...], points: Floats, which: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the normal and the reflectance at each point."""
    normals, reflectance = np.zeros_like(points), np.zeros_like(points)
    for number, solid in enumerate(solids):
        on = which == number
        if not on.any():
            continue
        inside = _inward(solid, points[on], place=True).T
        face = (
            inside if solid.shape == "ball" else np.where(np.abs(inside) >= np.abs(inside).max(1)[:, None], inside, 0)
        )
        local = face / np.array(solid.half, np.float32)
        cosine, sine = np.cos(solid.turn), np.sin(solid.turn)
        outward = np.stack(
            (local[:, 0] * cosine + local[:, 2] * sine, local[:, 1], local[:, 2] * cosine - local[:, 0] * sine), 1
        )
        normals[on] = _unit(outward)
        reflectance[on] = _painted(solid, inside * np.array(solid.half, np.float32), np.abs(local).argmax(1))
    return normals, reflectance


def _painted(solid: Solid, places: Floats, facing: npt.NDArray[np.int64]) -> Floats:
    """Return the reflectance at places in a solid's frame, laid on along the axis that each faces."""
    side = solid.reflectance.shape[0]
    first, second = np.where(facing == 0, 1, 0), np.where(facing == 2, 1, 2)  # noqa: PLR2004 - the third axis
    every = np.arange(len(places))
    rows, columns = (
        np.floor(places[every, axis] / solid.pitch * side).astype(np.int64) % side for axis in (first, second)
    )
    painted: Floats = solid.reflectance[rows, columns]
    return painted


def _lamp(
    solids: tuple[Solid, ...], lamp: Lamp, points: Floats, normals: Floats, rng: np.random.Generator, samples: int
) -> Floats:
    """Return the light of a lamp on each point, its shadow soft."""
    seen = np.zeros(len(points), np.float32)
    offsets = (
        _unit(rng.normal(size=(samples, 3)).astype(np.float32))
        * lamp.radius
        * rng.uniform(0, 1, (samples, 1)) ** (1 / 3)
    )
    for offset in offsets.astype(np.float32):
        toward = np.array(lamp.place, np.float32) + offset - points
        distance = np.linalg.norm(toward, axis=1)
        rays = toward / distance[:, None]
        facing = np.maximum((rays * normals).sum(1), 0)
        lit = np.flatnonzero(facing > 0)
        met, _ = _cast(solids, points[lit] + normals[lit] * np.float32(_NEAR * 4), rays[lit])
        seen[lit] += np.where(met < distance[lit] - 2 * _NEAR, 0, facing[lit] / distance[lit] ** 2)
    return np.asarray(seen[:, None] / samples * np.array(lamp.power, np.float32), np.float32)


def _hemisphere(scene: Scene, points: Floats, normals: Floats, rays: int) -> Floats:
    """Return the light of sky and glow on each point, less what near solids hide."""
    directions = _unit(np.random.default_rng(7).normal(size=(rays, 3)).astype(np.float32))
    found, share = np.zeros_like(points), np.zeros(len(points), np.float32)
    sky, glow = np.array(scene.sky, np.float32), np.array(scene.glow, np.float32)
    for direction in directions:
        facing = np.abs(normals @ direction)  # each ray is turned to its surface's own side
        turned = np.where((normals @ direction)[:, None] >= 0, direction, -direction).astype(np.float32)
        met, _ = _cast(scene.solids, points + normals * np.float32(_NEAR * 4), turned)
        high = (turned[:, 1:2] + 1) / 2
        open_ = np.minimum(met / _HIDES_WITHIN, 1)
        found += (facing * open_)[:, None] * (high * sky + (1 - high) * glow)
        share += facing
    return np.asarray(found / share[:, None], np.float32)


def _unit(vectors: Floats) -> Floats:
    unit: Floats = (vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
    return unit
