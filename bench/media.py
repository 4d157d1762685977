"""Footage that is made and not filmed: moving pictures with noise, timecode and sound, and cards that hold it.

For the demo and for measurements; seeded, so that the same call makes the same frames.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from engines.media.timecode import Timecode

Codes = npt.NDArray[np.uint16]


def scene(number: int, width: int, height: int) -> npt.NDArray[np.float32]:
    """Return a clean picture R'G'B' `[H, W, 3]`, 0-1: a hillside at dusk that pans, a lamp and a chart."""
    across = (np.arange(width, dtype=np.float32) + 1.7 * number)[None, :] / width
    down = np.arange(height, dtype=np.float32)[:, None] / height
    sky = np.stack([0.16 + 0.30 * down, 0.20 + 0.20 * down, 0.34 - 0.06 * down], -1) + np.zeros(
        (1, width, 1), np.float32
    )
    ridge = 0.56 + 0.07 * np.sin(9 * across) + 0.025 * np.sin(41 * across + 1) + 0.006 * np.sin(260 * across)
    ground = down > ridge
    grain = 0.5 + 0.5 * np.sin(420 * across + 35 * down) * np.sin(310 * down - 50 * across)
    grass = np.stack([0.13 + 0.10 * grain, 0.17 + 0.13 * grain, 0.08 + 0.05 * grain], -1)
    picture = np.where(ground[..., None], grass, sky).astype(np.float32)
    _lamp(picture, number)
    _chart(picture)
    return picture


def _lamp(picture: npt.NDArray[np.float32], number: int) -> None:
    height, width, _ = picture.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    centre = (width * (0.3 + 0.1 * np.sin(number / 20)), height * 0.32)
    distance = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (height * 0.09) ** 2
    picture += np.exp(-distance)[..., None] * np.array([0.75, 0.60, 0.35], np.float32)


def _chart(picture: npt.NDArray[np.float32]) -> None:
    height, width, _ = picture.shape
    side, top, left = height // 14, int(height * 0.68), int(width * 0.66)
    patches = np.linspace(0.05, 0.9, 12)
    for index, grey in enumerate(patches):
        row, column = divmod(index, 6)
        colour = np.full(3, grey) * ([1, 1, 1] if row else [1.0, 0.55 + 0.08 * column, 0.35 + 0.1 * (5 - column)])
        y, x = top + row * (side + 4), left + column * (side + 4)
        picture[y : y + side, x : x + side] = np.clip(colour, 0, 1)


def noisy_codes(
    picture: npt.NDArray[np.float32], rng: np.random.Generator, shot: float, read: float
) -> tuple[Codes, Codes, Codes]:
    """Return 10-bit legal Y'CbCr 4:2:2 planes of a picture under Poisson-Gaussian noise made in R'G'B'."""
    deviation = np.sqrt(shot * np.clip(picture, 0, 1) + read**2)
    rgb = picture + deviation * rng.standard_normal(picture.shape, dtype=np.float32)
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    cb, cr = (rgb[..., 2] - luma) / 1.8556, (rgb[..., 0] - luma) / 1.5748
    halves = [(plane[:, ::2] + plane[:, 1::2]) / 2 for plane in (cb, cr)]
    planes = [64 + 876 * luma, *(512 + 896 * half for half in halves)]
    y, cb_codes, cr_codes = (np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in planes)
    return y, cb_codes, cr_codes


