"""Removal of wires and rigs: what a mask covers is filled with what was filmed there a little earlier or later.

A neighbour's picture is brought over by the camera's move and the flow that is left over, never sampled inside its
own mask, and weighed by how well it agrees beside the mask. Then the clean plate is asked. What neither has seen
stays as it is, and is counted: nothing is invented. Outside the mask every code stays as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engines.enhance.camera import (
    Floats,
    Grey,
    Homography,
    Move,
    along,
    grey,
    inside,
    left_over,
    places,
    sampled,
    spread,
)
from engines.enhance.plate import Plate
from engines.enhance.shapes import Mask, grown, in_pairs
from engines.media.frames import Picture

REACH = 16
"""Pictures to each side that are asked."""
_OFFSETS = tuple(sign * far for far in (1, 2, 3, 4, 6, 8, 12, REACH) for sign in (1, -1))
_ENOUGH = 5
"""Neighbours that have seen a pixel, from which on no more are asked."""
_MARGIN = 40
"""Pixels around the mask that motion and agreement are judged on."""
_KEPT_OFF = 2
"""Pixels that samples keep off a neighbour's mask: a cubic's reach."""
_RING = 7.0
"""Pixels, deviation of the window around the mask in which brightness is matched and agreement judged."""
_NOISE = 1.5
"""8-bit codes that two pictures differ by where they agree."""
_GOOD, _FIT = 5.0, 12.0
"""8-bit codes that a neighbour may be off beside the hole, to count as one that has seen it, and to be taken at all:
what passes in front of the camera has not."""
_BRIGHTER = 8.0
"""8-bit codes that a neighbour is made brighter or darker by at most."""

MaskOf = Callable[[int], Mask]
"""The mask `[H, W]` of a picture by its number, whole pairs of columns."""


@dataclass(slots=True)
class Removed:
    """What became of a clip's masked pixels: `unseen` stayed as they were, in `pictures_unseen` of the pictures."""

    masked: int = 0
    unseen: int = 0
    pictures: int = 0
    pictures_unseen: int = 0

    @property
    def note(self) -> str:
        """What an editor must know of it."""
        if not self.masked:
            return "removal: the mask covers nothing"
        if not self.unseen:
            return f"removal: {self.masked} pixels of {self.pictures} pictures, all filled from what was filmed"
        return (
            f"removal: {self.unseen / self.masked:.1%} of the masked pixels never seen elsewhere and left as they are, "
            f"in {self.pictures_unseen} of {self.pictures} pictures"
        )


