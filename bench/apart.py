"""How far a shot and the mean that is its truth are apart by light and by place, which no denoiser can mend.

The mean of a hundred exposures has their mean light and their mean place. A single one of them is brighter or darker,
and a fraction of a pixel beside it: its edges differ as a shifted picture's do. What of the difference goes that way is
found once, of the shot as filmed, and taken from all that is made of it.
"""

from __future__ import annotations

import cv2
import numpy as np

from bench.metrics import Plane, decibels, planes
from engines.media.frames import Picture

_LIGHT = 12.0
"""Samples, the deviation of the window over which light differs."""
_CALM = 1.0
"""Samples that a shot and its truth are blurred by where they are compared: noise and coding are sharper."""

NOTHING = [np.zeros(())] * 3
"""What is apart where nothing is put right."""


def apart(filmed: Picture, truth: Picture, at: tuple[float, float]) -> list[Plane]:
    """Return what a shot at a place and its truth are apart by that and by light, in code values: y, cb, cr."""
    across, down = at
    found = []
    for one, other, share in zip(planes(filmed), planes(truth), (1.0, 0.5, 0.5), strict=True):
        beside = _moved(other, across * share, down)
        found.append(beside + _light(one - beside) - other)
    return found


def place(filmed: Picture, truth: Picture) -> tuple[float, float]:
    """Return how far luma is to the right of its truth and below it, in pixels.

    Source: Lucas and Kanade 1981, one step for the whole picture.
    """
    one, other = (_blurred(planes(picture)[0], _CALM) for picture in (filmed, truth))
    slopes = [np.asarray(cv2.Sobel(other, cv2.CV_64F, *way, ksize=3), np.float64) / 8 for way in ((1, 0), (0, 1))]
    known = np.stack([np.ones(one.size), *(slope.ravel() for slope in slopes)], 1)
    difference = one - other
    _, left, up = np.linalg.lstsq(known, (difference - _light(difference)).ravel(), rcond=None)[0].tolist()
    return -left, -up


def psnr_put_right(made: Picture, truth: Picture, off: list[Plane]) -> float:
    """Return PSNR in dB over all samples, as `bench.metrics.psnr`, were shot and truth of one light and one place."""
    return decibels(one - other - by for one, other, by in zip(planes(made), planes(truth), off, strict=True))


def _light(difference: Plane) -> Plane:
    return _blurred(difference, _LIGHT)


def _blurred(plane: Plane, deviation: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), deviation), np.float64)


def _moved(plane: Plane, across: float, down: float) -> Plane:
    way = np.array([[1, 0, across], [0, 1, down]])
    size = plane.shape[::-1]
    moved = cv2.warpAffine(plane, way, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float64)
