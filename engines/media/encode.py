"""Encode: a proxy in MOV: picture, every track of sound, timecode, reel. The same frames give the same bytes.

PCM goes through bit for bit; compressed sound is written as PCM of 24 bit (16 where the source is 16). No
dates and no encoder's name are written, so that a proxy's hash depends on its source and recipe alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.filter import Graph
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from engines.media.essence import AudioTrack, Essence, FieldOrder
from engines.media.faults import written
from engines.media.frames import scaling_threads
from engines.media.proxy import ProxyCodec, ProxySpec, Rotation
from engines.media.timecode import Timecode


@dataclass(frozen=True, slots=True)
class _Codec:
    encoder: str
    pixel_format: str
    options: dict[str, str]
    tag: str


_CODECS = {
    ProxyCodec.DNXHR_LB: _Codec("dnxhd", "yuv422p", {"profile": "dnxhr_lb"}, "AVdh"),
    ProxyCodec.PRORES_PROXY: _Codec("prores_aw", "yuv422p10le", {"profile": "0"}, "apco"),
    ProxyCodec.PRORES_LT: _Codec("prores_aw", "yuv422p10le", {"profile": "1"}, "apcs"),
    ProxyCodec.PRORES_HQ: _Codec("prores_aw", "yuv422p10le", {"profile": "3"}, "apch"),
    ProxyCodec.PRORES_4444: _Codec(
        "prores_ks", "yuva444p10le", {"profile": "4", "alpha_bits": "16", "qscale": "4", "vendor": "apl0"}, "ap4h"
    ),
    ProxyCodec.H264: _Codec("libx264", "yuv420p", {"preset": "veryfast", "crf": "20", "profile": "high"}, "avc1"),
}
"""prores_aw: 25-40 cpu-ms a 1080p frame against 270-411 of prores_ks with its defaults (measured 2026-11)."""

_PCM = {8: ("pcm_u8", "u8"), 16: ("pcm_s16le", "s16"), 24: ("pcm_s24le", "s32"), 32: ("pcm_s32le", "s32")}
_FLOAT_PCM = {32: ("pcm_f32le", "flt"), 64: ("pcm_f64le", "dbl")}
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
_MOV_LANGUAGES = {
    "deu": "ger",
    "fra": "fre",
    "nld": "dut",
    "ell": "gre",
    "zho": "chi",
    "ces": "cze",
    "slk": "slo",
}
"""QuickTime's language table knows the bibliographic codes of ISO 639-2 only."""
_INTERLACED_DCT = 1 << 18
"""AV_CODEC_FLAG_INTERLACED_DCT."""


def pcm_for(track: AudioTrack) -> tuple[str, str]:
    """Return the PCM codec and the sample format that carry a track: PCM as it is, the rest in 24 or 16."""
    if track.codec.startswith("pcm_f"):
        return _FLOAT_PCM[64 if track.bits == 64 else 32]  # noqa: PLR2004 - bits
    if track.lossless:
        return _PCM.get(track.bits, _PCM[24])
    return _PCM[16] if track.bits == 16 else _PCM[24]  # noqa: PLR2004 - bits


def canonical(frame: AudioFrame, sample_format: str, resampler: AudioResampler) -> list[AudioFrame]:
    """Return a block in an interleaved sample format, samples untouched where it has that width already."""
    if frame.format.name == sample_format:
        return [frame]
    return list(resampler.resample(frame))


class _Track:
    """One audio stream being written; `digest` is of its samples as written."""

    def __init__(self, stream: Any, track: AudioTrack, codec: str, sample_format: str) -> None:
        self._stream, self._codec, self._format = stream, codec, sample_format
        self._resampler = AudioResampler(sample_format, track.layout, track.sample_rate)
        self._rate = track.sample_rate
        self._next = max(0, round(track.starts_seconds * track.sample_rate))
        self.digest = hashlib.sha256()

    def write(self, frame: AudioFrame, mux: Callable[[Any], None]) -> None:
        frame.pts = None
        for block in canonical(frame, self._format, self._resampler):
            self.digest.update(samples_of(block, self._codec))
            block.pts, block.time_base = self._next, Fraction(1, self._rate)
            self._next += block.samples
            mux(self._stream.encode(block))

    def close(self, mux: Callable[[Any], None]) -> None:
        mux(self._stream.encode(None))


