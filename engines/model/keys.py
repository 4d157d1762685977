"""Keys that we make ourselves, so that their alpha is known exactly: pictures put before a screen, as filmed.

Alpha is rendered (bodies, hair, holes, smoke, blur of motion and lens), at twice the size and averaged down. What it
cuts out is footage that may be trained on, or colour made up. The screen has a light of its own, its colour spills over
the edges, the lens mixes the two in linear light, and the camera adds its curve, noise and thinned-out chroma.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engines.enhance.screen import KeyColour
from engines.media.frames import Picture
from engines.media.still import picture_of_rgb

Floats = npt.NDArray[np.float32]

_GAMMA = 2.4
_SPILL = 0.15
"""Most of the screen's light that falls back on what stands right before it."""
_BASE = {KeyColour.GREEN: (0.16, 0.58, 0.22), KeyColour.BLUE: (0.12, 0.24, 0.62)}
"""R'G'B' of painted screens, about which ours are drawn."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A composite with its truth: alpha `[H, W]` 0-1, and what stands before the screen, R'G'B' `[H, W, 3]`."""

    picture: Picture
    alpha: Floats
    front: Floats


def keyed(front: Floats, alpha: Floats, colour: KeyColour, rng: np.random.Generator) -> Keyed:
    """Return a front `[H, W, 3]` R'G'B' 0-1 put before a screen by its alpha, as filmed."""
    screen = _screen(alpha.shape, colour, rng)
    spill = rng.uniform(0, _SPILL) * cv2.GaussianBlur(1 - alpha, (0, 0), max(2.0, alpha.shape[0] / 50))
    back = _light(screen)
    lit = _light(front) + spill[..., None] * back
    seen = np.clip(alpha[..., None] * lit + (1 - alpha[..., None]) * back, 0, 1) ** (1 / _GAMMA)
    deviation = rng.uniform(0.001, 0.015)
    noise: Floats = rng.standard_normal(seen.shape, dtype=np.float32)
    if rng.random() < 0.5:  # noqa: PLR2004 - half of the cameras smooth their noise
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7) * 2, np.float32)
    shown = (seen + deviation * np.sqrt(0.3 + seen) * noise).astype(np.float32)
    return Keyed(filmed(shown, flat=rng.uniform(0.45, 1.0), thin=rng.random() < 0.5), alpha, front)  # noqa: PLR2004 - half


