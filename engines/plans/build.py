"""Building a plan: the graph in, the compiled network out, by a process of its own (`compiler.py`).

One target a process: after a failed build the next target in the same process fails too (TensorRT-RTX 1.7.1), and what
a compiler takes down is then its own process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import numpy_helper

from engines.errors import BuildFailed
from engines.gpu.device import gpu
from engines.gpu.faults import build_error
from engines.model.half import half
from engines.model.onnx_graph import OUTPUTS, onnx_graph
from engines.model.weights import Weights
from engines.plans.compiler import UNFIT, Order
from engines.plans.library import Library, Renewal

OUTPUT = OUTPUTS[0]
_LONGEST_SECONDS = 1800
"""A full TensorRT build times each kernel on the GPU and may take minutes."""


@dataclass(frozen=True, slots=True)
class Built:
    """A plan and the seconds that its build took, the process around it included."""

    plan: bytes
    seconds: float


def built(library: Library, weights: Weights, height: int, width: int, sm: str, renewal: Renewal) -> Built:
    """Return a plan of the network in float16, for packed pictures of `height` x `width`.

    Raises:
        BuildFailed: the library refuses the network or the target. BackendUnavailable: the library is missing.
        GpuMissing: it must be built on the GPU that runs it, and none is here.
    """
    library.api()
    if renewal is Renewal.REFIT or not library.builds_without_gpu:
        gpu()
    if sm:
        library.capability(sm)
    graph = clamped(half(onnx_graph(weights.topology, weights.tensors, height, width)))
    order = Order(library.name, sm, renewal, tuple(sorted(weights.tensors)))
    began = time.monotonic()
    with TemporaryDirectory(prefix="nearset-plan-") as name:
        folder = Path(name)
        (folder / "graph.onnx").write_bytes(graph.SerializeToString())
        _run(order, folder)
        return Built((folder / "plan").read_bytes(), time.monotonic() - began)


def clamped(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its picture held to 0-1, as it must be before it is fed back: nobody else does it there."""
    (last,) = (node for node in graph.graph.node if OUTPUT in node.output)
    last.output[0] = f"{OUTPUT}_unbounded"
    bounds = [numpy_helper.from_array(np.array(value, np.float16), f"bound_{value}") for value in (0, 1)]
    graph.graph.initializer.extend(bounds)
    graph.graph.node.append(onnx.helper.make_node("Clip", [last.output[0], "bound_0", "bound_1"], [OUTPUT]))
    return graph


def _run(order: Order, folder: Path) -> None:
    """Build in a child; raise what it said if there is no plan in the end."""
    what = f"{order.library} built no engine{f' for SM {order.sm}' if order.sm else ''}"
    command = [sys.executable, "-P", "-m", "engines.plans.compiler", json.dumps(asdict(order)), str(folder)]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(what, why=f"it took longer than {_LONGEST_SECONDS} s", fix="set another engine") from error
    if child.returncode == UNFIT:
        raise BuildFailed(
            what, why=child.stderr.strip().splitlines()[-1], fix="report it: the network's graph is at fault"
        )
    if child.returncode or not (folder / "plan").exists():
        raise build_error(what, child.stderr or f"the process ended with code {child.returncode}")
