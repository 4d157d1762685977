"""The peers of the assists: ffmpeg's chromakey, delogo and removelogo, over raw pictures, at their best settings."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from engines.enhance.shapes import Mask
from engines.media.frames import Picture

Floats = npt.NDArray[np.float32]
_SIMILARITIES, _BLENDS = (0.02, 0.05, 0.08, 0.12, 0.16, 0.2), (0.01, 0.05, 0.1, 0.15, 0.25)


def chromakeys(picture: Picture, screen: tuple[float, float, float]) -> list[Floats]:
    """Return the alphas that chromakey pulls at each of thirty settings, told the screen's own Y'CbCr (10 bit)."""
    height, width = picture.height, picture.width
    full = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in (picture.cb, picture.cr)]
    raw = b"".join(np.clip(np.rint(plane / 4), 0, 255).astype(np.uint8).tobytes() for plane in (picture.y, *full))
    y, cb, cr = (int(np.clip(round(code / 4), 0, 255)) for code in screen)
    settings = list(product(_SIMILARITIES, _BLENDS))
    ends = "".join(f"[in{number}]" for number in range(len(settings)))
    chains = [f"[0:v]split={len(settings)}{ends}"]
    for number, (similarity, blend) in enumerate(settings):
        key = f"chromakey=color=0x{y:02X}{cb:02X}{cr:02X}:similarity={similarity}:blend={blend}:yuv=1"
        chains.append(f"[in{number}]format=yuva444p,{key},alphaextract[out{number}]")
    outs = "".join(f"[out{number}]" for number in range(len(settings)))
    graph = ";".join([*chains, f"{outs}vstack=inputs={len(settings)}[all]"])
    command = [*_input("yuv444p", width, height), "-i", "-", "-filter_complex", graph, "-map", "[all]"]
    output = subprocess.run(
        [*command, "-pix_fmt", "gray", "-f", "rawvideo", "-"], input=raw, check=True, capture_output=True
    ).stdout
    return list(np.frombuffer(output, np.uint8).reshape(len(settings), height, width).astype(np.float32) / 255)


def unwired(pictures: Sequence[Picture], mask: Mask, box: tuple[int, int, int, int]) -> dict[str, list[Floats]]:
    """Return luma (10-bit codes) of pictures without what a mask covers, by delogo (its box) and by removelogo."""
    height, width = mask.shape
    raw = b"".join(
        np.clip(np.rint(plane / 4), 0, 255).astype(np.uint8).tobytes()
        for picture in pictures
        for plane in (picture.y, picture.cb[::2], picture.cr[::2])
    )
    x, y, across, down = box
    with tempfile.TemporaryDirectory() as folder:
        cv2.imwrite(str(Path(folder) / "mask.png"), mask.astype(np.uint8) * 255)
        filters = {"delogo": f"delogo=x={x}:y={y}:w={across}:h={down}", "removelogo": f"removelogo=f={folder}/mask.png"}
        return {name: _filtered(raw, text, width, height) for name, text in filters.items()}


def _filtered(raw: bytes, text: str, width: int, height: int) -> list[Floats]:
    command = [*_input("yuv420p", width, height), "-i", "-", "-vf", text, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]
    output = subprocess.run(command, input=raw, check=True, capture_output=True).stdout
    frames = np.frombuffer(output, np.uint8).reshape(-1, height * width * 3 // 2)
    return [frame[: height * width].reshape(height, width).astype(np.float32) * 4 for frame in frames]


def _input(form: str, width: int, height: int) -> list[str]:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", form]
    return [*command, "-s", f"{width}x{height}", "-r", "24"]
