"""The network in torch on a GPU: float16, channels last, a step recorded as a CUDA graph.

For machines that have a GPU and no TensorRT.
"""

from __future__ import annotations

import numpy as np
import torch

from engines.backends.base import Session
from engines.errors import BackendUnavailable
from engines.gpu.device import gpu
from engines.gpu.machine import told
from engines.model.carry import Flow, carried_on
from engines.model.network import network_of
from engines.model.packing import Packed
from engines.model.weights import Weights

_PLANES = 4
"""Axes of a kernel; a bias has one."""
_WARM_UP = 3
"""Steps before the recording: cuDNN chooses its kernels in them. Source: PyTorch's notes on CUDA graphs."""


class EagerCudaBackend:
    """Runs networks in torch on the first GPU."""

    name = "eager-cuda"

    def __init__(self) -> None:
        self._gpu = gpu()
        if not torch.cuda.is_available():
            raise BackendUnavailable(
                "the engine eager-cuda cannot run here",
                why=f"torch {torch.__version__} was built for processors alone, or sees no GPU",
                fix="install a CUDA build of torch from PyTorch's own index, or set `engine: auto`",
            )

    def describe(self) -> str:
        """Return torch's version, the precision and the GPU."""
        return f"torch {torch.__version__} f16, {self._gpu.name}, driver {self._gpu.driver}"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session in float16."""
        with told("the engine cannot be opened"):
            return _EagerCudaSession(weights, height, width)


class _EagerCudaSession:
    def __init__(self, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._network = network_of(weights).to("cuda", torch.float16)
        for parameter in self._network.parameters():
            if parameter.ndim == _PLANES:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self._shape = (height, width)
        self._inputs: list[torch.Tensor] = []
        self._outputs: list[torch.Tensor] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._before: tuple[Packed, Packed, Packed] | None = None

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        blank = np.zeros((1, self._network.topology.hidden, *self._shape), np.float32)
        past = (now, blank) if self._before is None else carried_on(now, *self._before, motion)
        with told("the engine failed in a picture"), torch.inference_mode():
            given = (now, past[0], noise, past[1])
            if not self._inputs:
                self._prepare([part.shape[1] for part in given])
            for there, here in zip(self._inputs, given, strict=True):
                there.copy_(torch.from_numpy(here))
            assert self._graph is not None
            self._graph.replay()
            output, state = (part.float().contiguous().cpu().numpy() for part in self._outputs)
        self._before = now, output, state
        return output

    def reset(self) -> None:
        self._before = None

    def _prepare(self, channels: list[int]) -> None:
        """Lay out the memory that steps work in, and record one."""
        self._inputs = [
            torch.ones(1, count, *self._shape, device="cuda", dtype=torch.float16).to(memory_format=torch.channels_last)
            for count in channels
        ]
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call] # torch types it not
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self._advance()
        aside.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = self._advance()

    def _advance(self) -> list[torch.Tensor]:
        """Take one step on the inputs; what is recorded gives its outputs in the same memory each time."""
        restored, after = self._network(*self._inputs)
        return [restored.clamp(0, 1), after]
