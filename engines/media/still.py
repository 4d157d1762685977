"""Stills for the report: a working picture as a JPEG that a browser shows right."""

from __future__ import annotations

import io
from fractions import Fraction

from av.video.frame import VideoFrame
from PIL import Image

from engines.media.conform import frame_of
from engines.media.frames import Picture

_MATRIX = {"smpte170m": 5, "bt470bg": 5, "fcc": 5, "bt2020nc": 9, "bt2020c": 9}
"""swscale's matrix numbers; everything else is BT.709."""
_LEGAL, _FULL = 1, 2
_QUALITY = 90


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
    """Return a working picture as JPEG."""
    like = VideoFrame(picture.width, picture.height, "yuv422p10le")
    like.pts, like.time_base = 0, Fraction(1, 24)
    return jpeg(frame_of(picture, like), matrix)
