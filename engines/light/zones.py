"""Zones of light, and the gains that dials make of them: key and fill by how bright the light is, windows by place."""

from __future__ import annotations

import cv2
import numpy as np

from engines.light.curve import Floats
from engines.light.dials import Bring, Dials, Limits, Tint, Window

_KEY, _FILL = 85, 15
"""Percentiles of a picture's light that are its key and its fill."""
_FOLLOW = 0.04
"""Share of a new picture's key and fill that is taken, so that zones do not wander with who walks through."""
_LEAST_SPREAD = 0.25
_SPARSE = 4
"""Pixels between the places where a window's weight is told; it is soft."""
_PRACTICAL_STOPS, _PRACTICAL_SOFT = 1.5, 0.25
_NEUTRAL_KELVIN = 5600.0
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_FROM_XYZ = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
"""XYZ to linear Rec.709, D65. Source: ITU-R BT.709-6 primaries."""


class Zones:
    """Key and fill of one clip, slowly followed."""

    def __init__(self) -> None:
        self._levels: tuple[float, float] | None = None

    def __call__(self, light: Floats, *, is_cut: bool) -> tuple[Floats, Floats]:
        """Return how far each place is in the key, and in what practicals light, 0-1 `[h, w]` of its stops."""
        fill, key = (float(x) for x in np.percentile(light[::4, ::4], (_FILL, _KEY)))
        if self._levels is None or is_cut:
            self._levels = fill, key
        fill, key = (old + _FOLLOW * (new - old) for old, new in zip(self._levels, (fill, key), strict=True))
        self._levels = fill, key
        soft = max((key - fill) / 4, _LEAST_SPREAD)
        return _risen(light, (key + fill) / 2, soft), _risen(light, key + _PRACTICAL_STOPS, _PRACTICAL_SOFT)


def _risen(light: Floats, middle: float, soft: float) -> Floats:
    """Return 0 to 1 as light rises through a middle: x / sqrt(1 + x^2), a third of an exponential."""
    x = (light - np.float32(middle)) * np.float32(0.5 / soft)
    risen: Floats = np.float32(0.5) + np.float32(0.5) * x / np.sqrt(1 + x * x)
    return risen


def gains(
    dials: Dials, light: Floats, zones: tuple[Floats, Floats], windows: list[Floats], bring: Bring
) -> tuple[float, Floats]:
    """Return the gain of the whole picture in stops, and what places get beside it: `[h, w]`, or `[h, w, 3]` coloured.

    `windows` are the weights 0-1 `[h, w]` of the dials' windows.
    """
    key, practicals = zones
    local = (np.float32(dials.key_stops - dials.fill_stops + dials.ratio_stops) * key) + np.float32(
        dials.fill_stops - dials.ratio_stops / 2
    )
    if dials.practicals_stops:
        local += np.float32(dials.practicals_stops) * practicals
    if bring.contrast != 1:
        local += np.float32(bring.contrast - 1) * (light - np.float32(bring.mean_stops))
    for window, weight in zip(dials.windows, windows, strict=True):
        local += np.float32(window.stops) * weight
    coloured = [(dials.tint, np.ones_like(key)), (dials.key, key), (dials.ambient, 1 - key)]
    coloured += [(window.tint, weight) for window, weight in zip(dials.windows, windows, strict=True)]
    coloured = [(tint, weight) for tint, weight in coloured if not tint.is_neutral]
    found = np.asarray(cv2.merge([local] * 3), np.float32) if coloured else local
    for tint, weight in coloured:
        found += channel_stops(tint) * weight[..., None]
    return dials.exposure_stops + bring.stops, found


def limited(whole: float, local: Floats, limits: Limits, protected: Floats | None) -> Floats:
    """Return the gain in stops, of local's shape, inside its limits; `protected` 0-1 `[h, w]`."""
    most = np.float32(limits.stops)
    if protected is None:
        held = np.clip(local, -most, most)
    else:
        allowed = most + protected * (np.float32(min(limits.protected_stops, limits.stops)) - most)
        allowed = allowed if local.ndim == protected.ndim else allowed[..., None]
        held = np.clip(local, -allowed, allowed)
    held += np.float32(np.clip(whole, -most, most))
    np.clip(held, -most, most, out=held)
    return held


def channel_stops(tint: Tint) -> Floats:
    """Return what a tint adds to red, green and blue in stops; luma's weighted mean stays."""
    warm = np.log2(_daylight(_NEUTRAL_KELVIN - tint.warmth_kelvin) / _daylight(_NEUTRAL_KELVIN))
    stops = warm + np.array([0, tint.tint_stops, 0])
    found: Floats = (stops - _LUMA @ stops).astype(np.float32)
    return found


def _daylight(kelvin: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return daylight of a colour temperature (4000-25000 K) as linear Rec.709. Source: CIE 15:2004, section 3.1."""
    t = 1e3 / kelvin
    x = -4.6070 * t**3 + 2.9678 * t**2 + 0.09911 * t + 0.244063
    if kelvin > 7000:  # noqa: PLR2004 - where the standard's other polynomial begins
        x = -2.0064 * t**3 + 1.9018 * t**2 + 0.24748 * t + 0.237040
    y = -3 * x**2 + 2.870 * x - 0.275
    return np.asarray(_FROM_XYZ @ np.array([x / y, 1, (1 - x - y) / y]), np.float64)


def weight_of(window: Window, height: int, width: int, scale: float, moved: Floats) -> Floats:
    """Return a window's weight 0-1 `[h, w]`; `scale` is pixels here per pixel of the source, `moved` where it went.

    `moved` is a similarity `[2, 3]` in pixels here.
    """
    back = np.linalg.inv(np.vstack([moved, [0, 0, 1]])).astype(np.float32)
    rows, columns = np.mgrid[: -(-height // _SPARSE), : -(-width // _SPARSE)].astype(np.float32) * _SPARSE
    x = back[0, 0] * columns + back[0, 1] * rows + back[0, 2] - window.at[0] * scale
    y = back[1, 0] * columns + back[1, 1] * rows + back[1, 2] - window.at[1] * scale
    x, y = np.abs(x) / (window.size[0] * scale / 2), np.abs(y) / (window.size[1] * scale / 2)
    away = np.hypot(x, y) if window.shape == "ellipse" else np.maximum(x, y)
    soft = max(window.feather, 0.02)
    share = np.clip((1 + soft - away) / (2 * soft), 0, 1)
    weight = (share * share * (3 - 2 * share)).astype(np.float32)
    return np.asarray(cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
