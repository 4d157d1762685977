"""Steady and reframe: the picture moved within its own frame, one dial for a shaky camera, three for the framing.

The camera's way over a shot is smoothed, and each picture moved by what it lies off it, never further than what was
filmed reaches: there is no edge to make up. What moves is resampled once, for both. All dials at rest give the same
picture.

Source: Gaussian smoothing of the camera's path, Matsushita et al. 2006, section 3 (their inpainting is not ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engines.enhance.camera import Homography, Move, places, sampled
from engines.media.frames import Picture

_SMOOTH_PICTURES = 12.0
"""Deviation of the window that the camera's way is smoothed over: half a second."""
_TRIES = 8
"""Halvings until a correction stays inside what was filmed."""


@dataclass(frozen=True, slots=True)
class Framing:
    """A part of the frame: `zoom` 1 or more, `centre` x and y as shares of the frame, `roll_degrees` clockwise."""

    zoom: float = 1.0
    centre: tuple[float, float] = (0.5, 0.5)
    roll_degrees: float = 0.0

    @property
    def changes_nothing(self) -> bool:
        """Whether it is the whole frame."""
        return self.zoom == 1 and self.centre == (0.5, 0.5) and self.roll_degrees == 0


class Steady:
    """Stabilisation and reframing of one clip; `strength` 0-1, 0 leaves the camera as it moved."""

    name = "steady"
    look_ahead = 0

    def __init__(self, move: Move | None, size: tuple[int, int], *, strength: float, framing: Framing) -> None:
        self._size, self._framing = size, framing
        self._corrections = _corrections(move, strength) if move and strength else []
        self.shortened = 0

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the picture moved; the same one where nothing moves."""
        del coming
        if self._framing.changes_nothing and not self._corrections:
            return picture
        way = self._way(picture.number)
        x, y = places(way, (slice(0, picture.height), slice(0, picture.width)))
        codes = (np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in sampled(picture, x, y))
        return Picture(picture.number, *codes)

    @property
    def note(self) -> str:
        """What an editor must know of it."""
        parts = []
        if self._corrections:
            parts.append(f"stabilised{f', held back in {self.shortened} pictures' if self.shortened else ''}")
        if not self._framing.changes_nothing:
            parts.append(f"reframed by {self._framing.zoom:g}")
        return "; ".join(parts)

    def _way(self, number: int) -> Homography:
        """Return where the moved picture's pixels lie in the picture, all of them within it."""
        framed = _framed(self._framing, self._size)
        if not self._corrections:
            return framed
        whole, share = self._corrections[number], 1.0
        for _ in range(_TRIES):
            part = (1 - share) * np.eye(3) + share * whole
            if _stays(part @ framed, self._size):
                break
            share /= 2
        else:
            part, share = np.eye(3), 0.0
        self.shortened += share < 1
        return part @ framed


def _framed(framing: Framing, size: tuple[int, int]) -> Homography:
    width, height = size
    middle = (width / 2 - 0.5, height / 2 - 0.5)
    turn = np.asarray(cv2.getRotationMatrix2D(middle, framing.roll_degrees, 1 / framing.zoom), np.float64)
    moved = np.array(((framing.centre[0] - 0.5) * width, (framing.centre[1] - 0.5) * height))
    turn[:, 2] += moved
    return np.vstack((turn, (0, 0, 1)))


def _stays(way: Homography, size: tuple[int, int]) -> bool:
    """Return whether all corners lie in the picture, or as far out as a pixel."""
    width, height = size
    corners = np.array([[[0, 0]], [[width - 1, 0]], [[0, height - 1]], [[width - 1, height - 1]]], np.float64)
    found = cv2.perspectiveTransform(corners, way)[:, 0]
    return bool(((found >= -1) & (found <= (width, height))).all())


def _corrections(move: Move, strength: float) -> list[Homography]:
    """Return of each picture where its steady version's pixels lie in it."""
    found: list[Homography] = []
    while len(found) < len(move.shots):
        shot = move.shot_of(len(found))
        ways = np.stack([move.to_first[number] / move.to_first[number][2, 2] for number in shot])
        smooth = _smoothed(ways)
        for way, even in zip(ways, smooth, strict=True):
            whole = np.linalg.solve(way, even)
            found.append((1 - strength) * np.eye(3) + strength * whole / whole[2, 2])
    return found


def _smoothed(ways: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a shot's ways `[N, 3, 3]` averaged over the window, ends by what there is of it."""
    numbers = np.arange(len(ways))
    weights = np.exp(-((numbers[:, None] - numbers) ** 2) / (2 * _SMOOTH_PICTURES**2))
    reach = np.minimum(numbers, len(ways) - 1 - numbers)[:, None]
    weights *= np.abs(numbers[:, None] - numbers) <= reach  # symmetric, or a pan's ends would be pulled inwards
    found: npt.NDArray[np.float64] = np.einsum("ij,jkl->ikl", weights / weights.sum(1, keepdims=True), ways)
    return found
