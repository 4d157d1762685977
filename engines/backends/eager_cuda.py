"""The network in torch on a GPU: float16, channels last, a step recorded as a CUDA graph.

For machines that have a GPU and no TensorRT. What is known of the picture before stays on the GPU and is carried there;
its motion is found by the processor, beside the network, since the kernels that find it elsewhere go by pycuda, which
must not be in one process with torch on CUDA.
"""

from __future__ import annotations

import torch

from engines.backends.base import Session
from engines.backends.stream import OnProcessor
from engines.errors import BackendUnavailable
from engines.gpu.device import gpu
from engines.gpu.machine import told
from engines.model.carry import Flow, flow
from engines.model.carry_torch import carried_past
from engines.model.network import network_of
from engines.model.packing import Packed
from engines.model.weights import Weights

_PLANES = 4
"""Axes of a kernel; a bias has one."""
_OTHERS_GO_ON = "thread_local"
"""While a step is recorded other threads may do what they like: one decodes on the card, and torch's own choice would
refuse it memory and copies meanwhile, or break the recording. Source: CUDA, cuThreadExchangeStreamCaptureMode."""
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


class _EagerCudaSession(OnProcessor):
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
        self._before: Packed | None = None

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        if motion is None and self._before is not None:
            motion = flow(now[0], self._before[0])
        with told("the engine failed in a picture"), torch.inference_mode():
            if self._graph is None:
                self._prepare([now.shape[1], now.shape[1], noise.shape[1], self._network.topology.hidden])
            self._lay_in(now, noise, motion if self._before is not None else None)
            assert self._graph is not None
            self._graph.replay()
            output: Packed = self._outputs[0].float().contiguous().cpu().numpy()
        self._before = now
        return output

    def reset(self) -> None:
        self._before = None

    def _lay_in(self, now: Packed, noise: Packed, motion: Flow | None) -> None:
        """Fill the inputs: this side's, and the past carried along the motion; without one there is no past."""
        picture, carried, told_noise, hidden = self._inputs
        picture.copy_(torch.from_numpy(now))
        told_noise.copy_(torch.from_numpy(noise))
        if motion is None:
            carried.copy_(picture)
            hidden.zero_()
        else:
            past = carried_past(self._outputs[0], self._outputs[1], motion)
            carried.copy_(past[0])
            hidden.copy_(past[1])

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
        with torch.cuda.graph(self._graph, capture_error_mode=_OTHERS_GO_ON):
            self._outputs = self._advance()

    def _advance(self) -> list[torch.Tensor]:
        """Take one step on the inputs; what is recorded gives its outputs in the same memory each time."""
        restored, after = self._network(*self._inputs)
        return [restored.clamp(0, 1), after]
