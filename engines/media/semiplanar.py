"""Semi-planar: a card's pictures, as the processor's decoder would give them: the same codes in planes of their own.

NVDEC gives luma and, in one plane, Cb and Cr by turns; samples of more than 8 bits stand at the upper end of 16.
Nothing is resampled or rounded: every code is taken as it is. Source: FFmpeg's pixel format descriptions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

_FORMS = {
    "yuv420p": ("nv12",),
    "yuvj420p": ("nv12",),
    "yuv420p10le": ("p010le", "p016le"),
    "yuv422p": ("nv16",),
    "yuvj422p": ("nv16",),
    "yuv422p10le": ("p210le", "p216le"),
}
"""Planar formats, by FFmpeg's names, and what a card gives for them."""


def is_known(planar: str) -> bool:
    """Return whether a planar format has a semi-planar one here."""
    return planar in _FORMS


def fits(semiplanar: str, planar: str) -> bool:
    """Return whether pictures of a semi-planar format hold the codes of a planar one."""
    return semiplanar in _FORMS.get(planar, ())


def planar(frame: VideoFrame, form: str) -> VideoFrame:
    """Return a picture that `fits` in planes, timed and tagged as it was."""
    made = VideoFrame(frame.width, frame.height, form)
    shift = 16 - _bits(made) if _is_wide(made) else 0
    y, cb, cr = (_codes(made, number) for number in range(3))
    pairs = _codes(frame, 1, 2 * cb.shape[1])
    for codes, to in ((_codes(frame, 0), y), (pairs[:, 0::2], cb), (pairs[:, 1::2], cr)):
        if shift:
            np.right_shift(codes, shift, out=to)
        else:
            to[:] = codes
    made.pts, made.time_base = frame.pts, frame.time_base
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
    return made


def same(one: VideoFrame, other: VideoFrame) -> bool:
    """Return whether two planar pictures are one to the bit, and shown at the same time."""
    if (one.pts, one.width, one.height, one.format.name) != (other.pts, other.width, other.height, other.format.name):
        return False
    return all(np.array_equal(_codes(one, number), _codes(other, number)) for number in range(len(one.planes)))


def luma_decibels(one: VideoFrame, other: VideoFrame) -> float:
    """Return the PSNR of two planar pictures' luma, of one format; without end where they are the same."""
    error = float(np.mean((_codes(one, 0).astype(np.float64) - _codes(other, 0)) ** 2))
    return 10 * float(np.log10((2 ** _bits(one) - 1) ** 2 / error)) if error else float("inf")


def _bits(frame: VideoFrame) -> int:
    return frame.format.components[0].bits


def _is_wide(frame: VideoFrame) -> bool:
    return _bits(frame) > 8  # noqa: PLR2004 - bits of a byte


def _codes(frame: VideoFrame, number: int, width: int = 0) -> npt.NDArray[Any]:
    """Return a plane's samples `[H, W]`, sharing its memory: `width` of each row, its own where none is named."""
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint16 if _is_wide(frame) else np.uint8).reshape(plane.height, -1)
    return rows[:, : width or plane.width]
