"""Prints how fast plain proxies are made, beside the same ffmpeg command in the same run.

Run: `python bench/plain.py [FRAMES] [CLIP]`; exits 1 if a codec's ratio is under 0.9. Without a clip, one as
cameras write it is made: 1080p24 H.264 with B-frames and two tracks of PCM. Rounds of both sides are
interleaved, so that a neighbour's load falls on both, and the best of each counts. CPU seconds are shown
beside, since they vary less. The peer is imageio-ffmpeg's binary (`pip install .[bench]`): same decoder,
scaling, encoder and sound. Ours is probed before and checked against the relink contract after; that is
shown in its own column and is not part of the rate. Must not be imported by nearset.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from engines.media.contract import check
from engines.media.decode import LibavDecoder
from engines.media.encode import Output
from engines.media.preset import derived
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec, Wanted, spec_of
from engines.media.source import MediaFile
from engines.render import Rendered, render

ROUNDS = 3
TARGET_RATIO = 0.9
SIZE = (1920, 1080)
PEER = {
    ProxyCodec.DNXHR_LB: ["-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p"],
    ProxyCodec.PRORES_PROXY: ["-c:v", "prores_aw", "-profile:v", "0", "-pix_fmt", "yuv422p10le"],
    ProxyCodec.H264: [
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-profile:v", "high", "-pix_fmt", "yuv420p"
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a piece of work took."""

    wall_seconds: float
    cpu_seconds: float


def measured(work: Callable[[], object]) -> Cost:
    before, wall = _cpu(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - wall, _cpu() - before)


def _cpu() -> float:
    whole = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in whole)


def film(path: Path, frames: int) -> None:
    """Write a moving, grainy clip."""
    noise = np.random.default_rng(1)
    wide = np.cumsum(noise.normal(0, 3, (SIZE[1], SIZE[0] + 8 * 64)), axis=1) % 180 + 30
    with av.open(str(path), "w") as container:
        video = container.add_stream(
            "libx264", rate=Fraction(24000, 1001), options={"preset": "veryfast", "b": "50M", "bf": "2"}
        )
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sounds = [container.add_stream("pcm_s24le", rate=48000, layout="mono") for _ in range(2)]
        for number in range(frames):
            left = 8 * (number % 64)
            luma = wide[:, left : left + SIZE[0]] + noise.integers(-4, 5, SIZE[::-1], np.int8)
            frame = VideoFrame.from_ndarray(luma.astype(np.uint8), "gray").reformat(format="yuv420p")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        count = frames * 2002
        for sound in sounds:
            samples = noise.integers(-(2**30), 2**30, (1, count), np.int32)
            block = AudioFrame.from_ndarray(samples, "s32", "mono")
            block.sample_rate, block.pts = 48000, 0
            container.mux(sound.encode(block))
            container.mux(sound.encode(None))


class Pair:
    """One clip and codec, made by both."""

    def __init__(self, clip: Path, codec: ProxyCodec, folder: Path) -> None:
        self.file = MediaFile(clip.name, os.open(clip, os.O_RDONLY))
        self.probe_cost = measured(lambda: probe([self.file]))
        self.essence = probe([self.file])
        self.spec = spec_of(self.essence, derived(codec, None), Wanted(clip.stem, "A001"))
        self.ours, self.theirs = folder / "ours.mov", folder / "theirs.mov"
        scale = f"scale={self.spec.width}:{self.spec.height}:flags=bicubic"
        self.command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(clip),
            "-map", "0:v:0", "-map", "0:a?",
            "-vf", scale, *PEER[codec], "-c:a", "pcm_s24le", str(self.theirs),
        ]  # fmt: skip

    def nearset(self) -> Rendered:
        """Make the proxy."""
        decoder = LibavDecoder([self.file], self.essence)
        return render(
            decoder, self.essence, self.spec, [Output(self.spec, (self.ours,))], enhance=None, progress=lambda *_: None
        )

    def peer(self) -> None:
        """Make it with ffmpeg."""
        subprocess.run(self.command, check=True)

    def checked(self, made: Rendered) -> None:
        """Hold ours to the contract."""
        fd = os.open(self.ours, os.O_RDONLY)
        check([MediaFile(self.ours.name, fd)], self.essence, self.spec, made.sound_digests[0])
        os.close(fd)


def compare(pair: Pair, codec: ProxyCodec) -> float:
    """Print the codec's row and return its ratio."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(measured(pair.nearset))
        theirs.append(measured(pair.peer))
    made = pair.nearset()
    beside = measured(lambda: pair.checked(made)).wall_seconds + pair.probe_cost.wall_seconds
    best, peer = min(cost.wall_seconds for cost in ours), min(cost.wall_seconds for cost in theirs)
    cpu, peer_cpu = min(cost.cpu_seconds for cost in ours), min(cost.cpu_seconds for cost in theirs)
    frames = pair.essence.frames
    print(
        f"{codec:<14}{frames / best:>9.1f}{frames / peer:>9.1f}{peer / best:>8.2f}"
        f"{1000 * cpu / frames:>11.1f}{1000 * peer_cpu / frames:>9.1f}{1000 * beside / frames:>14.1f}"
    )
    return peer / best


def main() -> int:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "A001C001.mov"
        if not clip.exists():
            film(clip, frames)
        print(f"{clip.name}, best of {ROUNDS} each, {os.cpu_count()} cores")
        print(f"{'':<14}{'nearset':>9}{'ffmpeg':>9}{'':>8}{'nearset':>11}{'ffmpeg':>9}{'probe+check':>14}")
        print(f"{'':<14}{'fps':>9}{'fps':>9}{'ratio':>8}{'cpu-ms':>11}{'cpu-ms':>9}{'ms a frame':>14}")
        ratios = [compare(Pair(clip, codec, Path(folder)), codec) for codec in PEER]
    return 0 if min(ratios) >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
