"""Eager CUDA on the GPU, in a process where torch is alone: `python -m bench.gpu.eager`, a row a network and raster.

The recorded step alone, and a step as the service takes it: to and from this side's memory, motion by the CPU.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch

from bench.gpu.numbers import numbers, operations
from engines.backends.eager_cuda import EagerCudaBackend
from engines.backends.speed import speed
from engines.model.packing import packed_size
from engines.model.weights import base_weights
from engines.plans.store import PlanStore

SIZES, RASTERS = ("lite", "mid", "full"), ((960, 540), (1920, 1080), (3840, 2160))
_SIDE, _ROUNDS = 8192, 20


def matrix_rate() -> float:
    """Return the float16 operations a second of a large matrix product of random numbers."""
    one, other = (torch.randn(_SIDE, _SIDE, device="cuda", dtype=torch.float16) for _ in range(2))
    return 2 * _SIDE**3 / _seconds(lambda: one @ other)


def _seconds(work: Callable[[], object]) -> float:
    """Return the middle of the seconds that work takes, by the GPU's own events, after three to warm up."""
    taken = []
    for number in range(_ROUNDS + 3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        if number > 2:
            taken.append(begin.elapsed_time(end) / 1e3)
    return sorted(taken)[_ROUNDS // 2]


def main() -> None:
    """Print a row for each network and raster."""
    backend, rate = EagerCudaBackend(), matrix_rate()
    for width, height in RASTERS:
        rows, columns = packed_size(height, width)
        for size in SIZES:
            session = backend.open(numbers(size, 1), rows, columns)
            picture = np.full((1, 8, rows, columns), 0.5, np.float32)
            session.step(picture, np.full((1, 3, rows, columns), 0.1, np.float32))
            alone = _seconds(session._graph.replay)  # type: ignore[attr-defined] # noqa: SLF001 - the step as recorded
            share = operations(numbers(size, 1), rows, columns) / alone / rate
            row = {"size": size, "raster": f"{width}x{height}", "step_ms": alone * 1e3, "of_matrix_rate": share}
            print(json.dumps(row), flush=True)
    for raster in RASTERS:
        for size in ("lite", "mid"):
            row = {"model": size} | asdict(speed("eager-cuda", base_weights(size), _store(), *raster, 25))
            print(json.dumps(row), flush=True)


def _store() -> PlanStore:
    return PlanStore(Path(mkdtemp()), 1 << 30)


if __name__ == "__main__":
    main()
