"""The network in OpenVINO on the CPU: bfloat16 where the processor has it, float32 elsewhere.

Built from the weights through the ONNX graph, without torch. The state is handed from one step's outputs to
the next step's inputs by swapping two sets of tensors; nothing is copied.
"""

from __future__ import annotations

import numpy as np
import openvino as ov

from engines.backends.base import Session
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import Packed
from engines.model.topology import PICTURE_CHANNELS
from engines.model.weights import Weights


class OpenVinoBackend:
    """Runs networks in OpenVINO."""

    name = "openvino"

    def __init__(self, precision: str | None = None) -> None:
        self._core = ov.Core()
        able = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision or ("bf16" if able else "f32")

    def describe(self) -> str:
        """Return OpenVINO's version and the precision."""
        return f"openvino {ov.__version__.split('-')[0]} {self.precision}"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session compiled for this size, in well under a second."""
        graph = onnx_graph(weights.topology, weights.tensors, height, width)
        model = self._core.read_model(graph.SerializeToString(), b"")
        settings = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "LATENCY"}
        return _OpenVinoSession(self._core.compile_model(model, "CPU", settings), weights, height, width)


class _OpenVinoSession:
    def __init__(self, compiled: ov.CompiledModel, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._request = compiled.create_infer_request()
        picture, state = (1, PICTURE_CHANNELS, height, width), (1, weights.topology.hidden, height, width)
        self._outputs = [np.zeros(picture, np.float32) for _ in range(2)]
        self._hidden = [np.zeros(state, np.float32) for _ in range(2)]
        self._before = np.zeros(picture, np.float32)
        self._fresh = True

    def step(self, now: Packed, noise: Packed) -> Packed:
        first = self._fresh
        inputs = {
            "now": now,
            "before": now if first else self._before,
            "output_before": now if first else self._outputs[0],
            "noise": noise,
            "hidden": self._hidden[0],
        }
        for name, array in inputs.items():
            self._request.set_tensor(name, ov.Tensor(np.ascontiguousarray(array), shared_memory=True))
        self._request.set_tensor("output", ov.Tensor(self._outputs[1], shared_memory=True))
        self._request.set_tensor("hidden_next", ov.Tensor(self._hidden[1], shared_memory=True))
        self._request.infer()
        np.clip(self._outputs[1], 0, 1, out=self._outputs[1])
        self._outputs.reverse()
        self._hidden.reverse()
        self._before, self._fresh = now, False
        return self._outputs[0]

    def reset(self) -> None:
        self._hidden[0][:] = 0
        self._fresh = True
