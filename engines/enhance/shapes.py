"""Masks by shapes: what a person draws in the recipe, in pixels of the source's frame, on the working raster.

A masked luma pixel masks the chroma sample that it shares with its neighbour, and so the neighbour, too: masks are made
of whole pairs, and what is outside one shares nothing with what is inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import BadMask

Mask = npt.NDArray[np.bool_]
"""`[H, W]`, true inside."""

_FRACTION = 4
"""Bits of a pixel's fraction in OpenCV's drawing."""
_PAINTED = 128
"""Of 255: painted from here on."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A line of a width, a closed outline, an ellipse in a box, or a picture that somebody painted.

    `points` are x and y in pixels of the source's frame, of an ellipse the corners of its box. `painted` is the path of
    a PNG: white, or opaque, is inside.
    """

    kind: str
    points: tuple[tuple[float, float], ...] = ()
    width: float = 0.0
    painted: str = ""


def mask_of(shapes: Sequence[Shape], size: tuple[int, int], source: tuple[int, int]) -> Mask:
    """Return what the shapes cover, whole pairs of columns; `size` and `source` are width and height.

    Raises:
        BadMask: a painted mask cannot be read, or has another shape than the source's frame.
    """
    drawn = np.zeros((size[1], size[0]), np.uint8)
    scale = np.array(size) / np.array(source)
    for shape in shapes:
        if shape.painted:
            drawn |= _painted(Path(shape.painted), size, source)
        else:
            _draw(drawn, shape, scale)
    return in_pairs(drawn > 0)


def in_pairs(mask: Mask) -> Mask:
    """Return a mask grown to whole pairs of columns, which share their chroma."""
    return np.repeat(mask[:, ::2] | mask[:, 1::2], 2, axis=1)


def grown(mask: Mask, pixels: int) -> Mask:
    """Return a mask grown by some pixels to all sides."""
    if not pixels:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1,) * 2)
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def _draw(drawn: npt.NDArray[np.uint8], shape: Shape, scale: npt.NDArray[np.float64]) -> None:
    # a pixel's centre is at half of it, in the source's frame as in ours
    points = (np.array(shape.points) + 0.5) * scale - 0.5
    fixed = np.round(points * (1 << _FRACTION)).astype(np.int32)
    if shape.kind == "line":
        thickness = max(1, int(np.ceil(shape.width * float(scale.mean()))))
        cv2.polylines(
            drawn, [fixed], isClosed=False, color=1, thickness=thickness, lineType=cv2.LINE_8, shift=_FRACTION
        )
    elif shape.kind == "ellipse":
        centre, axes = (fixed[0] + fixed[1]) // 2, abs(fixed[1] - fixed[0]) // 2
        at, reach = (int(centre[0]), int(centre[1])), (int(axes[0]), int(axes[1]))
        cv2.ellipse(drawn, at, reach, 0, 0, 360, 1, cv2.FILLED, cv2.LINE_8, _FRACTION)
    else:
        cv2.fillPoly(drawn, [fixed], 1, cv2.LINE_8, _FRACTION)


def _painted(path: Path, size: tuple[int, int], source: tuple[int, int]) -> npt.NDArray[np.uint8]:
    data = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is None:
        raise BadMask(
            f"the mask {path} cannot be read", why="it is no PNG, or not there", fix="paint it again, or name it right"
        )
    width, height = picture.shape[1], picture.shape[0]
    if width * source[1] != height * source[0]:
        raise BadMask(
            f"the mask {path.name} does not fit the clip",
            why=f"it is {width}x{height}, and the clip {source[0]}x{source[1]}",
            fix="paint it on a frame of the clip",
        )
    picture = np.asarray(picture, np.float32) / (257 if picture.dtype == np.uint16 else 1)
    plane = picture if picture.ndim == 2 else picture[..., 3] if picture.shape[2] == 4 else picture.max(-1)  # noqa: PLR2004 - grey, RGBA, RGB
    inside = (plane >= _PAINTED).astype(np.uint8)
    return cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8)
