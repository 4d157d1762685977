"""The network in OpenVINO on the CPU: bfloat16 where the processor has it, float32 elsewhere.

Built from the weights through the ONNX graph, without torch. The state goes from one step's outputs to the next
step's inputs along the motion.
"""

from __future__ import annotations

import numpy as np

from engines.backends.base import LightSession, Session
from engines.backends.stream import OnProcessor
from engines.light.graph import coarse_size, light_graph
from engines.model import hindsight
from engines.model.carry import Flow, carried_on
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import Packed
from engines.model.topology import PICTURE_CHANNELS
from engines.model.weights import Weights
from engines.native import hindsight as native
from engines.native.library import is_here
from engines.openvino_core import compiled, core, ov


class OpenVinoBackend:
    """Runs networks in OpenVINO."""

    name = "openvino"

    def __init__(self, precision: str | None = None) -> None:
        able = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision or ("bf16" if able else "f32")

    def describe(self) -> str:
        """Return OpenVINO's version and the precision."""
        return f"openvino {ov.__version__.split('-')[0]} {self.precision}"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session compiled for this size, in well under a second."""
        graph = onnx_graph(weights.topology, weights.tensors, height, width, apart=True)
        return _OpenVinoSession(compiled(graph, self.precision), weights, height, width)

    def open_light(self, weights: Weights, height: int, width: int) -> LightSession:
        """Return a session of the illumination network."""
        graph = light_graph(weights, height, width)
        return _OpenVinoLight(compiled(graph, self.precision), weights, height, width)


class _OpenVinoSession(OnProcessor):
    smoothed = staticmethod(native.smoothed if is_here() else hindsight.smoothed_codes)

    def __init__(self, compiled: ov.CompiledModel, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._request = compiled.create_infer_request()
        self._output = np.zeros((1, PICTURE_CHANNELS, height, width), np.float32)
        self._hidden = np.zeros((1, weights.topology.hidden, height, width), np.float32)
        self._before = np.zeros_like(self._output)
        self._fresh = True

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        past = (
            (now, np.zeros_like(self._hidden))
            if self._fresh
            else carried_on(now, self._before, self._output, self._hidden, motion)
        )
        for name, array in {"now": now, "carried": past[0], "noise": noise, "hidden": past[1]}.items():
            self._request.set_tensor(name, ov.Tensor(np.ascontiguousarray(array), shared_memory=True))
        self._request.set_tensor("output", ov.Tensor(self._output, shared_memory=True))
        self._request.set_tensor("hidden_next", ov.Tensor(self._hidden, shared_memory=True))
        self._request.infer()
        np.clip(self._output, 0, 1, out=self._output)
        self._before, self._fresh = now, False
        return self._output

    def reset(self) -> None:
        self._fresh = True


class _OpenVinoLight:
    def __init__(self, compiled: ov.CompiledModel, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._request = compiled.create_infer_request()
        self._output = np.zeros((1, 2, *coarse_size(height, width)), np.float32)

    def coefficients(self, stops: Packed) -> Packed:
        self._request.set_tensor("input", ov.Tensor(np.ascontiguousarray(stops), shared_memory=True))
        self._request.set_tensor("coefficients", ov.Tensor(self._output, shared_memory=True))
        self._request.infer()
        return self._output
