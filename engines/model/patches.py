"""Clean moving pictures to train on: clips decoded, averaged down until their own noise is gone, kept packed.

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
import torch
from torch import Tensor

from engines.media.frames import Picture
from engines.model.packing import pack

Clip = npt.NDArray[np.uint16]
"""Packed code values `[T, 8, h, w]`, 10 bit."""

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


def decode_clean(path: Path, divide: int, frames: int) -> list[Clip]:
    """Return shots of a clip averaged down by `divide`, cut apart where the picture jumps."""
    shots: list[list[npt.NDArray[np.uint16]]] = [[]]
    for packed in _pictures(path, divide, frames):
        codes = np.round(packed * 1023).astype(np.uint16)[0]
        if shots[-1] and _jump(shots[-1][-1], codes) > _CUT:
            shots.append([])
        shots[-1].append(codes)
    return [np.stack(shot) for shot in shots if len(shot) >= 4]  # noqa: PLR2004 - shorter ones teach no motion


def _pictures(path: Path, divide: int, frames: int) -> Iterator[npt.NDArray[np.float32]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[-1 if "nasa" in path.name else 0]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number >= frames:
                return
            width, height = (frame.width // divide // 16 * 16, frame.height // divide // 16 * 16)
            small = frame.reformat(width, height, "yuv422p10le", interpolation="AREA", dst_color_range="MPEG")
            y, cb, cr = (_plane(plane) for plane in small.planes)
            yield pack(Picture(number, y, cb, cr))


def _plane(plane: av.video.plane.VideoPlane) -> npt.NDArray[np.uint16]:
    rows: npt.NDArray[np.uint16] = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)
    return rows[:, : plane.width].copy()


def _jump(before: npt.NDArray[np.uint16], now: npt.NDArray[np.uint16]) -> float:
    change = now[0, ::4, ::4].astype(np.float32) - before[0, ::4, ::4]
    return float(np.abs(change).mean() / 1023)


class Shots:
    """Shots to cut training sequences from."""

    def __init__(self, shots: list[Clip], generator: torch.Generator) -> None:
        self._shots = [torch.from_numpy(shot.astype(np.int32)) for shot in shots]
        self._generator = generator

    def sequence(self, length: int, side: int) -> Tensor:
        """Return a clean sequence `[length, 8, side, side]` in code values / 1023, turned and mirrored at random.

        One in four is a still picture panned in half-resolution steps: known motion, and no coding noise at all.
        """
        shot = self._shots[self._draw(len(self._shots))]
        if self._draw(4) == 0:
            codes = self._panned(shot[self._draw(len(shot))], length, side)
        else:
            codes = self._cut(shot, length, side)
        if self._draw(2):
            codes = codes.flip(0)
        if self._draw(2):
            codes = codes.flip(3)[:, [1, 0, 3, 2, 4, 5, 6, 7]]
        if self._draw(2):
            codes = codes.flip(2)[:, [2, 3, 0, 1, 5, 4, 7, 6]]
        return self._exposed(codes.float() / 1023)

    def _exposed(self, codes: Tensor) -> Tensor:
        """Return the sequence with another exposure and contrast: log footage is flat, a night is dark."""
        if self._draw(2):
            return codes
        contrast = 0.4 + 0.6 * self._unit()
        lift = (1 - contrast) * self._unit()
        centred = codes.clone()
        centred[:, :4] = 64 / 1023 + (codes[:, :4] - 64 / 1023) * contrast + lift * (876 / 1023)
        centred[:, 4:] = 512 / 1023 + (codes[:, 4:] - 512 / 1023) * contrast
        return centred

    def _cut(self, shot: Tensor, length: int, side: int) -> Tensor:
        step = 1 + (self._draw(3) == 0)
        start = self._draw(max(1, len(shot) - (length - 1) * step))
        numbers = [min(start + step * n, len(shot) - 1) for n in range(length)]
        top, left = self._corner(shot.shape[2:], side)
        return shot[numbers, :, top : top + side, left : left + side]

    def _panned(self, picture: Tensor, length: int, side: int) -> Tensor:
        down, across = self._draw(5) - 2, self._draw(5) - 2
        room = 2 * (length - 1)
        span = min(side + room, *picture.shape[1:])
        top, left = self._corner(picture.shape[1:], span)
        frames = []
        for n in range(length):
            y = min(max(top + down * n + (room if down < 0 else 0), 0), picture.shape[1] - side)
            x = min(max(left + across * n + (room if across < 0 else 0), 0), picture.shape[2] - side)
            frames.append(picture[:, y : y + side, x : x + side])
        return torch.stack(frames)

    def _corner(self, size: torch.Size, side: int) -> tuple[int, int]:
        return self._draw(size[0] - side + 1), self._draw(size[1] - side + 1)

    def _draw(self, count: int) -> int:
        return int(torch.randint(max(count, 1), (), generator=self._generator))

    def _unit(self) -> float:
        return float(torch.rand((), generator=self._generator))
