"""The whole render on a GPU's engine against the slowest of its stations alone, by the clock: goal 0.9.

python -m bench.gpu.pipeline BACKEND [FRAMES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.enhanced import encode_alone
from bench.media import movie
from engines.backends import choose
from engines.enhance.restore import Restore
from engines.media.decode import LibavDecoder
from engines.media.encode import Output
from engines.media.hardware import Hardware, here
from engines.media.preset import derived
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec, Wanted, spec_of
from engines.media.source import MediaFile
from engines.model.noise import estimate
from engines.model.weights import base_weights
from engines.plans.store import PlanStore
from engines.render import first_pictures, render

GOAL = 0.9


def rates(name: str, clip: Path, folder: Path, hardware: Hardware | None = None) -> dict[str, float]:
    """Return frames a second of each station alone and of the render, decoded by `hardware` where it can."""
    backend = choose(name, PlanStore(folder / "plans", 1 << 30))
    with clip.open("rb") as opened:
        files = [MediaFile(clip.name, opened.fileno())]
        essence = probe(files)
        spec = spec_of(essence, derived(ProxyCodec.DNXHR_LB, None), Wanted("bench", "A001"))
        pictures = first_pictures(LibavDecoder(files, essence), essence, spec, 48)
        noise = estimate(pictures[:8])
        restore = Restore(backend, base_weights("lite"), spec.height, spec.width, strength=1.0, noise=noise)
        restore(pictures[0])
        decoder = LibavDecoder(files, essence, hardware)
        return {
            "decode": _rate(lambda: first_pictures(decoder, essence, spec, essence.frames), essence.frames),
            "network": _rate(lambda: [restore(picture) for picture in pictures], len(pictures)),
            "encode": _rate(lambda: encode_alone(files, essence, spec, folder / "alone.mov"), essence.frames),
            "render": _rate(
                lambda: render(
                    LibavDecoder(files, essence, hardware),
                    essence,
                    spec,
                    [Output(spec, (folder / "render.mov",))],
                    enhance=restore,
                    progress=lambda *_: None,
                ),
                essence.frames,
            ),
        }


def _rate(work: Callable[[], object], frames: int) -> float:
    began = time.perf_counter()
    work()
    return frames / (time.perf_counter() - began)


def main() -> int:
    """Measure, print, and tell whether the goal is met."""
    frames = int(sys.argv[2]) if len(sys.argv) > 2 else 240
    with TemporaryDirectory() as name:
        clip = Path(name, "clip.mov")
        movie(clip, frames=frames, width=1920, height=1080, rate=Fraction(24), tracks=0, encoder="libx264", distinct=24)
        told = [_told(rates(sys.argv[1], clip, Path(name)), "libavcodec")]
        if (hardware := here()).card:
            told.append(_told(rates(sys.argv[1], clip, Path(name), hardware), hardware.name))
    return int(not all(told))


def _told(found: dict[str, float], decoder: str) -> bool:
    """Print what was found, and return whether the goal is met."""
    whole = found.pop("render")
    ratio = whole / min(found.values())
    stations = ", ".join(f"{station} {fps:.1f}" for station, fps in found.items())
    verdict = "met" if ratio >= GOAL else "MISSED"
    print(f"{decoder}: fps alone: {stations}; render {whole:.1f}; ratio {ratio:.2f}, goal {GOAL} {verdict}", flush=True)
    return ratio >= GOAL


if __name__ == "__main__":
    raise SystemExit(main())
