"""From code values to stops of scene-linear light and back, by the curve of the space that a clip was recorded in.

A curve is that of a camera's neutral axis, read from the pinned OpenColorIO config, or a display encoding's own. Gains
are multiplied on in linear light, channel by channel, in the camera's own primaries, as white balance is.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PyOpenColorIO import BuiltinTransform, ColorSpaceTransform, Config

from engines.colour.look import Look
from engines.colour.spaces import SPACES
from engines.colour.transform import camera_values, config
from engines.media.essence import CodeRange
from engines.media.frames import CODE_MAX

Floats = npt.NDArray[np.float32]

FLOOR = 2.0**-10
"""Scene-linear light, middle grey 0.18, that is added before stops are taken: where noise is all there is."""
WHITE = 940
"""White of legal luma: what is lifted in a picture that is made for a display stays under it."""
_SHOULDER = 125
"""Codes over which what is lifted is drawn in under the top."""
MOST_STOPS = 6.0
GAIN_STEPS = 16
"""Rows a stop of the table of gains: what lies between is 0.05 codes off at most."""
_BUILTIN = {"arib-std-b67": "CURVE - HLG-OETF-INVERSE", "smpte2084": "CURVE - ST-2084_to_LINEAR"}
_STRETCH = 4
"""Entries of the table a code value."""


def linear_of(values: Floats, space: str, transfer: str) -> Floats:
    """Return scene-linear light, middle grey near 0.18, of a neutral axis' values as the camera's curve gives them."""
    camera = SPACES[space]
    if not camera.is_display:
        return _through(ColorSpaceTransform(camera.ocio, "ACES2065-1"), values)
    if transfer in _BUILTIN:
        return _through(BuiltinTransform(_BUILTIN[transfer]), values)
    toe = values < 0.081  # noqa: PLR2004 - ITU-R BT.709-6, item 1.2, turned round
    linear: Floats = np.where(toe, values / 4.5, ((np.maximum(values, 0.081) + 0.099) / 1.099) ** (1 / 0.45))
    return linear.astype(np.float32)


def _through(transform: object, values: Floats) -> Floats:
    pinned: Config = config()
    axis = np.repeat(values.astype(np.float32)[:, None], 3, 1)
    pinned.getProcessor(transform).getDefaultCPUProcessor().applyRGB(axis)
    return axis[:, 1].copy()


class Curve:
    """The curve of one clip.

    `stops` `[4092]` gives, for R'G'B' codes times four, log2 of scene-linear light; `gains` `[G, 1024]` how many codes
    a code changes by under a gain, a row each GAIN_STEPS-th of a stop from -MOST_STOPS on.
    """

    def __init__(self, space: str, code_range: CodeRange, transfer: str, *, shoulder: bool = True) -> None:
        codes = np.linspace(0, CODE_MAX, CODE_MAX * _STRETCH + 1, dtype=np.float32)
        legal = (codes - np.float32(64)) / np.float32(876)
        linear = linear_of(camera_values(legal, Look(space), code_range), space, transfer)
        linear = np.maximum.accumulate(linear)
        self.stops = np.log2(np.maximum(linear, 0) + np.float32(FLOOR)).astype(np.float32)
        self.gains = _gains(codes, linear, (WHITE if SPACES[space].is_display else CODE_MAX) if shoulder else None)

    def of(self, codes: Floats) -> Floats:
        """Return the stops of R'G'B' codes of any shape."""
        places = codes * np.float32(_STRETCH) + np.float32(0.5)
        np.clip(places, 0, CODE_MAX * _STRETCH, out=places)
        return self.stops[places.astype(np.uint16)]

    def rows_of(self, gain: Floats) -> Floats:
        """Return where in the table of gains a gain in stops stands; beyond MOST_STOPS is as at it."""
        return (gain + np.float32(MOST_STOPS)) * np.float32(GAIN_STEPS)

    def change(self, codes: Floats, rows: Floats) -> Floats:
        """Return by how much codes `[h, w]` change under gains that stand at `rows` `[h, w]`."""
        return np.asarray(cv2.remap(self.gains, codes, rows, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE), np.float32)


def _gains(codes: Floats, linear: Floats, top: int | None) -> Floats:
    """Return how many codes each code changes by under each gain; what is black stays black.

    What is lifted comes to rest under `top`, drawn in softly over the last seventh of the way, and never goes below
    where it was.
    """
    rising = np.concatenate(([True], np.diff(linear) > 0))
    at, lit = codes[rising], linear[rising]
    steps = np.linspace(-MOST_STOPS, MOST_STOPS, int(2 * MOST_STOPS * GAIN_STEPS) + 1)
    whole, own = linear[::_STRETCH], codes[::_STRETCH]
    codes_of = [_code_of(whole * 2**step, lit, at) for step in steps]
    rows = [_drawn_in(code, own, top) if top and step > 0 else code for step, code in zip(steps, codes_of, strict=True)]
    gains: Floats = (np.stack(rows) - own).astype(np.float32)
    gains[len(steps) // 2] = 0
    gains[:, whole <= 0] = 0
    return gains


def _code_of(linear: Floats, lit: Floats, at: Floats) -> Floats:
    """Return the code of light; above the last one that 10 bits hold, on along the curve's last stop."""
    code = np.asarray(np.interp(linear, lit, at), np.float32)
    over = linear > lit[-1]
    a_stop = at[-1] - np.interp(lit[-1] / 2, lit, at)
    code[over] = at[-1] + a_stop * np.log2(linear[over] / lit[-1])
    return code


def _drawn_in(code: Floats, own: Floats, top: int) -> Floats:
    """Return codes that come to rest under `top`, none of them below its own."""
    knee = top - _SHOULDER
    soft = np.where(code > knee, knee + _SHOULDER * (1 - np.exp(-(code - knee) / _SHOULDER)), code)
    return np.maximum(soft, own)


@lru_cache(maxsize=8)
def curve_of(space: str, code_range: CodeRange, transfer: str, *, shoulder: bool = True) -> Curve:
    """Return the curve of a space by nearset's name; `transfer` tells display encodings apart.

    Without a shoulder what is lifted is not drawn in under white, so that a beat is undone as it was done.
    """
    return Curve(space, code_range, transfer, shoulder=shoulder)