def samples_of(frame: AudioFrame, codec: str) -> bytes:
    """Return the bytes of an interleaved block's samples as the PCM codec keeps them, without padding."""
    count = frame.samples * len(frame.layout.channels)
    if codec == "pcm_s24le":
        samples = np.frombuffer(memoryview(frame.planes[0]), np.int32)[:count]
        return (samples & ~0xFF).tobytes()
    return bytes(memoryview(frame.planes[0])[: count * frame.format.bytes])


class ProxyWriter:
    """Writes one proxy; `close` makes it whole."""

    def __init__(self, path: Path, essence: Essence, spec: ProxySpec) -> None:
        self._name = path.name
        self._codec = _CODECS[spec.codec]
        self._converter = VideoReformatter()
        self._woven = essence.field_order is not FieldOrder.PROGRESSIVE and not spec.deinterlace
        self._graph: Graph | None = None
        with written(self._name):
            self._container = av.open(
                str(path), "w", format="mov", options={"fflags": "+bitexact", "movflags": "+write_colr"}
            )
            self._video = self._picture_stream(essence, spec)
            self._tracks = [self._track(track) for track in essence.audio]

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each track's samples, in order."""
        return tuple(track.digest.hexdigest() for track in self._tracks)

    def write_picture(self, frame: VideoFrame) -> None:
        """Write a working frame."""
        with written(self._name):
            self._mux(self._video.encode(self._tagged(self._encodable(frame))))

    def write_sound(self, track: int, frame: AudioFrame) -> None:
        """Write a block of a track."""
        with written(self._name):
            self._tracks[track].write(frame, self._mux)

    def close(self) -> None:
        """Flush encoders and finish the file."""
        with written(self._name):
            self._mux(self._video.encode(None))
            for track in self._tracks:
                track.close(self._mux)
            self._container.close()

    def abandon(self) -> None:
        """Close the file without finishing it; it is not to be used."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError, ValueError):
            return  # it is thrown away, and what broke it is being raised already

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)

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
        """Return the frame under the file's own tags: ProRes writes those of each frame into its head."""
        context = self._video.codec_context
        frame.colorspace, frame.color_primaries = context.colorspace, context.color_primaries
        frame.color_trc, frame.color_range = context.color_trc, context.color_range
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

    def _picture_stream(self, essence: Essence, spec: ProxySpec) -> Any:
        stream: Any = self._container.add_stream(
            self._codec.encoder, rate=essence.rate, options=dict(self._codec.options)
        )
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, self._codec.pixel_format
        stream.time_base = context.time_base = 1 / essence.rate
        context.codec_tag = self._codec.tag
        context.thread_type, context.thread_count = "AUTO", 0
        context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT
        context.color_range = 1
        context.colorspace = 1 if essence.is_rgb else _MATRICES.get(essence.matrix, 2)
        context.color_primaries = _PRIMARIES.get(essence.primaries, 2)
        context.color_trc = _TRANSFERS.get(essence.transfer, 2)
        context.sample_aspect_ratio = pixel_aspect(essence, spec)
        if self._woven:
            if self._codec.encoder == "libx264":
                first = "tff" if essence.field_order is FieldOrder.TOP_FIRST else "bff"
                stream.options["x264-params"] = f"{first}=1"
            context.flags |= _INTERLACED_DCT
            context.field_order = _WOVEN[essence.field_order]
        if spec.rotation is Rotation.TAG and essence.rotation_degrees:
            stream.set_display_rotation(-essence.rotation_degrees)
        stream.metadata["timecode"] = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
        stream.metadata["reel_name"] = spec.reel
        return stream

    def _track(self, track: AudioTrack) -> _Track:
        codec, sample_format = pcm_for(track)
        stream: Any = self._container.add_stream(codec, rate=track.sample_rate, layout=track.layout)
        stream.disposition = Disposition.default  # else MOV disables each track but the first
        if track.language:
            stream.metadata["language"] = _MOV_LANGUAGES.get(track.language, track.language)
        if track.name:
            stream.metadata["title"] = track.name  # MOV calls it `name`
        return _Track(stream, track, codec, sample_format)


def pixel_aspect(essence: Essence, spec: ProxySpec) -> Fraction:
    """Return the proxy's pixel aspect: the source's, unless width and height were scaled unlike."""
    turned = spec.rotation is Rotation.BAKE and essence.rotation_degrees % 180 == 90  # noqa: PLR2004 - a quarter turn
    return 1 / essence.pixel_aspect if turned and essence.pixel_aspect else essence.pixel_aspect