def movie(
    path: Path,
    *,
    frames: int,
    width: int = 1280,
    height: int = 720,
    rate: Fraction = Fraction(24),
    start: str = "01:00:00:00",
    reel: str = "A001R1DM",
    noise: tuple[float, float] = (0.002, 0.012),
    seed: int = 1,
    tracks: int = 2,
    encoder: str = "prores_ks",
    distinct: int = 0,
) -> None:
    """Write a camera original: ProRes HQ (or another encoder), tmcd, mono PCM tracks of 24 bit.

    `distinct` pictures are made and shown over and over, for long clips; 0 makes each one.
    """
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w", format="mov", options={"fflags": "+bitexact"}) as container:
        options = {"profile": "3", "qscale": "6"} if encoder == "prores_ks" else {"preset": "ultrafast", "crf": "23"}
        video = container.add_stream(encoder, rate=rate, options=options)
        video.width, video.height = width, height
        video.pix_fmt = "yuv422p10le" if encoder.startswith("prores") else "yuv420p"
        video.color_range = 1
        video.codec_context.color_primaries = video.codec_context.color_trc = video.codec_context.colorspace = 1
        video.metadata["timecode"] = Timecode.parse(start, rate).label
        video.metadata["reel_name"] = reel
        sound = [container.add_stream("pcm_s24le", rate=48000, layout="mono") for _ in range(tracks)]
        made = [
            _frame(noisy_codes(scene(number + 40 * seed, width, height), rng, *noise), video.pix_fmt)
            for number in range(distinct)
        ]
        for number in range(frames):
            frame = made[number % distinct] if distinct else _picture(number, seed, width, height, rng, noise, video)
            frame.pts = number
            container.mux(video.encode(frame))
        samples = round(frames / rate * 48000)
        for track, stream in enumerate(sound):
            container.mux(stream.encode(_tone(samples, 220 * (track + 1), rng)))
            container.mux(stream.encode(None))
        container.mux(video.encode(None))


def _picture(
    number: int,
    seed: int,
    width: int,
    height: int,
    rng: np.random.Generator,
    noise: tuple[float, float],
    video: av.VideoStream,
) -> VideoFrame:
    return _frame(noisy_codes(scene(number + 40 * seed, width, height), rng, *noise), str(video.pix_fmt))


def _frame(planes: tuple[Codes, Codes, Codes], pixel_format: str) -> VideoFrame:
    height, width = planes[0].shape
    frame = VideoFrame(width, height, "yuv422p10le")
    for plane, codes in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, plane.line_size // 2)
        rows[:, : plane.width] = codes
    return frame if pixel_format == "yuv422p10le" else frame.reformat(format=pixel_format)


def _tone(samples: int, hertz: float, rng: np.random.Generator) -> AudioFrame:
    time = np.arange(samples) / 48000
    wave = 0.1 * np.sin(2 * np.pi * hertz * time) + 0.001 * rng.standard_normal(samples)
    codes = (np.rint(wave * (1 << 23)).astype(np.int32) << 8)[None, :]
    frame = AudioFrame.from_ndarray(codes, format="s32", layout="mono")
    frame.sample_rate = 48000
    return frame


def seal(roll: Path, at: str) -> None:
    """Write an ASC MHL over every file of a roll, as an offload tool leaves it; `at` is ISO 8601."""
    from daemon.hashing import hash_bytes, hash_file  # footage alone is made where the service is not installed
    from daemon.sidecars.ascmhl import Entry, Generation, Link, RecordedHash, compose_chain, compose_generation

    entries = []
    for path in sorted(path for path in roll.rglob("*") if path.is_file()):
        with path.open("rb", buffering=0) as file:
            digest = hash_file(file, ("xxh128",), progress=lambda _: None)["xxh128"]
        recorded = (RecordedHash("xxh128", digest, "original"),)
        entries.append(Entry(path.relative_to(roll).as_posix(), path.stat().st_size, recorded, ""))
    generation = Generation("transfer", at, tuple(entries), (), ())
    data = compose_generation(generation, tool="nearset demo", version="1", hostname="cart")
    name = f"0001_{roll.name}_{at[:10]}_{at[11:19].replace(':', '')}.mhl"
    folder = roll / "ascmhl"
    folder.mkdir()
    (folder / name).write_bytes(data)
    (folder / "ascmhl_chain.xml").write_bytes(compose_chain([Link(1, name, hash_bytes("c4", data))]))
