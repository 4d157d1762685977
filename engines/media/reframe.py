"""Reframe: a working picture cut, scaled and laid into a proxy's raster."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engines.media.conform import WORKING_BYTES, WORKING_FORMAT, frame_of, picture_of
from engines.media.frames import Picture, scaling_threads
from engines.media.proxy import ProxySpec, Rect

_BLACK, _NEUTRAL = 64, 512
_MATRIX_709, _LEGAL = 1, 1


class Reframe:
    """Brings a clip's working frames to one proxy's raster; `upright` is the source's width and height as shown."""

    def __init__(self, spec: ProxySpec, upright: tuple[int, int]) -> None:
        self._raster, self._area, self._upright = (spec.width, spec.height), spec.area, upright
        self._seen = spec.placement.seen if spec.placement else None
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame at the raster; itself where it has that already."""
        seen = self._cut(frame) if self._seen else frame
        area = self._area
        if (seen.width, seen.height) != (area.width, area.height):
            seen = self._scaler.reformat(
                seen,
                area.width,
                area.height,
                WORKING_FORMAT,
                src_colorspace=_MATRIX_709,
                dst_colorspace=_MATRIX_709,  # equal, as the ranges: nothing is converted
                interpolation="BICUBIC",
                src_color_range=_LEGAL,
                dst_color_range=_LEGAL,
                threads=scaling_threads(area.width, WORKING_BYTES),
            )
        if (area.width, area.height) != self._raster:
            seen = self._laid(seen)
        seen.pts, seen.time_base = frame.pts, frame.time_base
        return seen

    def _cut(self, frame: VideoFrame) -> VideoFrame:
        """Return what is seen of a frame, which may be smaller than the source."""
        assert self._seen
        part = scaled(self._seen, self._upright, (frame.width, frame.height))
        if (part.width, part.height) == (frame.width, frame.height):
            return frame
        picture = picture_of(frame)
        rows, half = slice(part.y, part.y + part.height), slice(part.x // 2, (part.x + part.width) // 2)
        luma = picture.y[rows, part.x : part.x + part.width]
        return frame_of(Picture(picture.number, luma, picture.cb[rows, half], picture.cr[rows, half]), frame)

    def _laid(self, frame: VideoFrame) -> VideoFrame:
        """Return a frame of the raster, black around the picture."""
        width, height = self._raster
        area = self._area
        luma = np.full((height, width), _BLACK, np.uint16)
        chroma = [np.full((height, width // 2), _NEUTRAL, np.uint16) for _ in range(2)]
        picture = picture_of(frame)
        rows = slice(area.y, area.y + area.height)
        luma[rows, area.x : area.x + area.width] = picture.y
        for plane, codes in zip(chroma, (picture.cb, picture.cr), strict=True):
            plane[rows, area.x // 2 : (area.x + area.width) // 2] = codes
        return frame_of(Picture(picture.number, luma, *chroma), frame)


def scaled(part: Rect, whole: tuple[int, int], size: tuple[int, int]) -> Rect:
    """Return a part of a picture at another size of it, with even sides and columns, never empty."""
    x = _even(part.x * size[0] / whole[0])
    width = max(2, min(size[0] - x, _even(part.width * size[0] / whole[0])))
    y = round(part.y * size[1] / whole[1])
    height = max(2, min(size[1] - y, round(part.height * size[1] / whole[1])))
    return Rect(x, y, width, height)


def _even(length: float) -> int:
    return round(length / 2) * 2
