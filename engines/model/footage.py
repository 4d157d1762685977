"""Clean pictures to train on: clips decoded and averaged down until their own noise is gone, and fine stills of them.

Reads media; knows no network. The list of footage names only clips whose licence permits training; clips
that judge the result are never in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from engines.media.frames import Picture
from engines.model.packing import pack

Clip = npt.NDArray[np.uint16]
"""Packed code values `[T, 8, h, w]`, 10 bit."""
Still = npt.NDArray[np.uint16]
"""Code values Y'CbCr 4:4:4 `[3, H, W]`, 10 bit legal, finer than the pictures made from it."""

_CUT = 0.06
"""Mean absolute luma change that means a cut, of 0-1."""


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip to train on: where it lies, how much to average it down, how many frames to take, its licence."""

    path: str
    divide: int
    frames: int
    licence: str


TRAINING = (
    Footage("footage/sam2_01_dog.mp4", 2, 160, "Apache-2.0"),
    Footage("footage/sam2_03_blocks.mp4", 2, 160, "Apache-2.0"),
    Footage("footage/sam2_bedroom.mp4", 2, 160, "Apache-2.0"),
    Footage("footage/mdn_flower.mp4", 2, 60, "CC0-1.0 or permissive"),
    Footage("footage/mdn_friday.mp4", 2, 80, "public domain"),
    Footage("footage/media3_concert_50p.mov", 3, 60, "Apache-2.0"),
    Footage("footage/media3_hdr10_rooftop.mp4", 3, 28, "Apache-2.0"),
    Footage("footage/media3_hlg10_colorchecker.mp4", 3, 9, "Apache-2.0"),
    Footage("footage/media3_hlg_editlist.mp4", 3, 80, "Apache-2.0"),
    Footage("footage/media3_hdr10_av1_pan.mp4", 2, 120, "Apache-2.0"),
    Footage("footage/intel_asl_book.mkv", 2, 60, "CC-BY-4.0"),
    Footage("footage/intel_person_cut.mp4", 2, 50, "CC-BY-4.0"),
    Footage("footage/intel_car_topdown_cut.mp4", 2, 50, "CC-BY-4.0"),
    Footage("footage/wikimedia_shuttle.webm", 3, 60, "public domain (NASA)"),
    Footage("footage/torchcodec_nasa_13013.mp4", 2, 80, "public domain (NASA)"),
    Footage("cards/gopro/karma.mp4", 2, 160, "Apache-2.0 or MIT"),
    Footage("cards/canon/MVI_4823.AVI", 2, 78, "free to use as stated by its repository"),
    Footage("cards/mxf_imf/PHDR/VIDEO_23e9a145-f2da-4183-86b2-1c399db41afb.mxf", 4, 24, "Apache-2.0"),
)
"""What base weights are trained on. Held out, to judge by: sam2_05_juggle, vmaf_park_joy, vmaf_src01,
videocontext_bar_lowlight, media3_8k_terrarium, flutter_bee, all of noise/."""


def sha256_of(path: Path) -> str:
    """Return the digest of a file, for the lineage."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def decode_clean(path: Path, divide: float, frames: int) -> list[Clip]:
    """Return shots of a clip averaged down by `divide`, cut apart where the picture jumps."""
    shots: list[list[npt.NDArray[np.uint16]]] = [[]]
    for packed in _pictures(path, divide, frames):
        codes = np.round(packed * 1023).astype(np.uint16)[0]
        if shots[-1] and _jump(shots[-1][-1], codes) > _CUT:
            shots.append([])
        shots[-1].append(codes)
    return [np.stack(shot) for shot in shots if len(shot) >= 4]  # noqa: PLR2004 - shorter ones teach no motion


def decode_stills(path: Path, frames: int, count: int) -> list[Still]:
    """Return `count` frames spread over a clip at its full size, 4:4:4."""
    apart = max(1, frames // count)
    taken = [frame for number, frame in enumerate(_frames(path, frames)) if number % apart == 0]
    return [
        np.stack([_plane(plane) for plane in frame.reformat(format="yuv444p10le", dst_color_range="MPEG").planes])
        for frame in taken[:count]
    ]


def _pictures(path: Path, divide: float, frames: int) -> Iterator[npt.NDArray[np.float32]]:
    for number, frame in enumerate(_frames(path, frames)):
        width, height = (int(frame.width / divide) // 16 * 16, int(frame.height / divide) // 16 * 16)
        small = frame.reformat(width, height, "yuv422p10le", interpolation="AREA", dst_color_range="MPEG")
        y, cb, cr = (_plane(plane) for plane in small.planes)
        yield pack(Picture(number, y, cb, cr))


def _frames(path: Path, frames: int) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        stream = container.streams.video[-1 if "nasa" in path.name else 0]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number >= frames:
                return
            yield frame


def _plane(plane: av.video.plane.VideoPlane) -> npt.NDArray[np.uint16]:
    rows: npt.NDArray[np.uint16] = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)
    return rows[:, : plane.width].copy()


def _jump(before: npt.NDArray[np.uint16], now: npt.NDArray[np.uint16]) -> float:
    change = now[0, ::4, ::4].astype(np.float32) - before[0, ::4, ::4]
    return float(np.abs(change).mean() / 1023)
