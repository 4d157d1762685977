"""All that a GPU can show, in one go, as tables for docs/performance.md.

    python -m bench.gpu [--backend tensorrt-rtx|tensorrt|eager-cuda] [--quick]

Device and ceilings; build, renewal and parity; plain against refit-marked; contexts and graphs; kernels against their
byte floor, those of motion and carrying, too; a step as the service takes it; NVDEC and NVENC beside the processor; the
whole render, decoded by either; eager CUDA beside it. Parts are processes of their own: torch must not share one.
`eager-cuda` measures what a machine without TensorRT can show. Without a GPU it says what is missing and exits with 3:
nothing is guessed. Batches above one are not measured, for the network's graph has none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines.errors import EngineError
from engines.gpu.device import gpu
from engines.plans.library import LIBRARIES

EXIT_NO_GPU = 3
EAGER = "eager-cuda"


def main() -> int:
    """Measure and print; each part that fails says why and lets the others go on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", choices=[*sorted(LIBRARIES), EAGER], default="tensorrt-rtx")
    parser.add_argument("--quick", action="store_true", help="One network at one raster.")
    parser.add_argument("--part", choices=sorted(_PARTS), help="One part alone; the others run as processes.")
    arguments = parser.parse_args()
    try:
        found = gpu()
    except EngineError as error:
        print(f"nothing measured: {error.what}: {error.why}\n  fix: {error.fix}", file=sys.stderr)
        return EXIT_NO_GPU
    if arguments.part:
        _PARTS[arguments.part](arguments)
        return 0
    print(f"{found.name}, SM {found.sm}, driver {found.driver}, {found.memory_bytes >> 30} GiB", flush=True)
    failed = []
    for part in _PARTS:
        if part == "engines" and arguments.backend == EAGER:
            continue  # plans are TensorRT's alone
        print(f"\n== {part}", flush=True)
        words = [sys.executable, "-m", "bench.gpu", *sys.argv[1:], "--part", part]
        if subprocess.run(words, check=False).returncode:
            failed.append(part)
    print(f"\nfailed: {', '.join(failed) or 'nothing'}")
    return int(bool(failed))


def _ground(arguments: argparse.Namespace) -> tuple[float, float]:
    from bench.gpu.ground import matrix_rate
    from engines.gpu.machine import Machine

    band = _band()
    rate = _torch_rate() if arguments.backend == EAGER else matrix_rate(Machine(), LIBRARIES[arguments.backend])
    print(f"float16 matrix {rate / 1e12:.1f} TFLOPS", flush=True)
    return rate, band


def _band() -> float:
    """Return the copy bandwidth, which kernels are held to: they want no network and no library that runs one."""
    from bench.gpu.ground import copy_bandwidth
    from engines.gpu.machine import Machine

    band = copy_bandwidth(Machine())
    print(f"copy {band / 1e9:.0f} GB/s", flush=True)
    return band


def _torch_rate() -> float:
    """Return what torch reaches in a process of its own."""
    words = "from bench.gpu.eager import matrix_rate; print(matrix_rate())"
    return float(subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True).stdout)


def _engines(arguments: argparse.Namespace) -> None:
    from bench.gpu.plans import RASTERS, SIZES, measured
    from engines.gpu.machine import Machine

    ground, machine = _ground(arguments), Machine()
    for size in SIZES[1:2] if arguments.quick else SIZES:
        for raster in RASTERS[1:2] if arguments.quick else RASTERS:
            _row(measured(machine, LIBRARIES[arguments.backend], size, raster, ground))


def _kernels(_arguments: argparse.Namespace) -> None:
    from bench.gpu.kernels import measured
    from engines.gpu.machine import Machine

    band = _band()
    for row in measured(Machine(), 1920, 1080, band):
        _row(row)


def _motion(_arguments: argparse.Namespace) -> None:
    from bench.gpu.motion import measured
    from engines.gpu.machine import Machine

    band = _band()
    for raster in ((960, 540), (1920, 1080)):
        for row in measured(Machine(), *raster, band):
            _row(row)


def _speed(arguments: argparse.Namespace) -> None:
    """Time each engine as `nearset engine bench` does: pictures from and to this side's memory, the next one known."""
    from engines.backends.speed import speed
    from engines.model.weights import base_weights
    from engines.plans.store import PlanStore

    if arguments.backend != EAGER:
        with TemporaryDirectory() as folder:
            store = PlanStore(Path(folder), 8 << 30)
            for raster in ((960, 540), (1920, 1080)):
                _row(speed(arguments.backend, base_weights("lite"), store, *raster, 50))
    subprocess.run([sys.executable, "-m", "bench.gpu.eager"], check=True)


def _parity(arguments: argparse.Namespace) -> None:
    for engine in dict.fromkeys((arguments.backend, EAGER)):
        subprocess.run([sys.executable, "-m", "bench.parity", "--engine", engine], check=True)


def _pipeline(arguments: argparse.Namespace) -> None:
    subprocess.run([sys.executable, "-m", "bench.gpu.pipeline", arguments.backend], check=True)


def _video(_arguments: argparse.Namespace) -> None:
    from bench.gpu.video import measured

    for row in measured():
        _row(row)


def _row(row: Any) -> None:
    print(
        json.dumps(row if isinstance(row, dict) else {name: getattr(row, name) for name in row.__slots__}), flush=True
    )


_PARTS = {
    "ground": _ground,
    "engines": _engines,
    "kernels": _kernels,
    "motion": _motion,
    "speed": _speed,
    "parity": _parity,
    "video": _video,
    "pipeline": _pipeline,
}

if __name__ == "__main__":
    raise SystemExit(main())
