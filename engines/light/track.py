"""Follows a part of the picture from its first picture on: where it moved to, how it turned and grew."""

from __future__ import annotations

import cv2
import numpy as np

from engines.light.curve import Floats

_POINTS, _LEAST, _SIDE = 80, 8, 15
_APART_PIXELS = 3.0


class Track:
    """The path of one rectangle; `moved` is the similarity `[2, 3]` from where it was at first."""

    def __init__(self, left: int, top: int, right: int, bottom: int) -> None:
        self._corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        self._before: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None = None
        self.moved = np.eye(2, 3)

    def __call__(self, luma: Floats) -> Floats:
        """Return where the rectangle is by a picture's luma in stops `[h, w]`; with nothing to hold to, it stays."""
        grey = (np.clip((luma + 8) / 10, 0, 1) * 255).astype(np.uint8)
        if self._before is not None:
            step = self._step(self._before, grey)
            if step is not None:
                self.moved = (np.vstack([step, [0, 0, 1]]) @ np.vstack([self.moved, [0, 0, 1]]))[:2]
        self._before = grey
        return self.moved.astype(np.float32)

    def _step(self, before: np.ndarray, grey: np.ndarray) -> np.ndarray | None:
        inside = np.zeros_like(before)
        corners = self._corners @ self.moved[:, :2].T + self.moved[:, 2]
        cv2.fillConvexPoly(inside, np.round(corners).astype(np.int32), 255)
        points = cv2.goodFeaturesToTrack(before, _POINTS, 0.01, 5, mask=inside)
        if points is None or len(points) < _LEAST:
            return None
        there, found, _ = cv2.calcOpticalFlowPyrLK(before, grey, points, np.zeros_like(points), winSize=(_SIDE, _SIDE))
        seen = found.ravel() == 1
        if seen.sum() < _LEAST:
            return None
        step, _ = cv2.estimateAffinePartial2D(points[seen], there[seen], ransacReprojThreshold=_APART_PIXELS)
        return None if step is None else np.asarray(step, np.float64)
