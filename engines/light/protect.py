"""What is protected by default: skin and writing, told by simple rules that would rather protect too much.

Skin by the colour that it has in neutral light; wood and brick of that colour are taken for it. Writing by strong edges
of both signs close together; fine branches against the sky are taken for it.

Source: skin between the light and the dark skin patch of the ColorChecker (0.80 and 1.01 stops of red over green, 0.48
and 0.58 of green over blue), widened by hand for mixed light; not measured on labelled footage.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.light.curve import Floats

_SKIN, _REACH = (0.9, -0.6), (0.6, 0.5)
"""Stops of red and of blue over green, and how far from it skin may be."""
_DARK, _BRIGHT = -7.0, 1.5
_EDGE_STOPS = 0.6
_WRITTEN = 0.10
"""Share of pixels with a rising, and with a falling edge, in a window of _LINE."""
_LINE = (9, 15)


def skin(stops: Floats) -> Floats:
    """Return where skin may be, 0-1 `[h, w]`, of a picture's stops `[h, w, 3]`."""
    red, blue = stops[..., 0] - stops[..., 1], stops[..., 2] - stops[..., 1]
    away = ((red - _SKIN[0]) / _REACH[0]) ** 2 + ((blue - _SKIN[1]) / _REACH[1]) ** 2
    seen = (away < 1) & (stops[..., 1] > _DARK) & (stops[..., 1] < _BRIGHT)
    whole = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return _soft(np.asarray(whole, np.uint8), 2.0)


def writing(stops: Floats) -> Floats:
    """Return where writing may be, 0-1 `[h, w]`, of a picture's stops `[h, w, 3]`."""
    green = stops[..., 1]
    change = np.diff(green, axis=1, append=green[:, -1:])
    rising, falling = (cv2.blur((way * change > _EDGE_STOPS).astype(np.float32), _LINE[::-1]) for way in (1, -1))
    return _soft((np.minimum(rising, falling) > _WRITTEN).astype(np.uint8), 3.0)


def _soft(seen: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], reach: float) -> Floats:
    grown = cv2.dilate(seen, np.ones((5, 5), np.uint8)).astype(np.float32)
    soft: Floats = cv2.GaussianBlur(grown, (0, 0), reach).astype(np.float32)
    return soft
