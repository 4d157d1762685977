"""Plans and engines on the GPU: build, renewal, parity, and what contexts and graphs bring.

Each plan is built once: a full TensorRT may take minutes for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from bench.gpu.ground import Loaded, compiled, seconds
from bench.gpu.numbers import numbers, operations
from engines.backends.tensorrt import TensorRtBackend
from engines.errors import EngineError
from engines.gpu.graph import Graph
from engines.gpu.machine import Machine
from engines.model.half import half
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import packed_size
from engines.model.weights import Weights
from engines.plans.build import clamped
from engines.plans.canary import reference
from engines.plans.key import plan_key
from engines.plans.library import Library
from engines.plans.store import PlanStore

SIZES = ("lite", "mid", "full")
Row = dict[str, Any]


def measured(
    machine: Machine,
    library: Library,
    size: str,
    raster: tuple[int, int],
    ground: tuple[float | None, float | None],
) -> Iterator[Row]:
    """Yield what is known of a network at a raster, a row a finding; `ground` are the matrix rate and the bandwidth.

    `rate_share` is of the measured matrix rate, `band_share` of the bandwidth's floor.
    """
    rows, columns = packed_size(raster[1], raster[0])
    name = {"size": size, "raster": f"{raster[0]}x{raster[1]}", "renewal": str(library.renewal)}
    weights = numbers(size, 1)
    try:
        yield name | _served(machine, library, weights, numbers(size, 2), (rows, columns))
    except EngineError as error:
        yield name | {"why": f"not served: {error.what}: {error.why}"}
    model = clamped(half(onnx_graph(weights.topology, weights.tensors, rows, columns)))
    try:
        with machine.working("the engine failed"):
            began = time.perf_counter()
            plain = Loaded(machine, library, compiled(library, model, machine.gpu.sm, refit=False))
            yield name | {"build_s": time.perf_counter() - began}
            yield name | _alone(machine, plain, weights, (rows, columns), ground)
            yield name | {"graph_ms": _in_graph(machine, plain) * 1e3}
            for word, count in (("two", 2), ("three", 3)):
                yield name | {f"{word}_contexts_fps": _contexts(machine, plain, count)}
            yield name | {"refit_marked_ms": _marked(machine, library, model) * 1e3}
    except EngineError as error:
        yield name | {"why": f"{error.what}: {error.why}"}


def _served(machine: Machine, library: Library, weights: Weights, next_weights: Weights, shape: tuple[int, int]) -> Row:
    """Return the seconds that the service takes to its first engine, and to go over to other weights, parity included.

    What the reference makes of each is made before, as it is where weights are promoted.
    """
    with TemporaryDirectory() as folder:
        backend = TensorRtBackend(library.name, PlanStore(Path(folder), 8 << 30))
        for each in (weights, next_weights):
            reference(backend.store, plan_key(library, each, *shape, library.renewal, machine.gpu), each)
        opened = _timed(lambda: backend.open(weights, *shape))
        return {"open_s": opened, "renew_s": _timed(lambda: backend.open(next_weights, *shape))}


def _alone(
    machine: Machine, plain: Loaded, weights: Weights, shape: tuple[int, int], ground: tuple[float | None, float | None]
) -> Row:
    taken, (rate, band) = seconds(machine, plain.context()), ground
    return {
        "plain_ms": taken * 1e3,
        "rate_share": rate and operations(weights, *shape) / taken / rate,
        "band_share": band and _floor_bytes(weights, *shape) / band / taken,
    }


def _marked(machine: Machine, library: Library, model: onnx.ModelProto) -> float:
    return seconds(machine, Loaded(machine, library, compiled(library, model, machine.gpu.sm, refit=True)).context())


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _in_graph(machine: Machine, plain: Loaded) -> float:
    run, stream = plain.context(), machine.cuda.Stream()
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


def _contexts(machine: Machine, plain: Loaded, count: int) -> float:
    """Return steps a second of several contexts of one engine, each on a stream of its own."""
    runs = [(plain.context(), machine.cuda.Stream()) for _ in range(count)]
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
