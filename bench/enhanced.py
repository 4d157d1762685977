"""How near the enhanced render comes to what its stations cost alone: goal 0.9 x cores / CPU-seconds a frame.

    python -m bench.enhanced [FRAMES]

Decode, network and encode are each measured alone, in CPU-seconds of the whole process, then the render as it is.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from bench.media import movie
from engines.backends import choose
from engines.enhance.restore import Restore
from engines.media.conform import picture_of
from engines.media.decode import LibavDecoder
from engines.media.encode import Output, ProxyWriter
from engines.media.essence import Essence
from engines.media.preset import derived
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec, ProxySpec, Wanted, spec_of
from engines.media.source import MediaFile
from engines.model.noise import estimate
from engines.model.weights import base_weights
from engines.render import first_pictures, render

GOAL = 0.9


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU-seconds of the process that a piece of work takes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def restorer(files: list[MediaFile], essence: Essence, spec: ProxySpec) -> Restore:
    """Return a fresh restoration of the clip."""
    noise = estimate(first_pictures(LibavDecoder(files, essence), essence, spec, 8))
    return Restore(choose("auto"), base_weights("lite"), spec.height, spec.width, strength=1.0, noise=noise)


def measure(clip: Path, folder: Path) -> dict[str, float]:
    """Return CPU-seconds a frame of each station alone, and frames a second of the render."""
    with clip.open("rb") as opened:
        files = [MediaFile(clip.name, opened.fileno())]
        essence = probe(files)
        spec = spec_of(essence, derived(ProxyCodec.DNXHR_LB, None), Wanted("bench", "A001"))
        frames: list[object] = []
        decode = cpu_seconds(
            lambda: frames.extend(first_pictures(LibavDecoder(files, essence), essence, spec, essence.frames))
        )
        pictures = first_pictures(LibavDecoder(files, essence), essence, spec, min(48, essence.frames))
        restore = restorer(files, essence, spec)
        restore(pictures[0])
        network = cpu_seconds(lambda: [restore(picture) for picture in pictures])
        encode = cpu_seconds(lambda: encode_alone(files, essence, spec, folder / "alone.mov"))
        fresh = restorer(files, essence, spec)
        fresh(pictures[0])
        began = time.perf_counter()
        render(
            LibavDecoder(files, essence),
            essence,
            spec,
            [Output(spec, (folder / "render.mov",))],
            enhance=fresh,
            progress=lambda *_: None,
        )
        seconds = time.perf_counter() - began
    count = essence.frames
    return {
        "decode": decode / count,
        "network": network / len(pictures),
        "encode": encode / count,
        "fps": count / seconds,
    }


def encode_alone(files: list[MediaFile], essence: Essence, spec: ProxySpec, path: Path) -> None:
    """Encode one decoded frame as often as the clip has frames."""
    from engines.media.conform import frame_of
    from engines.render import _conformed

    like = next(iter(_conformed(LibavDecoder(files, essence).blocks(), essence, spec)))
    writer = ProxyWriter(Output(spec, (path,)), essence)
    picture = picture_of(like)  # type: ignore[arg-type] # the first block of a silent clip is a frame
    for number in range(essence.frames):
        frame = frame_of(picture, like)  # type: ignore[arg-type] # see above
        frame.pts = number
        writer.write_picture(frame)
    writer.close()


def main() -> int:
    """Measure, print, and tell whether the goal is met."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 96
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        clip = Path(name) / "clip.mov"
        movie(clip, frames=frames, width=1920, height=1080, rate=Fraction(24), tracks=0, encoder="libx264", distinct=24)
        found = measure(clip, Path(name))
    alone = found["decode"] + found["network"] + found["encode"]
    ideal = cores / alone
    ratio = found["fps"] / ideal
    print(
        f"CPU ms a frame alone: decode+conform {found['decode'] * 1e3:.1f}, network {found['network'] * 1e3:.1f}, "
        f"encode {found['encode'] * 1e3:.1f}; ideal on {cores} cores {ideal:.1f} fps, render {found['fps']:.1f} fps, "
        f"ratio {ratio:.2f}, goal {GOAL} {'met' if ratio >= GOAL else 'MISSED'}"
    )
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
