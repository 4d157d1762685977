"""What the GPU itself can do: copy bandwidth and float16 matrix rate, and a clock that the GPU holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engines.gpu.graph import Graph
from engines.gpu.machine import Machine
from engines.plans.compiler import Order, main
from engines.plans.library import Library, Renewal

_SIDE = 8192
_COPIED = 1 << 30
_ROUNDS = 20


def seconds(machine: Machine, work: Callable[[Any], object], rounds: int = _ROUNDS, stream: Any | None = None) -> float:
    """Return the middle of the seconds that work takes on a stream, by the GPU's own events, after two to warm up."""
    cuda = machine.cuda
    stream, taken = stream or cuda.Stream(), []
    for number in range(rounds + 2):
        begin, end = cuda.Event(), cuda.Event()
        begin.record(stream)
        work(stream)
        end.record(stream)
        end.synchronize()
        if number > 1:
            taken.append(end.time_since(begin) / 1e3)
    return sorted(taken)[rounds // 2]


def seconds_each(machine: Machine, works: Sequence[Callable[[Any], object]]) -> float:
    """Return the middle of the seconds that each of many short works takes, one after another as one recorded graph.

    Started one by one, a kernel of some microseconds is shorter than its start. Works that take turns on memory of
    their own, more than the GPU's cache holds, show what memory gives and not what the cache does.
    """
    stream = machine.cuda.Stream()

    def all_of_them() -> None:
        for work in works:
            work(stream)

    graph = Graph.recorded(all_of_them, stream.handle)
    return seconds(machine, lambda _stream: graph.launch(), stream=stream) / len(works)


def copy_bandwidth(machine: Machine) -> float:
    """Return the bytes a second, read and written together, that a copy on the GPU moves."""
    with machine.working("the copy failed"):
        source, target = (machine.cuda.mem_alloc(_COPIED) for _ in range(2))
        taken = seconds(machine, lambda stream: machine.cuda.memcpy_dtod_async(target, source, _COPIED, stream))
    return 2 * _COPIED / taken


def matrix_rate(machine: Machine, library: Library) -> float:
    """Return the float16 operations a second of a large matrix product in the library itself."""
    import onnx
    from onnx import TensorProto, helper

    shape = [_SIDE, _SIDE]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT16, shape) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "matrix", ends[:2], ends[2:])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with machine.working("the matrix product failed"):
        product = Loaded(machine, library, compiled(library, model, machine.gpu.sm, refit=False))
        return 2 * _SIDE**3 / seconds(machine, product.context())


def compiled(library: Library, model: Any, sm: str, *, refit: bool) -> bytes:
    """Return a plan of an ONNX graph, built in this process: a bench may die with its compiler.

    Raises:
        RuntimeError: the library built none; it says why on stderr.
    """
    names = tuple(x.name for x in model.graph.initializer if x.name.endswith(("weight", "bias"))) if refit else ()
    target = sm if library.builds_without_gpu and not refit else ""
    order = Order(library.name, target, Renewal.REFIT if refit else Renewal.REBUILD, names)
    with TemporaryDirectory() as name:
        Path(name, "graph.onnx").write_bytes(model.SerializeToString())
        if main(order, Path(name)):
            raise RuntimeError("the library built no plan")
        return Path(name, "plan").read_bytes()


class Loaded:
    """A plan on the GPU, kept nowhere."""

    def __init__(self, machine: Machine, library: Library, plan: bytes) -> None:
        api = library.api()
        self._machine, self._logger = machine, api.Logger()
        self._runtime = api.Runtime(self._logger)  # lives as long as its engine
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise RuntimeError("the plan cannot be loaded")

    def context(self) -> Callable[[Any], None]:
        """Return what runs it once on a stream, in a context and on memory of its own; inputs are float16."""
        context, held = self._engine.create_execution_context(), []
        for number in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(number)
            held.append(self._machine.cuda.mem_alloc(int(np.prod(self._engine.get_tensor_shape(name))) * 2))
            context.set_tensor_address(name, int(held[-1]))

        def run(stream: Any) -> None:
            assert held, "the memory lives as long as what runs on it"
            if not context.execute_async_v3(stream.handle):
                raise RuntimeError("the engine did not run")

        return run
