"""Rendered pictures to learn from: print, signs and things of even colour, on smooth ground under uneven light.

Most of such a picture is flat, and what is not is sharp and thin; footage that was compressed has neither.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engines.model.footage import Still
from engines.model.leaves import still_of

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-+/%&"
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)
_FINER = 4
"""Bits after the point of where an edge goes."""
_FADED = 0.4
"""Most that ink lets through."""

Floats = npt.NDArray[np.float32]


def lettering(height: int, width: int, seed: int) -> Still:
    """Return a rendered picture, Y'CbCr 4:4:4 code values `[3, height, width]`, 10 bit legal."""
    rng = np.random.default_rng(seed)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = _colour(rng)
    for _ in range(int(rng.integers(4, 30))):
        _lay_thing(picture, rng)
    for _ in range(int(rng.integers(8, 40))):
        _write(picture, rng)
    picture *= _light(rng, height, width)[..., None]
    return still_of(np.clip(picture, 0, 1).transpose(2, 0, 1))


def _colour(rng: np.random.Generator) -> list[float]:
    """Return R'G'B', mostly of little colour."""
    grey, tint = rng.uniform(0.06, 0.92), rng.normal(0, 0.16 * rng.random() ** 2 + 0.01, 3)
    return [float(value) for value in np.clip(grey + tint, 0.02, 0.98)]


def _lay_thing(picture: Floats, rng: np.random.Generator) -> None:
    """Lay a box, a disc or a line, of even colour or shaded."""
    height, width, _ = picture.shape
    centre = rng.uniform(0, (width, height))
    size = np.exp(rng.uniform(np.log(12), np.log(260), 2))
    turn = rng.uniform(0, 180) if rng.random() < 0.5 else 0.0  # noqa: PLR2004 - half of them stand upright
    mask = np.zeros((height, width), np.float32)
    kind = rng.integers(3)
    if kind == 0:
        corners = cv2.boxPoints((centre.tolist(), size.tolist(), turn))
        cv2.fillConvexPoly(mask, np.rint(corners * 2**_FINER).astype(np.int32), [1.0], cv2.LINE_AA, _FINER)
    elif kind == 1:
        whole = (int(centre[0]), int(centre[1])), (int(size[0]), int(size[1]))
        cv2.ellipse(mask, *whole, turn, 0, 360, [1.0], -1)
    else:
        along = 2 * size.max() * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
        begins, ends = np.stack((centre - along, centre + along)).astype(int).tolist()
        mask = cv2.line(mask, begins, ends, [1.0], int(rng.integers(1, 8))).astype(np.float32, copy=False)
    shade = (1 + rng.uniform(-0.3, 0.3) * np.linspace(-1, 1, width)).astype(np.float32)[None, :, None]
    picture += mask[..., None] * (np.array(_colour(rng), np.float32) * shade - picture)


def _write(picture: Floats, rng: np.random.Generator) -> None:
    """Write some lines in one hand, turned as the page lies."""
    height, width, _ = picture.shape
    size, thick = float(np.exp(rng.uniform(np.log(0.35), np.log(3.5)))), int(rng.integers(1, 6))
    font, mask = _FONTS[rng.integers(len(_FONTS))], np.zeros((height, width), np.uint8)
    left, top = int(rng.integers(-100, width)), int(rng.integers(0, height))
    for line in range(int(rng.integers(1, 9))):
        text = "".join(rng.choice(list(_LETTERS), int(rng.integers(2, 24))))
        cv2.putText(mask, text, (left, top + int(line * 36 * size)), font, size, [255], max(1, int(thick * size)))
    if rng.random() < 0.4:  # noqa: PLR2004 - two in five lie askew
        turned = cv2.getRotationMatrix2D((left, top), float(rng.uniform(-40, 40)), 1)
        mask = cv2.warpAffine(mask, turned, (width, height), flags=cv2.INTER_AREA).astype(np.uint8, copy=False)
    ink = mask.astype(np.float32)[..., None] * np.float32(rng.uniform(1 - _FADED, 1) / 255)
    picture += ink * (np.array(_colour(rng), np.float32) - picture)


def _light(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Return light that changes slowly over the picture."""
    few = np.exp(rng.normal(0, rng.uniform(0.02, 0.3), (4, 5))).astype(np.float32)
    return cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32, copy=False)
