"""How fast every engine of this machine is, and what a plan costs where TensorRT for RTX is installed.

    python -m bench.engines [--frames N]

Frames a second of `lite` at 960x540 and 1920x1080, one picture after another from and to this side's memory; engines
that are missing are told. Then seconds and bytes of a plan for each network and raster, for SM 89: no GPU is needed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.gpu.numbers import numbers
from engines.backends.speed import speeds
from engines.model.packing import packed_size
from engines.model.weights import base_weights
from engines.plans.build import built
from engines.plans.library import LIBRARIES, Renewal
from engines.plans.store import PlanStore

RASTERS = ((960, 540), (1920, 1080), (3840, 2160))


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=20)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        for raster in RASTERS[:2]:
            for speed in speeds(base_weights("lite"), PlanStore(Path(folder), 1 << 30), *raster, arguments.frames):
                said = f"{speed.fps} fps, {speed.described}" if speed.fps else f"missing: {speed.missing}"
                print(f"{speed.size:10} {speed.engine:13} {said}", flush=True)
    library = LIBRARIES["tensorrt-rtx"]
    if library.is_here:
        for size in ("nano", "lite", "mid", "full"):
            for width, height in RASTERS:
                made = built(library, numbers(size, 1), *packed_size(height, width), "89", Renewal.REBUILD)
                print(
                    f"plan {size:5} {width}x{height:<5} {made.seconds:5.2f} s {len(made.plan) / 1e6:5.1f} MB",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
