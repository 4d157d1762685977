"""A clip's illumination, picture after picture: how bright the light is at each place, in stops, steady in time.

What is told apart is one number a place: the light's luma in stops. Its colour is not: reflectance keeps it.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.backends.base import LightBackend
from engines.light.curve import Floats
from engines.model.topology import LIGHT_COARSE, LIGHT_GRID
from engines.model.weights import Weights

LUMA = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
"""As in `network.py`, which is not imported: torch is not needed here."""
_FOLLOW = 0.15
"""Share of a new picture's coefficients that is taken where nothing changed: a time constant of six pictures."""
_CHANGED_STOPS = 0.35
"""A change of the coarse picture by so much means that something else is there now."""
_CUT_STOPS = 0.8
"""A mean change by so much is a cut."""


class Illumination:
    """The light of one clip's pictures; a raster for all of them."""

    def __init__(self, backend: LightBackend, weights: Weights, height: int, width: int) -> None:
        """Open a session for pictures whose stops are `height` x `width`."""
        self._rows, self._columns = (-(-side // LIGHT_GRID) * LIGHT_GRID for side in (height, width))
        self._session = backend.open_light(weights, self._rows, self._columns)
        self._before: tuple[Floats, Floats] | None = None
        self.is_cut = True

    def __call__(self, stops: Floats) -> Floats:
        """Return the light in stops `[h, w]` of a picture's stops `[h, w, 3]`; `is_cut` says whether a shot begins."""
        height, width = stops.shape[:2]
        luma = luma_of(stops)
        mean = np.float32(luma.mean())
        planes = [self._padded(np.asarray(plane, np.float32)) for plane in cv2.split(stops)]
        read = np.stack(planes)[None]
        read -= mean
        steady = self._steadied(self._session.coefficients(read)[0], _coarse(self._padded(luma)))
        # each output is of the middle of the pixels that it stands for, as torch interpolates without aligned corners
        share, light = (cv2.resize(plane, (self._columns, self._rows))[:height, :width] for plane in steady)
        luma -= mean
        luma *= share
        luma += light
        luma += mean
        return luma

    def forget(self) -> None:
        """Forget the past: the next picture begins a shot."""
        self._before = None

    def _padded(self, plane: Floats) -> Floats:
        height, width = plane.shape
        below, beside = self._rows - height, self._columns - width
        return np.asarray(cv2.copyMakeBorder(plane, 0, below, 0, beside, cv2.BORDER_REPLICATE), np.float32)

    def _steadied(self, coefficients: Floats, coarse: Floats) -> Floats:
        """Return the coefficients averaged over the pictures before, as long as what is seen is the same."""
        changes = None if self._before is None else np.abs(coarse - self._before[1])
        self.is_cut = changes is None or float(changes.mean()) > _CUT_STOPS
        steady = coefficients.copy()
        if changes is not None and self._before is not None and not self.is_cut:
            changed = cv2.blur(changes, (3, 3)) / np.float32(_CHANGED_STOPS)
            taken = np.clip(_FOLLOW + (1 - _FOLLOW) * changed**2, 0, 1)
            steady = self._before[0] + taken * (coefficients - self._before[0])
        self._before = steady, coarse
        return steady


def luma_of(stops: Floats) -> Floats:
    """Return luma in stops `[h, w]`: the weighted mean of the channels' stops."""
    return np.asarray(cv2.transform(stops, LUMA), np.float32)


def _coarse(luma: Floats) -> Floats:
    rows, columns = luma.shape[0] // LIGHT_COARSE, luma.shape[1] // LIGHT_COARSE
    coarse: Floats = cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    return coarse
