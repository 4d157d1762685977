"""Conform: source frames to the working picture: yuv422p10le, legal range, the proxy's raster.

By value, not by tag: full range is scaled to legal, legal codes outside 64-940 go through, since luma and
chroma are never taken through R'G'B' unless the source is. Interlaced frames are never scaled down the lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engines.media.essence import CodeRange, Essence, FieldOrder
from engines.media.frames import CODE_MAX, Picture, Plane, scaling_threads
from engines.media.proxy import ProxySpec, Rotation

WORKING_FORMAT, WORKING_BYTES = "yuv422p10le", 2
_SCALING = "BICUBIC"
"""swscale's default, and the peer's: what an ffmpeg command without flags gives."""
_MATRIX_709, _LEGAL, _FULL = 1, 1, 2
_TURNS = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}


class Conform:
    """Turns a clip's frames, in presentation order, into working frames numbered on from `first`."""

    def __init__(self, essence: Essence, spec: ProxySpec, first: int = 0) -> None:
        self._essence, self._spec = essence, spec
        self._scaler = VideoReformatter()
        self._filters = _filters(essence, spec)
        self._graph: Graph | None = None
        self._last: VideoFrame | None = None
        self._to_legal: tuple[Plane, Plane] | None = None
        self._number = first

    def __call__(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yield the working frames that a source frame gives: one, or none while a filter gathers."""
        if self._filters:
            yield from self._filtered(frame)
        else:
            yield self._numbered(self._scaled(frame), frame)

    def flush(self) -> Iterator[VideoFrame]:
        """Yield what filters still hold."""
        if self._graph:
            self._graph.push(None)
            yield from self._pulled()

    def _scaled(self, frame: VideoFrame) -> VideoFrame:
        full = self._essence.code_range is CodeRange.FULL
        rgb = self._essence.is_rgb
        return self._scaler.reformat(
            frame,
            self._spec.width,
            self._spec.height,
            WORKING_FORMAT,
            src_colorspace=_MATRIX_709,
            dst_colorspace=_MATRIX_709,  # equal: swscale must not convert, only an RGB source needs a matrix
            interpolation=_SCALING,
            src_color_range=_FULL if full or rgb else _LEGAL,
            dst_color_range=_FULL if full and not rgb else _LEGAL,
            threads=scaling_threads(self._spec.width, WORKING_BYTES),
        )

    def _legalised(self, frame: VideoFrame, source: VideoFrame) -> None:
        """Bring codes to legal in place, where swscale would be up to 3 codes off white."""
        if self._essence.code_range is CodeRange.LEGAL:
            return
        if self._to_legal is None:
            tables = _from_rgb if self._essence.is_rgb else _from_full
            self._to_legal = tables(source, frame)
        luma, chroma = self._to_legal
        for plane, table in zip(frame.planes, (luma, chroma, chroma), strict=True):
            codes = _plane(plane)
            codes[:] = table[codes]

    def _numbered(self, frame: VideoFrame, source: VideoFrame) -> VideoFrame:
        full = self._essence.code_range is CodeRange.FULL
        if frame is source and (full or self._essence.variable_rate):
            frame = frame_of(picture_of(source), source)  # written to, or shown again under another number
        self._legalised(frame, source)
        frame.pts = self._number
        frame.time_base = 1 / self._essence.rate
        self._number += 1
        return frame

    def _filtered(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        if self._graph is None:
            self._graph = self._built(frame)
        frame.pts = None
        self._graph.push(frame)
        self._last = frame
        yield from self._pulled()

    def _pulled(self) -> Iterator[VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, VideoFrame)
            assert self._last is not None
            yield self._numbered(frame, self._last)

    def _built(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        nodes = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000))
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
    full = essence.code_range is CodeRange.FULL
    before, after = ("full" if full else "limited"), ("full" if full and not essence.is_rgb else "limited")
    woven = int(interlaced and not spec.deinterlace)
    steps.append(
        f"scale=w={spec.width}:h={spec.height}:interl={woven}:flags=bicubic:in_range={before}:out_range={after}:"
        "in_color_matrix=bt709:out_color_matrix=bt709"
    )
    steps.append(f"format=pix_fmts={WORKING_FORMAT}")
    return steps


def _from_rgb(source: VideoFrame, working: VideoFrame) -> tuple[Plane, Plane]:
    """Return what brings R'G'B' to legal: as it is from 8 bit, and from more bits 255/256 of swscale's codes.

    Source: our measurement of FFmpeg 8.1's swscale: white of 10- to 16-bit and float R'G'B' comes as 943.
    """
    del working
    codes = np.arange(CODE_MAX + 1)
    share = 1.0 if source.format.components[0].bits == 8 else 255 / 256  # noqa: PLR2004 - bits
    return _table(64 + (codes - 64) * share), _table(512 + (codes - 512) * share)


def _from_full(source: VideoFrame, working: VideoFrame) -> tuple[Plane, Plane]:
    """Return full range to legal, 10 bit, for luma and chroma codes as swscale widened them.

    It shifts 8-bit codes up (white is 1020), but for luma of a picture that only gets wider codes: there it
    repeats the high bits (white is 1023).
    """
    bits = source.format.components[0].bits
    shifted = (2**bits - 1) * 4.0 ** ((10 - bits) / 2)
    same_size = (source.width, source.height) == (working.width, working.height)
    only_wider = same_size and source.format.name in {"yuvj422p", "yuv422p"}
    codes = np.arange(CODE_MAX + 1)
    luma = 64 + codes * 876 / (CODE_MAX if only_wider else shifted)
    chroma = 512 + (codes - 512) * 896 / shifted
    return _table(luma), _table(chroma)


def _table(codes: npt.NDArray[np.floating[Any]]) -> Plane:
    return codes.round().clip(0, CODE_MAX).astype(np.uint16)


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
