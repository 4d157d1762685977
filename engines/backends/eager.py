"""The network in torch, eagerly, in float32 on the CPU: the reference that the others are held to."""

from __future__ import annotations

import torch

from engines.backends.base import Session
from engines.model.network import network_of
from engines.model.packing import Packed
from engines.model.weights import Weights


class EagerBackend:
    """Runs networks in torch."""

    name = "eager"

    def describe(self) -> str:
        """Return torch's version and the precision."""
        return f"torch {torch.__version__} fp32"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session in float32."""
        return _EagerSession(weights, height, width)


class _EagerSession:
    def __init__(self, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._network = network_of(weights)
        self._shape = (height, width)
        self._before: torch.Tensor | None = None
        self._output: torch.Tensor | None = None
        self._hidden = self._blank()

    def step(self, now: Packed, noise: Packed) -> Packed:
        current = torch.from_numpy(now)
        before = current if self._before is None else self._before
        output_before = current if self._output is None else self._output
        with torch.inference_mode():
            output, self._hidden = self._network(current, before, output_before, torch.from_numpy(noise), self._hidden)
        self._before, self._output = current.clone(), output.clamp(0, 1)
        restored: Packed = self._output.numpy()
        return restored

    def reset(self) -> None:
        self._before = self._output = None
        self._hidden = self._blank()

    def _blank(self) -> torch.Tensor:
        return torch.zeros(1, self._network.topology.hidden, *self._shape)
