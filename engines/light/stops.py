"""A picture's half-resolution stops: what the illumination network reads."""

from __future__ import annotations

import cv2
import numpy as np

from engines.light.curve import Curve, Floats
from engines.media.frames import Picture
from engines.media.ycbcr import chroma_weights

_NEUTRAL = 512


def halved(picture: Picture) -> Floats:
    """Return a picture's codes at half its raster, Y'CbCr. Shape: `[h, w, 3]`."""
    size = (picture.width // 2, picture.height // 2)
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (picture.y, picture.cb, picture.cr)]
    return cv2.merge(planes).astype(np.float32)


def rgb_codes(codes: Floats, matrix: str) -> Floats:
    """Return R'G'B' codes of Y'CbCr ones, `[..., 3]` both."""
    return np.asarray(cv2.transform(codes, to_rgb(matrix)), np.float32)


def stops_of(picture: Picture, curve: Curve, matrix: str = "bt709") -> Floats:
    """Return red, green and blue in stops of scene-linear light, half the picture's raster. Shape: `[h, w, 3]`."""
    return curve.of(rgb_codes(halved(picture), matrix))


def stops_of_packed(codes: Floats, curve: Curve, matrix: str = "bt709") -> Floats:
    """Return the same of a packed picture's codes `[8, h, w]`."""
    planes = [codes[:4].mean(0), codes[4:6].mean(0), codes[6:].mean(0)]
    return curve.of(rgb_codes(np.ascontiguousarray(np.stack(planes, -1), np.float32), matrix))


def to_rgb(matrix: str) -> Floats:
    """Return the 3 x 4 matrix from codes of Y', Cb and Cr to R'G'B' codes."""
    red, green_of_cb, green_of_cr, blue = chroma_weights(matrix)
    rows = np.array([[1, 0, red], [1, green_of_cb, green_of_cr], [1, blue, 0]])
    return np.hstack([rows, -rows[:, 1:].sum(axis=1, keepdims=True) * _NEUTRAL]).astype(np.float32)


def to_ycbcr(matrix: str) -> Floats:
    """Return the 3 x 3 matrix from changes of R'G'B' codes to changes of Y'CbCr codes."""
    return np.linalg.inv(to_rgb(matrix)[:, :3].astype(np.float64)).astype(np.float32)
