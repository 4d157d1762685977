"""What a recorder and a camera make of one scene: talk, BWF files, and clips whose own sound is the same talk."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from cart import Cart, seal
from footage import picture
from scipy.signal import butter, sosfilt

from daemon.sidecars import bext, ixml
from engines.sound.wave import Samples

RATE = 48_000


@cache
def talk(seed: int, seconds: float = 20.0) -> Samples:
    """Syllables of noise, each in a band and at a loudness of its own: no two seeds have anything in common."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    total = np.zeros(count)
    for low in (200, 500, 1200, 2500):
        sections = butter(2, (low, low * 1.8), "bandpass", fs=RATE, output="sos")
        steps = rng.uniform(0, 1, round(seconds * 6) + 2) ** 3
        total += sosfilt(sections, rng.standard_normal(count)) * np.interp(
            np.arange(count) / RATE * 6, np.arange(len(steps)), steps
        )
    return (total / total.std() * 0.08).astype(np.float32)


def bwf(
    tracks: Samples,
    begins_seconds: float,
    *,
    words: ixml.Ixml | None = None,
    rate: int = RATE,
    reference: int | None = None,
) -> bytes:
    """A 24-bit BWF of tracks `[N]` or `[N, C]`, begun so many seconds after midnight."""
    tracks = tracks.reshape(len(tracks), -1)
    start = round(begins_seconds * rate) if reference is None else reference
    told = bext.Bext("sSCENE=?", "recorder", date="2026-03-02", time="12:00:00", time_reference=start)
    about = replace(
        words or ixml.Ixml(scene="12A", take="3"), file_rate=rate, timestamp_rate=rate, timecode_rate=Fraction(24)
    )
    about = replace(about, time_reference=start if about.time_reference is None else about.time_reference)
    codes = np.round(tracks.astype(float) * 2**23).astype("<i4")
    data = codes.reshape(-1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    channels = tracks.shape[1]
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 3, channels * 3, 24)
    return riff((b"bext", bext.compose(told)), (b"iXML", ixml.compose(about)), (b"fmt ", fmt), (b"data", data))


def riff(*chunks: tuple[bytes, bytes], kind: bytes = b"RIFF") -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return kind + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def shot(sound: Samples | None, frames: int, start: str, seed: int = 1, size: tuple[int, int] = (128, 96)) -> bytes:
    """A small clip at 24 frames with timecode and, unless None, this sound as the camera recorded it."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mov", options={"fflags": "+bitexact"}) as file:
        stream: Any = file.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.metadata["timecode"] = start
        track: Any = file.add_stream("pcm_s16le", rate=RATE, layout="mono") if sound is not None else None
        for number in range(frames):
            if number % 12 == 0:
                frame = picture(seed, number // 12, size).reformat(format="yuv420p")
            frame.time_base, frame.pts = Fraction(1, 24), number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if track:
            codes = np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)[None]
            block = AudioFrame.from_ndarray(np.ascontiguousarray(codes), format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
            file.mux(track.encode(block))
            file.mux(track.encode(None))
    return buffer.getvalue()


def heard(scene: Samples, first_seconds: float, frames: int, seed: int = 7) -> Samples:
    """What a camera hears of a scene from a second on: quieter, and with a room's noise."""
    count = round(frames / 24 * RATE)
    first = round(first_seconds * RATE)
    noise = np.random.default_rng(seed).standard_normal(count) * 0.02
    return (scene[first : first + count] * 0.5 + noise).astype(np.float32)


def sound_roll(cart: Cart, files: dict[str, bytes], name: str = "SR001", day: str = "20260302") -> Path:
    """Offload a sound roll, sealed."""
    folder = cart.offload / day / "Sound Media" / name
    folder.mkdir(parents=True, exist_ok=True)
    cart.put(folder, files)
    seal(folder)
    cart.remember(folder)
    return folder


def camera_roll(cart: Cart, files: dict[str, bytes], name: str = "A001", day: str = "20260302") -> Path:
    """Offload a camera card, sealed."""
    folder = cart.roll(name, day)
    cart.put(folder, files)
    seal(folder)
    cart.remember(folder)
    return folder
