"""Tiny clips with timecode and sound, for cards: another seed is another recording."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame


@cache
def footage(
    seed: int = 1,
    *,
    frames: int = 6,
    size: tuple[int, int] = (128, 96),
    rate: Fraction = Fraction(24),
    start: str = "01:00:00:00",
    interlaced: bool = False,
    rotation: int = 0,
    ticks: tuple[int, ...] = (),
    codec: str = "mpeg4",
    sound: bool = True,
    container: str = "mov",
) -> bytes:
    """The bytes of a tiny clip with timecode and one track of sound; another seed is another recording."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream: Any = file.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv422p10le" if codec in {"prores_ks", "v210"} else "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, 1000) if ticks else 1 / rate
        stream.time_base = context.time_base
        if interlaced:
            context.field_order = 4
        if rotation:
            stream.set_display_rotation(-rotation)
        if start:
            stream.metadata["timecode"] = start
        track: Any = file.add_stream("pcm_s16le", rate=48000, layout="mono") if sound else None
        for number in range(frames):
            frame = picture(seed, number, size).reformat(format=stream.pix_fmt)
            frame.time_base = context.time_base
            frame.pts = ticks[number] if ticks else number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if track:
            file.mux(track.encode(_noise(seed, round(frames / rate * 48000))))
            file.mux(track.encode(None))
    return buffer.getvalue()


def picture(seed: int, number: int, size: tuple[int, int]) -> VideoFrame:
    coarse = np.random.default_rng((seed, number)).integers(60, 190, (size[1] // 8, size[0] // 8, 3), np.uint8)
    return VideoFrame.from_ndarray(np.kron(coarse, np.ones((8, 8, 1), np.uint8)), format="rgb24")


def _noise(seed: int, count: int) -> AudioFrame:
    samples = np.random.default_rng(seed).integers(-3000, 3000, (1, count), np.int16)
    frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    return frame
