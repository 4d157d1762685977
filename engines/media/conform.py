"""Conform: source frames to the working picture: yuv422p10le, legal range, the proxy's raster.

By value, not by tag: full range is scaled to legal, legal codes outside 64-940 go through, since luma and
chroma are never taken through R'G'B' unless the source is. Interlaced frames are never scaled down the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engines.media.essence import CodeRange, Essence, FieldOrder
from engines.media.frames import Picture, Plane
from engines.media.proxy import ProxySpec, Rotation

WORKING_FORMAT = "yuv422p10le"
_SCALING = "BICUBIC"
"""swscale's default, and the peer's: what an ffmpeg command without flags gives."""
_MATRIX_709, _LEGAL, _FULL = 1, 1, 2
_TURNS = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}
_CLIPPED_MATRICES = {"smpte170m", "bt470bg", "fcc"}


class Conform:
    """Turns a clip's frames, in presentation order, into working frames numbered from 0."""

    def __init__(self, essence: Essence, spec: ProxySpec) -> None:
        self._essence, self._spec = essence, spec
        self._scaler = VideoReformatter()
        self._filters = _filters(essence, spec)
        self._graph: Graph | None = None
        self._number = 0

    def __call__(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yield the working frames that a source frame gives: one, or none while a filter gathers."""
        if self._filters:
            yield from self._filtered(frame)
        else:
            yield self._numbered(self._scaled(frame))

    def flush(self) -> Iterator[VideoFrame]:
        """Yield what filters still hold."""
        if self._graph:
            self._graph.push(None)
            yield from self._pulled()

    def _scaled(self, frame: VideoFrame) -> VideoFrame:
        full = self._essence.code_range is CodeRange.FULL
        rgb = frame.format.is_rgb
        return self._scaler.reformat(
            frame,
            self._spec.width,
            self._spec.height,
            WORKING_FORMAT,
            src_colorspace=_MATRIX_709,
            dst_colorspace=_MATRIX_709,  # equal: swscale must not convert, only an RGB source needs a matrix
            interpolation=_SCALING,
            src_color_range=_FULL if full or rgb else _LEGAL,
            dst_color_range=_LEGAL,
        )

    def _numbered(self, frame: VideoFrame) -> VideoFrame:
        frame.pts = self._number
        frame.time_base = 1 / self._essence.rate
        self._number += 1
        return frame

    def _filtered(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        if self._graph is None:
            self._graph = self._built(frame)
        frame.pts = None
        self._graph.push(frame)
        yield from self._pulled()

    def _pulled(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, VideoFrame)
            yield self._numbered(frame)

    def _built(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        nodes = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
            )
        ]
        for text in self._filters:
            name, _, arguments = text.partition("=")
            nodes.append(graph.add(name, arguments or None))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph


def _filters(essence: Essence, spec: ProxySpec) -> list[str]:
    """Return the filters that swscale alone cannot stand for; none for most clips."""
    interlaced = essence.field_order is not FieldOrder.PROGRESSIVE
    turn = _TURNS.get(essence.rotation_degrees, "") if spec.rotation is Rotation.BAKE else ""
    if not interlaced and not turn:
        return []
    parity = "tff" if essence.field_order is FieldOrder.TOP_FIRST else "bff"
    steps = [f"setfield=mode={parity}"] if interlaced else []
    if interlaced and spec.deinterlace:
        steps.append(f"bwdif=mode=send_frame:parity={parity}:deint=all")
    steps += turn.split(",") if turn else []
    source = "full" if essence.code_range is CodeRange.FULL else "limited"
    woven = int(interlaced and not spec.deinterlace)
    steps.append(
        f"scale=w={spec.width}:h={spec.height}:interl={woven}:flags=bicubic:in_range={source}:out_range=limited:"
        "in_color_matrix=bt709:out_color_matrix=bt709"
    )
    steps.append(f"format=pix_fmts={WORKING_FORMAT}")
    return steps


def picture_of(frame: VideoFrame) -> Picture:
    """Return a working frame's planes as arrays that share its memory."""
    assert frame.format.name == WORKING_FORMAT
    y, cb, cr = (_plane(plane) for plane in frame.planes)
    return Picture(frame.pts or 0, y, cb, cr)


def frame_of(picture: Picture, like: VideoFrame) -> VideoFrame:
    """Return a working frame that holds the picture, timed like another."""
    frame = VideoFrame(picture.width, picture.height, WORKING_FORMAT)
    for plane, codes in zip(frame.planes, (picture.y, picture.cb, picture.cr), strict=True):
        _plane(plane)[:] = codes
    frame.pts, frame.time_base = like.pts, like.time_base
    return frame


def _plane(plane: av.video.plane.VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, plane.line_size // 2)
    return rows[:, : plane.width]
