"""What the process of a step measures: it prints a row as soon as there is one. Imports wait until a part is chosen."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines.plans.library import LIBRARIES

RASTERS = ((960, 540), (1920, 1080), (3840, 2160))


def _ground(_arguments: argparse.Namespace) -> None:
    from bench.gpu.ground import copy_bandwidth, matrix_rate
    from engines.errors import EngineError
    from engines.gpu.machine import Machine

    machine = Machine()
    _row({"copy_bytes_s": copy_bandwidth(machine)})
    words = "from bench.gpu.eager import matrix_rate; print(matrix_rate())"
    torch = subprocess.run([sys.executable, "-c", words], check=False, capture_output=True, text=True)
    _row({"by": "torch", "matrix_flops": float(torch.stdout)} if not torch.returncode else _why("torch", torch.stderr))
    for library in LIBRARIES.values():
        if library.is_here:
            try:
                _row({"by": library.name, "matrix_flops": matrix_rate(machine, library)})
            except (EngineError, RuntimeError) as error:
                _row(_why(library.name, str(error)))


def _why(by: str, said: str) -> dict[str, Any]:
    return {"by": by, "why": said.strip().splitlines()[-1:]}


def _engines(arguments: argparse.Namespace) -> None:
    from bench.gpu.plans import SIZES, measured
    from engines.gpu.machine import Machine

    machine, (name,) = Machine(), arguments.backend
    if LIBRARIES[name].builds_without_gpu:
        LIBRARIES[name].capability(machine.gpu.sm)
    for size in SIZES[:1] if arguments.quick else SIZES:
        for raster in RASTERS[1:2] if arguments.quick else RASTERS:
            for row in measured(machine, LIBRARIES[name], size, raster, _ceilings(arguments)):
                _row(row)


def _kernels(arguments: argparse.Namespace) -> None:
    from bench.gpu.kernels import measured
    from engines.gpu.machine import Machine

    machine = Machine()
    for row in measured(machine, 1920, 1080, _bandwidth(arguments, machine)):
        _row(row)


def _motion(arguments: argparse.Namespace) -> None:
    from bench.gpu.motion import measured
    from engines.gpu.machine import Machine

    machine = Machine()
    for raster in RASTERS[:2]:
        for row in measured(machine, *raster, _bandwidth(arguments, machine)):
            _row(row)


def _speed(arguments: argparse.Namespace) -> None:
    """Time an engine as `nearset engine bench` does: pictures from and to this side's memory, the next one known."""
    from engines.backends.speed import speed
    from engines.model.weights import base_weights
    from engines.plans.store import PlanStore

    (name,) = arguments.backend
    with TemporaryDirectory() as folder:
        for raster in RASTERS[1:2] if arguments.quick else RASTERS:
            _row(
                {"model": "lite"}
                | asdict(speed(name, base_weights("lite"), PlanStore(Path(folder), 8 << 30), *raster, 50))
            )


def _eager(_arguments: argparse.Namespace) -> None:
    raise SystemExit(subprocess.run([sys.executable, "-m", "bench.gpu.eager"], check=False).returncode)


def _parity(arguments: argparse.Namespace) -> None:
    words = [sys.executable, "-m", "bench.parity", "--engine", *arguments.backend]
    raise SystemExit(subprocess.run(words, check=False).returncode)


def _pipeline(arguments: argparse.Namespace) -> None:
    words = [sys.executable, "-m", "bench.gpu.pipeline", *arguments.backend]
    raise SystemExit(subprocess.run(words, check=False).returncode)


def _video(arguments: argparse.Namespace) -> None:
    from bench.gpu.video import measured

    for row in measured(is_quick=arguments.quick):
        _row(row)


def _ceilings(arguments: argparse.Namespace) -> tuple[float | None, float | None]:
    """Return the measured float16 operations and copied bytes a second; None where the first step gave none."""
    return arguments.matrix_flops, arguments.copy_bytes_s


def _bandwidth(arguments: argparse.Namespace, machine: Any) -> float:
    from bench.gpu.ground import copy_bandwidth

    return arguments.copy_bytes_s or copy_bandwidth(machine)


def _row(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "ground": _ground,
    "kernels": _kernels,
    "engines": _engines,
    "parity": _parity,
    "speed": _speed,
    "eager": _eager,
    "pipeline": _pipeline,
    "video": _video,
    "motion": _motion,
}
"""What may be measured, in the order of its worth."""