def filmed(rgb: Floats, *, flat: float = 1.0, thin: bool = False) -> Picture:
    """Return R'G'B' 0-1 as a working picture; `flat` shrinks its contrast as log does, `thin` makes chroma 4:2:0."""
    picture = picture_of_rgb(0.5 + flat * (rgb - 0.5))
    if not thin:
        return picture
    size = (picture.width // 2, picture.height)
    cb, cr = (
        cv2.resize(cv2.resize(plane, (size[0], size[1] // 2), interpolation=cv2.INTER_AREA), size)
        for plane in (picture.cb, picture.cr)
    )
    return Picture(0, picture.y, cb.astype(np.uint16), cr.astype(np.uint16))


def coverage(height: int, width: int, rng: np.random.Generator, *, smoke: float = 0.1) -> Floats:
    """Return a rendered alpha `[H, W]`: one to three bodies with edges of their own, hair, holes; smoke in a share."""
    size = (height * 2, width * 2)
    alpha = np.zeros(size, np.float32)
    for _ in range(rng.integers(1, 4)):
        alpha = np.maximum(alpha, _body(size, rng))
    if rng.random() < smoke:
        alpha = np.maximum(alpha, _smoke(size, rng))
    if rng.random() < 0.3:  # noqa: PLR2004 - three in ten
        alpha = alpha * (1 - _body(size, rng, scale=0.35))
    if rng.random() < 0.4:  # noqa: PLR2004 - four in ten move
        alpha = _moved(alpha, rng)
    small = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 1).astype(np.float32)


def made_up(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return a front of made-up colour `[H, W, 3]`: patches and gradients under texture."""
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(2, 7))
    coarse = rng.random((rows, columns, 3), dtype=np.float32)
    how = cv2.INTER_NEAREST if rng.random() < 0.4 else cv2.INTER_CUBIC  # noqa: PLR2004 - four in ten have hard edges
    rgb = cv2.resize(coarse, (width, height), interpolation=how)
    grain = cv2.GaussianBlur(rng.standard_normal((height, width, 1), dtype=np.float32), (0, 0), rng.uniform(0.5, 3))
    return np.clip(rgb + 0.15 * grain.reshape(height, width, 1), 0, 1).astype(np.float32)


def kept_apart(front: Floats, colour: KeyColour) -> Floats:
    """Return a front without the screen's own hue: what is as green as the screen has no alpha that a picture tells."""
    main = 1 if colour is KeyColour.GREEN else 2
    others = np.delete(front, main, axis=-1).max(-1)
    kept = front.copy()
    kept[..., main] = np.minimum(kept[..., main], others * 1.05 + 0.02)
    return kept


def _light(rgb: Floats) -> Floats:
    return np.clip(rgb, 0, 1) ** _GAMMA


def _screen(shape: tuple[int, ...], colour: KeyColour, rng: np.random.Generator) -> Floats:
    """Return a screen `[H, W, 3]`: its paint, unevenly lit, with folds."""
    height, width = shape[:2]
    paint = np.clip(np.array(_BASE[colour], np.float32) + rng.uniform(-0.07, 0.07, 3).astype(np.float32), 0.02, 0.9)
    light = cv2.resize(
        rng.uniform(0.75, 1.15, (3, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    folds = cv2.resize(rng.standard_normal((6, 9)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    lit: Floats = paint * (light * (1 + rng.uniform(0, 0.04) * folds))[..., None]
    return np.clip(lit, 0, 1)


def _body(size: tuple[int, int], rng: np.random.Generator, scale: float = 1.0) -> Floats:
    """Return one body's alpha with an edge of its own softness, half of them with hair."""
    height, width = size
    centre = rng.uniform((0.15, 0.15), (0.85, 0.95)) * (width, height)
    reach = rng.uniform(0.12, 0.4) * scale * height
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 1 + 0.18 * np.sin(angles * 2 + rng.uniform(0, 6)) + 0.1 * np.sin(angles * 5 + rng.uniform(0, 6))
    stretch = rng.uniform(0.6, 1.6)
    outline = centre + reach * radius[:, None] * np.stack((np.cos(angles) * stretch, np.sin(angles)), -1)
    body = np.zeros(size, np.float32)
    cv2.fillPoly(body, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    softness = float(rng.choice([0.6, 1.0, 1.6, 3.0, 6.0, 12.0]))
    body = np.asarray(cv2.GaussianBlur(body, (0, 0), softness), np.float32)
    if rng.random() < 0.5:  # noqa: PLR2004 - half
        hair = np.zeros(size, np.float32)
        for _ in range(rng.integers(20, 90)):
            _strand(hair, outline[rng.integers(len(outline))], centre, reach, rng)
        body = np.maximum(body, np.asarray(cv2.GaussianBlur(hair, (0, 0), rng.uniform(0.4, 1.2)), np.float32))
    return body


def _strand(
    hair: Floats,
    root: npt.NDArray[np.float64],
    centre: npt.NDArray[np.float64],
    reach: float,
    rng: np.random.Generator,
) -> None:
    out = (root - centre) / max(1e-6, float(np.hypot(*(root - centre))))
    side = np.array((-out[1], out[0])) * rng.uniform(-1, 1)
    along = np.linspace(0, 1, 8)[:, None]
    points = root + reach * rng.uniform(0.1, 0.6) * (along * out + along**2 * side)
    thickness, opacity = int(rng.integers(1, 4)), float(rng.uniform(0.4, 1.0))
    cv2.polylines(
        hair,
        [np.round(points * 16).astype(np.int32)],
        isClosed=False,
        color=opacity,
        thickness=thickness,
        lineType=cv2.LINE_AA,
        shift=4,
    )


def _smoke(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    coarse = rng.standard_normal((5, 8)).astype(np.float32)
    smoke = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(0.35 * smoke + rng.uniform(-0.3, 0.2), 0, 0.85), np.float32)


def _moved(alpha: Floats, rng: np.random.Generator) -> Floats:
    """Return alpha under the blur of a straight motion."""
    length, angle = int(rng.integers(3, 25)), rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    middle, reach = (length - 1) / 2, (length - 1) / 2 * np.array((np.cos(angle), np.sin(angle)))
    ends = [np.round((middle + sign * reach) * 16).astype(int) for sign in (-1, 1)]
    cv2.line(kernel, tuple(ends[0]), tuple(ends[1]), 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(alpha, -1, kernel / kernel.sum()), np.float32)
