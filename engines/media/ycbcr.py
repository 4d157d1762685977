"""Y'CbCr codes to R'G'B' and back: 10 bit, legal, by the picture's own matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
"""R'G'B' or Y'CbCr `[..., 3]`."""

BLACK, LUMA_SPAN, NEUTRAL, CHROMA_SPAN = 64, 876, 512, 896
_WEIGHTS = {"bt2020nc": (0.2627, 0.0593), "bt2020c": (0.2627, 0.0593)} | dict.fromkeys(
    ("smpte170m", "bt470bg", "fcc"), (0.299, 0.114)
)
"""Red's and blue's share of luma by matrix; everything else is BT.709."""
_WEIGHTS_709 = (0.2126, 0.0722)


def rgb_of(codes: Values, matrix: str = "bt709") -> Values:
    """Return R'G'B', black 0 and white 1, of legal Y'CbCr codes. Shape: `[..., 3]`."""
    red, green_of_cb, green_of_cr, blue = chroma_weights(matrix)
    luma, cb, cr = codes[..., 0] - BLACK, codes[..., 1] - NEUTRAL, codes[..., 2] - NEUTRAL
    planes = (luma + red * cr, luma + green_of_cb * cb + green_of_cr * cr, luma + blue * cb)
    return (np.stack(planes, -1) / LUMA_SPAN).astype(np.float32)


def chroma_weights(matrix: str) -> tuple[float, float, float, float]:
    """Return what a code of chroma adds to R'G'B' codes: Cr to red, Cb to green, Cr to green, Cb to blue."""
    red, blue = _WEIGHTS.get(matrix, _WEIGHTS_709)
    green, codes = 1 - red - blue, LUMA_SPAN / CHROMA_SPAN
    of_cr, of_cb = 2 * (1 - red) * codes, 2 * (1 - blue) * codes
    return of_cr, -of_cb * blue / green, -of_cr * red / green, of_cb


def codes_of(rgb: Values, matrix: str = "bt709") -> Values:
    """Return legal Y'CbCr codes of R'G'B'; not rounded. Shape: `[..., 3]`."""
    red, blue = _WEIGHTS.get(matrix, _WEIGHTS_709)
    luma = rgb @ np.array([red, 1 - red - blue, blue], np.float32)
    cb, cr = (rgb[..., 2] - luma) / (2 * (1 - blue)), (rgb[..., 0] - luma) / (2 * (1 - red))
    planes = (BLACK + LUMA_SPAN * luma, NEUTRAL + CHROMA_SPAN * cb, NEUTRAL + CHROMA_SPAN * cr)
    return np.stack(planes, -1).astype(np.float32)
