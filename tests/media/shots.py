"""Tiny clips as cameras write them, made for a test: known frames, sound, timecode."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from engines.colour.look import Look, as_shown
from engines.media.contract import check
from engines.media.decode import LibavDecoder
from engines.media.encode import Output
from engines.media.essence import Essence
from engines.media.frames import Picture
from engines.media.layout import file_count
from engines.media.preset import Preset, derived
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec, ProxySpec, Wanted, spec_of, working_of
from engines.media.source import MediaFile
from engines.render import Rendered, render

RATES = {
    "23.976": (Fraction(24000, 1001), "14:32:10:23"),
    "24": (Fraction(24), "01:00:00:00"),
    "25": (Fraction(25), "10:20:30:24"),
    "29.97 drop": (Fraction(30000, 1001), "09:59:59;28"),
    "29.97 non-drop": (Fraction(30000, 1001), "09:59:59:28"),
    "59.94 drop": (Fraction(60000, 1001), "01:09:59;58"),
}

TOLERANCE = {
    ProxyCodec.DNXHR_LB: 4,
    ProxyCodec.PRORES_PROXY: 3,
    ProxyCodec.PRORES_LT: 3,
    ProxyCodec.PRORES_HQ: 2,
    ProxyCodec.H264: 5,
}
"""In 10-bit codes: one step of 8 bit, and what the codec costs a flat patch."""
Paint = Callable[[int], VideoFrame]


@dataclass(frozen=True)
class Sound:
    """One track: codec, sample format, layout; samples are noise from a seed."""

    codec: str = "pcm_s24le"
    sample_format: str = "s32"
    layout: str = "mono"
    rate: int = 48000
    language: str = ""
    title: str = ""
    late_samples: int = 0

    def samples(self, count: int, seed: int) -> np.ndarray:
        channels = len(av.AudioLayout(self.layout).channels)
        noise = np.random.default_rng(seed)
        if self.sample_format == "s16":
            return noise.integers(-32768, 32767, (1, count * channels), np.int16)
        if self.sample_format == "s32":
            return noise.integers(-(2**23), 2**23, (1, count * channels), np.int32) * 256
        return (noise.random((channels, count), np.float32) - 0.5).astype(np.float32)


@dataclass(frozen=True)
class Shot:
    """A clip to write."""

    frames: int = 5
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (320, 192)
    codec: str = "v210"
    pixel_format: str = "yuv422p10le"
    options: dict[str, str] = field(default_factory=dict)
    timecode: str = ""
    reel: str = ""
    sounds: tuple[Sound, ...] = ()
    rotation: int = 0
    color_range: int = 1
    field_order: int = 0
    pixel_aspect: Fraction = Fraction(1)
    metadata: dict[str, str] = field(default_factory=dict)
    muxer_options: dict[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int] = (2, 2, 2)
    """Primaries, transfer and matrix by their numbers in H.273; 2 says nothing."""
    ticks: tuple[int, ...] = ()
    """Presentation times in thousandths, for a clip of uneven rate."""

    def write(self, path: Path, paint: Paint | None = None) -> Path:
        """Write the clip and return its path."""
        with av.open(str(path), "w", options=self.muxer_options) as container:
            container.metadata.update(self.metadata)
            video = self._picture(container)
            tracks = [_track(container, sound) for sound in self.sounds]
            for number in range(self.frames):
                frame = paint(number) if paint else grain(self.size, number, self.pixel_format)
                frame.time_base = Fraction(1, 1000) if self.ticks else 1 / self.rate
                frame.pts = self.ticks[number] if self.ticks else number
                if any(said != 2 for said in self.colour):
                    frame.color_primaries, frame.color_trc, frame.colorspace = self.colour
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            count = round(self.frames / self.rate * 48000)
            for seed, (stream, sound) in enumerate(zip(tracks, self.sounds, strict=True)):
                _write_sound(container, stream, sound, sound.samples(count, seed))
        return path

    def _picture(self, container: Any) -> Any:
        stream = container.add_stream(self.codec, rate=self.rate, options=dict(self.options))
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pixel_format
        stream.time_base = Fraction(1, 1000) if self.ticks else 1 / self.rate
        context = stream.codec_context
        context.time_base = stream.time_base
        context.color_range = self.color_range
        context.sample_aspect_ratio = self.pixel_aspect
        context.color_primaries, context.color_trc, context.colorspace = self.colour
        if self.field_order:
            context.field_order = self.field_order
        if self.rotation:
            stream.set_display_rotation(-self.rotation)
        if self.timecode:
            stream.metadata["timecode"] = self.timecode
        if self.reel:
            stream.metadata["reel_name"] = self.reel
        return stream


def _track(container: Any, sound: Sound) -> Any:
    stream = container.add_stream(sound.codec, rate=sound.rate, layout=sound.layout)
    if sound.language:
        stream.metadata["language"] = sound.language
    if sound.title:
        stream.metadata["title"] = sound.title
    return stream


def _write_sound(container: Any, stream: Any, sound: Sound, samples: np.ndarray) -> None:
    frame = AudioFrame.from_ndarray(samples, format=sound.sample_format, layout=sound.layout)
    frame.sample_rate, frame.pts, frame.time_base = sound.rate, 0, Fraction(1, sound.rate)
    fifo = av.AudioFifo()
    fifo.write(frame)
    size = stream.codec_context.frame_size or 1600
    while block := fifo.read(size, partial=True):
        block.pts += sound.late_samples
        container.mux(stream.encode(block))
    container.mux(stream.encode(None))


def grain(size: tuple[int, int], number: int, pixel_format: str) -> VideoFrame:
    """A frame of soft noise, unlike its neighbours."""
    noise = np.random.default_rng(number).integers(300, 700, (size[1] // 16, size[0] // 16), np.uint16)
    luma = np.kron(noise, np.ones((16, 16), np.uint16))
    return planes(luma, 512 + number, 512 - number).reformat(format=pixel_format)


def planes(luma: np.ndarray, cb: int | np.ndarray, cr: int | np.ndarray) -> VideoFrame:
    """A yuv422p10le frame with these codes."""
    frame = VideoFrame(luma.shape[1], luma.shape[0], "yuv422p10le")
    for plane, codes in zip(frame.planes, (luma, cb, cr), strict=True):
        rows = np.frombuffer(plane, np.uint16).reshape(plane.height, plane.line_size // 2)
        rows[:, : plane.width] = codes
    return frame


@contextmanager
def opened(*paths: Path) -> Iterator[list[MediaFile]]:
    """Open files as the daemon hands them over."""
    descriptors = [os.open(path, os.O_RDONLY) for path in paths]
    try:
        yield [MediaFile(path.name, fd) for path, fd in zip(paths, descriptors, strict=True)]
    finally:
        for fd in descriptors:
            os.close(fd)


def probed(*paths: Path, **words: Any) -> Essence:
    with opened(*paths) as files:
        return probe(files, **words)


@dataclass(frozen=True)
class Delivered:
    source: Essence
    proxy: Essence
    spec: ProxySpec
    rendered: Rendered
    path: Path


def spec_for(
    essence: Essence, *, codec: ProxyCodec, width: int | None, clip_name: str, reel: str, **words: Any
) -> ProxySpec:
    """The spec of one proxy in MOV, as `proxy.codec` and `proxy.width` ask for it."""
    return spec_of(essence, derived(codec, width), Wanted(clip_name, reel, **words))


def deliver(
    *paths: Path,
    out: Path,
    codec: ProxyCodec = ProxyCodec.PRORES_PROXY,
    width: int | None = None,
    enhance: Callable[[Picture], Picture] | None = None,
    grade: Callable[[Picture], Picture] | None = None,
    look: Look | None = None,
    rate: Fraction | None = None,
    preset: Preset | None = None,
    mark: str = "",
    **words: Any,
) -> Delivered:
    """Render a clip and hold it to the relink contract."""
    with opened(*paths) as files:
        essence = probe(files, rate=rate)
        reel = essence.reel or "A001"
        spec = spec_of(essence, preset or derived(codec, width), Wanted(paths[0].stem, reel, **words))
        decoder = LibavDecoder(files, essence)
        paths = tuple(out if not number else Path(f"{out}.{number}") for number in range(file_count(essence, spec)))
        output = Output(spec, paths, "rendering 1", "SHOW", mark)
        working = working_of(essence, [spec])
        made = render(
            decoder,
            essence,
            working,
            [output],
            enhance=enhance,
            grade=grade,
            shown=as_shown(essence, look),
            progress=lambda *_: None,
        )
    with opened(*output.paths) as written:
        check(written, essence, spec, made.sound_digests[0])
    return Delivered(essence, probed(*output.paths), spec, made, out)


def decoded(path: Path, pixel_format: str = "yuv422p10le") -> list[list[np.ndarray]]:
    """The code values of each frame's planes."""
    with av.open(str(path)) as container:
        return [codes(frame, pixel_format) for frame in container.decode(video=0)]


def codes(frame: VideoFrame, pixel_format: str) -> list[np.ndarray]:
    assert frame.format.name == pixel_format
    kind = np.uint16 if pixel_format.endswith("le") else np.uint8
    step = np.dtype(kind).itemsize
    return [
        np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // step)[:, : plane.width].copy()
        for plane in frame.planes
    ]


def sound_of(path: Path) -> list[np.ndarray]:
    """The decoded samples of each track, interleaved."""
    with av.open(str(path)) as container:
        blocks: dict[int, list[np.ndarray]] = {stream.index: [] for stream in container.streams.audio}
        for packet in container.demux(list(container.streams.audio)):
            blocks[packet.stream.index] += [frame.to_ndarray() for frame in packet.decode()]
    return [np.concatenate(track, axis=1) for track in blocks.values()]
