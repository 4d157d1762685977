"""Plans and engines on the GPU: build, renewal, parity, and what contexts and graphs bring."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from bench.gpu.ground import bare, seconds
from bench.gpu.numbers import numbers, operations
from engines.backends.tensorrt import TensorRtBackend
from engines.gpu.graph import Graph
from engines.gpu.machine import Machine
from engines.model.half import half
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import packed_size
from engines.model.weights import Weights
from engines.plans.build import clamped
from engines.plans.compiler import Order, main
from engines.plans.library import Library, Renewal
from engines.plans.store import PlanStore

RASTERS = ((960, 540), (1920, 1080), (3840, 2160))
SIZES = ("lite", "mid", "full")


@dataclass(frozen=True, slots=True)
class EngineRow:
    """A network at a raster; `rate_share` is of the measured matrix rate, `band_share` of the bandwidth's floor."""

    size: str
    raster: str
    renewal: str
    build_s: float
    open_s: float
    renew_s: float
    plain_ms: float
    refit_marked_ms: float | None
    graph_ms: float
    two_contexts_fps: float
    three_contexts_fps: float
    rate_share: float
    band_share: float


def compiled(library: Library, model: onnx.ModelProto, sm: str, *, refit: bool) -> bytes:
    """Return a plan of a graph, built in this process: a bench may die with its compiler."""
    names = tuple(x.name for x in model.graph.initializer if x.name.endswith(("weight", "bias"))) if refit else ()
    target = sm if library.builds_without_gpu and not refit else ""
    order = Order(library.name, target, Renewal.REFIT if refit else Renewal.REBUILD, names)
    with TemporaryDirectory() as name:
        Path(name, "graph.onnx").write_bytes(model.SerializeToString())
        assert main(order, Path(name)) == 0, "the library built no plan"
        return Path(name, "plan").read_bytes()


def measured(
    machine: Machine, library: Library, size: str, raster: tuple[int, int], ground: tuple[float, float]
) -> Any:
    """Return the row of a network at a raster as a dictionary."""
    width, height = raster
    rows, columns = packed_size(height, width)
    weights, next_weights = numbers(size, 1), numbers(size, 2)
    model = clamped(half(onnx_graph(weights.topology, weights.tensors, rows, columns)))
    with TemporaryDirectory() as folder:
        backend = TensorRtBackend(library.name, PlanStore(Path(folder), 8 << 30))
        opened = _timed(lambda: backend.open(weights, rows, columns))
        renewed = _timed(lambda: backend.open(next_weights, rows, columns))
    with machine.working("the engine failed"):
        build = _timed(lambda: bare(machine, library, model))
        plain = seconds(machine, bare(machine, library, model))
        marked = seconds(machine, bare(machine, library, model, refit=True))
        graph = _in_graph(machine, library, model)
        more = [_contexts(machine, library, model, count) for count in (2, 3)]
    work, moved = operations(weights, rows, columns), _floor_bytes(weights, rows, columns)
    rate, band = ground
    return asdict(
        EngineRow(
            size,
            f"{width}x{height}",
            library.renewal,
            build,
            opened,
            renewed,
            plain * 1e3,
            marked * 1e3,
            graph * 1e3,
            *more,
            work / plain / rate,
            moved / band / plain,
        )
    )


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _in_graph(machine: Machine, library: Library, model: onnx.ModelProto) -> float:
    run, stream = bare(machine, library, model), machine.cuda.Stream()
    run(stream)
    stream.synchronize()
    graph = Graph.recorded(lambda: run(stream), stream.handle)
    taken = []
    for _ in range(22):
        began = time.perf_counter()
        graph.launch()
        stream.synchronize()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[11]


def _contexts(machine: Machine, library: Library, model: onnx.ModelProto, count: int) -> float:
    """Return steps a second of several contexts, each on a stream of its own."""
    runs = [(bare(machine, library, model), machine.cuda.Stream()) for _ in range(count)]
    for run, stream in runs:
        run(stream)
    machine.cuda.Context.synchronize()
    began = time.perf_counter()
    for _ in range(50):
        for run, stream in runs:
            run(stream)
    machine.cuda.Context.synchronize()
    return 50 * count / (time.perf_counter() - began)


def _floor_bytes(weights: Weights, rows: int, columns: int) -> float:
    """Return the least bytes of a step: every input and output and weight once."""
    channels = 4 * 8 + 1 + 2 * weights.topology.hidden
    return 2.0 * (channels * rows * columns + weights.topology.parameters)