class Removal:
    """The removal over one clip, picture after picture; `strength` 0-1, `removed` counts."""

    name = "removal"
    look_ahead = REACH

    def __init__(
        self, mask_of: MaskOf, move: Move, plates: dict[int, Plate] | None = None, *, strength: float = 1.0
    ) -> None:
        self._mask_of, self._move, self._plates = mask_of, move, plates or {}
        self._strength = strength
        self._past: deque[Picture] = deque(maxlen=REACH)
        self.removed = Removed()

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the picture with what the mask covers filled; the same one where it covers nothing."""
        mask = self._mask_of(picture.number)
        neighbours = {other.number: other for other in (*self._past, *coming)}
        self._past.append(picture)
        if not self._strength or not mask.any():
            return picture
        window = _window(mask)
        fill = _Fill(picture, mask, window)
        for offset in _OFFSETS:
            other = neighbours.get(picture.number + offset)
            if other is not None and (way := self._move.between(picture.number, other.number)) is not None:
                fill.ask(other, self._mask_of(other.number), way)
            if fill.is_done:
                break
        shot = self._move.shots[picture.number]
        if not fill.is_seen and (plate := self._plates.get(shot)):
            fill.ask(plate.picture, ~plate.valid, plate.way(self._move, picture.number))
        return self._counted(fill, picture)

    def _counted(self, fill: _Fill, picture: Picture) -> Picture:
        filled, unseen = fill.filled(self._strength)
        counts = self.removed
        counts.masked += fill.count
        counts.unseen += unseen
        counts.pictures += 1
        counts.pictures_unseen += unseen > 0
        return picture if unseen == fill.count else filled


class _Fill:
    """One picture's hole being filled."""

    def __init__(self, picture: Picture, mask: Mask, window: tuple[slice, slice]) -> None:
        self._picture, self._window, self._mask = picture, window, mask[window]
        self._grey: Grey = grey(picture)[window]
        self._outside: Mask = ~grown(self._mask, 1)
        half = (slice(None), slice(None, None, 2))
        self._near = [plane.astype(np.float32) for plane in _windowed(picture, window)]
        self._holes = [self._mask, self._mask[half], self._mask[half]]
        self._sums = [np.zeros_like(plane) for plane in self._near]
        self._weights = np.zeros(self._mask.shape, np.float32)
        self._asked = np.zeros(self._mask.shape, np.uint8)
        self.count = int(self._mask.sum())

    @property
    def is_seen(self) -> bool:
        """Whether each pixel was seen somewhere."""
        return bool((self._asked[self._mask] > 0).all())

    @property
    def is_done(self) -> bool:
        """Whether enough neighbours saw each pixel."""
        return bool((self._asked[self._mask] >= _ENOUGH).all())

    def ask(self, other: Picture, theirs: Mask, way: Homography) -> None:
        """Take from another picture, whose mask is `theirs`, what it has seen of the hole."""
        x, y = places(way, self._window)
        avoid = grown(theirs, _KEPT_OFF).astype(np.uint8)
        if not (self._mask & (_at(avoid, x, y) == 0) & inside(x, y, theirs.shape)).any():
            return
        plane = grey(other)
        brought = cv2.remap(plane, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        believed = self._outside & (_at(avoid, x, y) == 0) & inside(x, y, theirs.shape)
        flow = left_over(self._grey, np.asarray(brought, np.uint8), believed)
        x, y = along(x, y, flow)
        seen = in_pairs(~((_at(avoid, x, y) == 0) & inside(x, y, theirs.shape)))
        self._take(sampled(other, x, y), ~seen)

    def _take(self, planes: tuple[Floats, ...], seen: Mask) -> None:
        """Add another picture's pixels, brought to our brightness, by how well they agree beside the hole."""
        beside = self._outside & seen
        apart = (((self._near[0] - planes[0]) / 4) ** 2).astype(np.float32)
        off = spread(apart, beside, _RING, np.full(seen.shape, 400.0, np.float32))
        weight = np.where(seen & self._mask & (off < _FIT**2), 1 / (off + _NOISE**2) ** 2, 0).astype(np.float32)
        half = (slice(None), slice(None, None, 2))
        for number, plane in enumerate(planes):
            ring = beside if number == 0 else beside[half]
            brighter = spread(self._near[number] - plane, ring, _RING, np.zeros_like(plane))
            brighter = np.clip(brighter, -4 * _BRIGHTER, 4 * _BRIGHTER)
            self._sums[number] += (weight if number == 0 else weight[half]) * (plane + brighter)
        self._weights += weight
        self._asked += seen & self._mask & (off < _GOOD**2)

    def filled(self, strength: float) -> tuple[Picture, int]:
        """Return the picture with what was seen in the hole, and how many of its pixels nobody has seen."""
        half = (slice(None), slice(None, None, 2))
        planes = [plane.copy() for plane in (self._picture.y, self._picture.cb, self._picture.cr)]
        rows, columns = self._window
        windows = [self._window, *[(rows, slice(columns.start // 2, columns.stop // 2))] * 2]
        for number, (plane, window) in enumerate(zip(planes, windows, strict=True)):
            weights = self._weights if number == 0 else self._weights[half]
            seen = (weights > 0) & self._holes[number]
            found, before = self._sums[number][seen] / weights[seen], self._near[number][seen]
            codes = np.rint(before + strength * (found - before))
            plane[window][seen] = np.clip(codes, 4, 1019).astype(np.uint16)
        return Picture(self._picture.number, *planes), int((self._mask & (self._weights <= 0)).sum())


def _window(mask: Mask) -> tuple[slice, slice]:
    """Return rows and columns around a mask, columns in whole pairs."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom = max(0, int(rows[0]) - _MARGIN), min(mask.shape[0], int(rows[-1]) + _MARGIN + 1)
    left, right = max(0, int(columns[0]) - _MARGIN), min(mask.shape[1], int(columns[-1]) + _MARGIN + 1)
    return slice(top, bottom), slice(left - left % 2, right + right % 2)


def _windowed(picture: Picture, window: tuple[slice, slice]) -> list[npt.NDArray[np.uint16]]:
    rows, columns = window
    half = slice(columns.start // 2, columns.stop // 2)
    return [picture.y[rows, columns], picture.cb[rows, half], picture.cr[rows, half]]


def _at(plane: npt.NDArray[np.uint8], x: Floats, y: Floats) -> npt.NDArray[np.uint8]:
    """Return a plane's nearest value at x and y; 1 outside."""
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, 1), np.uint8)
