"""Slap comp: the actor over a plate, rough and for the cut alone, each of them under its own look.

The matte is pulled before the look, from what the camera recorded; what is put together is what editors see. The
plate is a still or a clip, in step or looped, moved and sized as the recipe says, or tied to the camera's own move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from engines.enhance.camera import Homography, Move, places, sampled
from engines.enhance.matte import Matte, Puller, over
from engines.media.frames import Picture

Grade = Callable[[Picture], Picture]


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the plate lies: `position` in pixels of the working raster, `scale` about its middle."""

    position: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0

    @property
    def changes_nothing(self) -> bool:
        """Whether the plate lies as it is."""
        return self.position == (0, 0) and self.scale == 1


class Looped:
    """A clip's pictures by number, asked for in order; past the end from the start again, or the last one held."""

    def __init__(self, opened: Callable[[], Iterator[Picture]], *, offset: int = 0, is_looped: bool = False) -> None:
        self._opened, self._is_looped = opened, is_looped
        self._pictures = opened()
        self._next, self._offset = 0, offset
        self._last: Picture | None = None

    def __call__(self, number: int) -> Picture | None:
        """Return the picture that goes with one of the actor's; None before the plate begins."""
        wanted = number + self._offset
        while self._next <= wanted:
            found = next(self._pictures, None)
            if found is None and self._is_looped and self._last is not None:
                self._pictures = self._opened()
                found = next(self._pictures, None)
            if found is None:
                break
            self._last = found
            self._next += 1
        return self._last if wanted >= 0 else None


class Comp:
    """The slap comp of one clip, picture after picture: what `grade` is to a proxy."""

    def __init__(
        self,
        puller: Puller,
        plate: Callable[[int], Picture | None],
        *,
        grade: Grade | None,
        placing: Placing,
        move: Move | None = None,
    ) -> None:
        self._puller, self._plate, self._grade = puller, plate, grade
        self._placing, self._move = placing, move

    def __call__(self, picture: Picture) -> Picture:
        """Return the actor of a picture over the plate, under the look."""
        matte = self._puller(picture)
        front = self._grade(matte.fill) if self._grade else matte.fill
        back = self._plate(picture.number)
        if back is None:
            return _alone(matte, front)
        return over(matte, front, self._placed(back, picture.number))

    def _placed(self, back: Picture, number: int) -> Picture:
        if self._placing.changes_nothing and self._move is None:
            return back
        size = (back.width, back.height)
        way = _way(self._placing, size)
        if self._move is not None:
            way = way @ _since_first(self._move, number)
        x, y = places(way, (slice(0, back.height), slice(0, back.width)))
        codes = [np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in sampled(back, x, y)]
        within = (x >= 0) & (y >= 0) & (x <= size[0] - 1) & (y <= size[1] - 1)
        for plane, blank, mask in zip(codes, (64, 512, 512), (within, within[:, ::2], within[:, ::2]), strict=True):
            plane[~mask] = blank
        return Picture(number, *codes)


def _since_first(move: Move, number: int) -> Homography:
    """Return where a picture's pixels lie in its shot's first one."""
    way = move.to_first[number]
    return np.asarray(way / way[2, 2], np.float64)


def _way(placing: Placing, size: tuple[int, int]) -> Homography:
    """Return where pixels of the raster lie in a plate that was placed on it."""
    turn = np.asarray(cv2.getRotationMatrix2D((size[0] / 2 - 0.5, size[1] / 2 - 0.5), 0, 1 / placing.scale), np.float64)
    turn[:, 2] -= np.array(placing.position) / placing.scale
    return np.vstack((turn, (0, 0, 1)))


def _alone(matte: Matte, front: Picture) -> Picture:
    """Return the actor over black: there is no plate yet."""
    blank = [np.full_like(plane, code) for plane, code in ((front.y, 64), (front.cb, 512), (front.cr, 512))]
    return over(matte, front, Picture(front.number, *blank))
