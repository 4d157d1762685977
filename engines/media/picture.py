"""The picture on its way into a proxy: fitted, burnt in, tagged, encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engines.media.burnin import Burner
from engines.media.conform import frame_of, picture_of
from engines.media.essence import Essence, FieldOrder
from engines.media.faults import on_card
from engines.media.frames import scaling_threads
from engines.media.preset import ProxyCodec, dnxhd_36_bits_a_second
from engines.media.proxy import ProxySpec, Rotation, is_turned, pixel_aspect
from engines.media.reframe import Reframe
from engines.media.timecode import Timecode


@dataclass(frozen=True, slots=True)
class Coding:
    """An encoder by FFmpeg's name, what it is given and how it is set, and the file's tag.

    `on_card` is a GPU's, by a `library` of its driver's that FFmpeg looks for as it opens.
    """

    encoder: str
    pixel_format: str
    options: dict[str, str]
    tag: str
    on_card: bool = False
    library: str = ""


CODECS = {
    ProxyCodec.DNXHR_LB: Coding("dnxhd", "yuv422p", {"profile": "dnxhr_lb"}, "AVdh"),
    ProxyCodec.DNXHD_36: Coding("dnxhd", "yuv422p", {}, "AVdn"),
    ProxyCodec.PRORES_PROXY: Coding("prores_aw", "yuv422p10le", {"profile": "0"}, "apco"),
    ProxyCodec.PRORES_LT: Coding("prores_aw", "yuv422p10le", {"profile": "1"}, "apcs"),
    ProxyCodec.PRORES_HQ: Coding("prores_aw", "yuv422p10le", {"profile": "3"}, "apch"),
    ProxyCodec.PRORES_4444: Coding(
        "prores_ks", "yuva444p10le", {"profile": "4", "alpha_bits": "16", "qscale": "4", "vendor": "apl0"}, "ap4h"
    ),
    ProxyCodec.H264: Coding("libx264", "yuv420p", {"preset": "veryfast", "crf": "20", "profile": "high"}, "avc1"),
}
"""prores_aw: 25-40 cpu-ms a 1080p frame against 270-411 of prores_ks with its defaults (measured 2026-11)."""
_X264_THE_SAME = "asm=AVX2,FMA3,BMI2"
"""Instructions that x264 may use on a processor with AVX-512: with that, the same frames gave 22 different files in 60
runs, with these or none at all one (Intel Xeon with AMX, PyAV's x264, 320x192; 2026-11-28)."""
_AVX_512F = 13
"""OpenCV's number of it. Source: opencv2/core/cvdef.h, CV_CPU_AVX_512F."""
NVENC = {
    ProxyCodec.H264: Coding(
        "h264_nvenc",
        "yuv420p",
        {
            "preset": "p5",
            "tune": "hq",
            "profile": "high",
            "rc": "vbr",
            "cq": "20",
            "spatial-aq": "1",
            "rc-lookahead": "0",
            "bf": "0",
            "g": "250",
            "forced-idr": "1",
            "s12m_tc": "0",
        },
        "avc1",
        on_card=True,
        library="libnvidia-encode.so.1",
    )
}
"""What a card encodes instead: constant quality as x264's, its longest GOP, each closed and begun by an IDR picture.

No B pictures: which cards make them differs, and without them no picture moves in time, whatever card made it. A
camera's timecodes are not written into the pictures, where H.264 has no such message: the file's track has them.
"""
_PRIMARIES = {
    "bt709": 1,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "bt2020": 9,
    "smpte431": 11,
    "smpte432": 12,
}
_TRANSFERS = {
    "bt709": 1,
    "gamma22": 4,
    "gamma28": 5,
    "smpte170m": 6,
    "linear": 8,
    "iec61966-2-4": 11,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "arib-std-b67": 18,
}
_MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 10}
_WOVEN = {FieldOrder.TOP_FIRST: 4, FieldOrder.BOTTOM_FIRST: 5}
"""AVFieldOrder TB and BT, which MOV writes as `fiel` 9 and 14: both fields woven into one frame."""
_INTERLACED_DCT = 1 << 18
"""AV_CODEC_FLAG_INTERLACED_DCT."""
_ANY_KIND = 0
"""AV_PICTURE_TYPE_NONE: the encoder chooses."""
_BITEXACT = 1 << 23
"""AV_CODEC_FLAG_BITEXACT."""


