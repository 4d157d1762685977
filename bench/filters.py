"""The peers: ffmpeg's denoisers over raw working pictures, each at several strengths."""

from __future__ import annotations

import subprocess
import tempfile
import time

import imageio_ffmpeg
import numpy as np

from engines.media.conform import WORKING_FORMAT
from engines.media.frames import Picture

PEERS = ("hqdn3d", "atadenoise", "nlmeans", "bm3d")


def settings(method: str, sigma: float) -> list[str]:
    """Return filter settings around a luma noise deviation in 8-bit code values."""
    if method == "hqdn3d":
        return [f"hqdn3d={sigma * k * 2:.2f}" for k in (0.5, 1.0, 1.5, 2.5)]
    if method == "atadenoise":
        levels = (round(min(0.3, sigma * k / 255), 4) for k in (1.0, 2.0, 3.5))
        return [f"atadenoise=0a={a}:0b={4 * a}:1a={a}:1b={4 * a}:2a={a}:2b={4 * a}:s=9" for a in levels]
    if method == "nlmeans":
        return [f"nlmeans=s={max(1.0, sigma * k):.2f}" for k in (0.6, 1.0, 1.6)]
    # groups of more than one block leave the noise in, at any strength tried (docs/log.md, 2026-11-27)
    return [f"bm3d=sigma={sigma * k:.2f}:block=8:bstep=4:group=1:range=9" for k in (4.0, 6.0, 9.0, 13.0)]


def filtered(pictures: list[Picture], setting: str) -> tuple[list[Picture], float]:
    """Run a filter and return its pictures and its rate, that of the whole command less its start."""
    height, width = pictures[0].height, pictures[0].width
    raw = b"".join(plane.tobytes() for picture in pictures for plane in (picture.y, picture.cb, picture.cr))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", WORKING_FORMAT]
    command += ["-s", f"{width}x{height}", "-r", "24"]
    tail = ["-pix_fmt", WORKING_FORMAT, "-f", "rawvideo", "-"]
    with tempfile.NamedTemporaryFile(suffix=".yuv") as file:
        file.write(raw)
        file.flush()
        idle = _timed([*command, "-i", file.name, *tail])[1]
        output, seconds = _timed([*command, "-i", file.name, "-vf", setting, *tail])
    return _unraw(output, height, width), len(pictures) / max(seconds - idle, 1e-3)


def _timed(command: list[str]) -> tuple[bytes, float]:
    began = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True).stdout
    return output, time.perf_counter() - began


def _unraw(data: bytes, height: int, width: int) -> list[Picture]:
    codes = np.frombuffer(data, np.uint16).reshape(-1, height * width * 2)
    half = height * width // 2
    return [
        Picture(
            number,
            frame[: 2 * half].reshape(height, width),
            frame[2 * half : 3 * half].reshape(height, width // 2),
            frame[3 * half :].reshape(height, width // 2),
        )
        for number, frame in enumerate(codes)
    ]
