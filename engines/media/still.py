"""Stills for the report: a working picture as a JPEG that a browser shows right."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image

from engines.media import ycbcr
from engines.media.conform import WORKING_FORMAT, frame_of
from engines.media.frames import Picture

_MATRIX = {"smpte170m": 5, "bt470bg": 5, "fcc": 5, "bt2020nc": 9, "bt2020c": 9}
"""swscale's matrix numbers; everything else is BT.709."""
_LEGAL, _FULL = 1, 2
_QUALITY = 90

Rgb = npt.NDArray[np.float32]
"""R'G'B' `[H, W, 3]`, 0-1 from black to white."""


def rgb_of(picture: Picture, matrix: str = "bt709") -> Rgb:
    """Return a working picture as R'G'B', codes beyond black and white kept."""
    size = (picture.width, picture.height)
    y, cb, cr = (plane.astype(np.float32) for plane in (picture.y, picture.cb, picture.cr))
    chroma = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in (cb, cr))
    return ycbcr.rgb_of(np.stack((y, *chroma), -1), matrix)


def picture_of_rgb(rgb: Rgb, number: int = 0, matrix: str = "bt709") -> Picture:
    """Return R'G'B' as a working picture; its width is even."""
    y, *chroma = np.moveaxis(ycbcr.codes_of(rgb, matrix), -1, 0)
    size = (rgb.shape[1] // 2, rgb.shape[0])
    halves = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in chroma]
    return Picture(number, *(np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in (y, *halves)))


def jpeg(frame: VideoFrame, matrix: str) -> bytes:
    """Return a working frame as JPEG, its size kept."""
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=_MATRIX.get(matrix, 1),
        src_color_range=_LEGAL,
        dst_color_range=_FULL,
        interpolation="BICUBIC",
        threads=1,  # as scaling_threads says
    )
    buffer = io.BytesIO()
    Image.fromarray(rgb.to_ndarray()).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def jpeg_of(picture: Picture, matrix: str) -> bytes:
    """Return a working picture as JPEG, its size kept."""
    like = VideoFrame(picture.width, picture.height, WORKING_FORMAT)
    like.pts, like.time_base = 0, Fraction(1)
    return jpeg(frame_of(picture, like), matrix)


def jpeg_as_shown(picture: Picture, matrix: str, grade: Callable[[Picture], Picture] | None) -> bytes:
    """Return a working picture as JPEG as it is delivered: under its look where it has one, `matrix` after that."""
    return jpeg_of(grade(picture) if grade else picture, matrix)