class PictureOut:
    """The picture stream of one proxy; `mark` is what says that the picture is enhanced, empty where it is not.

    `coding` encodes it, the processor's own for the spec's codec where none is named.
    """

    def __init__(
        self,
        container: Any,
        essence: Essence,
        spec: ProxySpec,
        mark: str,
        mux: Callable[[Any], None],
        coding: Coding | None = None,
    ) -> None:
        self._codec, self._mux = coding or CODECS[spec.codec], mux
        self._converter = VideoReformatter()
        self._woven = essence.field_order is not FieldOrder.PROGRESSIVE and not spec.deinterlace
        self._graph: Graph | None = None
        turned = is_turned(essence, spec.rotation)
        self._reframe = Reframe(spec, (essence.height, essence.width) if turned else (essence.width, essence.height))
        self._burn = _burner(essence, spec, mark)
        self._stream = self._opened(container, essence, spec)

    def write(self, frame: VideoFrame) -> None:
        """Write a working frame."""
        fitted = self._reframe(frame)
        if self._burn:
            fitted = frame_of(picture_of(fitted), fitted)  # others see this frame, too
            self._burn(picture_of(fitted))
        self._mux(self._encoded(self._tagged(self._encodable(fitted))))

    def close(self) -> None:
        """Flush the encoder."""
        self._mux(self._encoded(None))

    def _encoded(self, frame: VideoFrame | None) -> Any:
        if not self._codec.on_card:
            return self._stream.encode(frame)
        with on_card("the card stopped encoding"):
            return self._stream.encode(frame)

    def _encodable(self, frame: VideoFrame) -> VideoFrame:
        if frame.format.name == self._codec.pixel_format:
            return frame
        if self._woven:
            converted = self._chroma_by_field(frame)
        else:
            threads = scaling_threads(frame.width, sample_bytes=1)  # only 8-bit codecs need another format
            converted = self._converter.reformat(frame, format=self._codec.pixel_format, threads=threads)
        converted.pts, converted.time_base = frame.pts, frame.time_base
        return converted

    def _tagged(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame under the file's own tags: ProRes writes those of each frame into its head.

        Of what kind the picture was in the source it must not say: encoders of H.264 would make it that kind again, and
        of a clip that is all key frames a proxy that is all key frames, of several times the bytes.
        """
        context = self._stream.codec_context
        frame.colorspace, frame.color_primaries = context.colorspace, context.color_primaries
        frame.color_trc, frame.color_range = context.color_trc, context.color_range
        frame.pict_type = _ANY_KIND
        return frame

    def _chroma_by_field(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame in the encoder's format, lines of one field never mixed with the other's."""
        if self._graph is None:
            self._graph = Graph()
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
            )
            scale = self._graph.add("scale", "interl=1:flags=bicubic:in_range=limited:out_range=limited")
            form = self._graph.add("format", f"pix_fmts={self._codec.pixel_format}")
            self._graph.link_nodes(source, scale, form, self._graph.add("buffersink")).configure()
        self._graph.push(frame)
        converted = self._graph.pull()
        assert isinstance(converted, VideoFrame)
        return converted

    def _opened(self, container: Any, essence: Essence, spec: ProxySpec) -> Any:
        stream: Any = container.add_stream(self._codec.encoder, rate=essence.rate, options=dict(self._codec.options))
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, self._codec.pixel_format
        stream.time_base = context.time_base = 1 / essence.rate
        if spec.codec is ProxyCodec.DNXHD_36:
            context.bit_rate = dnxhd_36_bits_a_second(essence.rate)
        if not spec.wrapper.is_mxf:
            context.codec_tag = self._codec.tag
        context.thread_type, context.thread_count = "AUTO", 0
        context.flags |= _BITEXACT
        context.color_range = 1
        context.colorspace = 1 if essence.is_rgb else _MATRICES.get(essence.matrix, 2)
        context.color_primaries = _PRIMARIES.get(essence.primaries, 2)
        context.color_trc = _TRANSFERS.get(essence.transfer, 2)
        context.sample_aspect_ratio = pixel_aspect(essence, spec)
        if self._codec.encoder == "libx264" and (told := self._x264_params(essence)):
            stream.options["x264-params"] = ":".join(told)
        if self._woven:
            context.flags |= _INTERLACED_DCT
            context.field_order = _WOVEN[essence.field_order]
        if spec.rotation is Rotation.TAG and essence.rotation_degrees:
            stream.set_display_rotation(-essence.rotation_degrees)
        stream.metadata["timecode"] = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
        stream.metadata["reel_name"] = spec.reel
        return stream

    def _x264_params(self, essence: Essence) -> list[str]:
        """Return what x264 is told by its own names: which field is first, and which instructions to use."""
        first = "tff" if essence.field_order is FieldOrder.TOP_FIRST else "bff"
        fields = [f"{first}=1"] if self._woven else []
        return [*fields, _X264_THE_SAME] if cv2.checkHardwareSupport(_AVX_512F) else fields


def _burner(essence: Essence, spec: ProxySpec, mark: str) -> Burner | None:
    if spec.burn_in is None:
        return None
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame)
    area = spec.area
    return Burner(
        spec.burn_in,
        (spec.width, spec.height),
        (area.x, area.y, area.width, area.height),
        mark=mark,
        timecode=lambda number: start.plus(number).label,
    )
