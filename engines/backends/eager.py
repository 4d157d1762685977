"""The network in torch, eagerly, in float32 on the CPU: the reference that the others are held to."""

from __future__ import annotations

import torch

from engines.backends.base import Session
from engines.model.carry import carried, carried_state, flow
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
        self._network = network_of(weights)
        self._blank = torch.zeros(1, weights.topology.hidden, height, width)
        self._before: tuple[torch.Tensor, torch.Tensor] | None = None

    def step(self, now: Packed, noise: Packed) -> Packed:
        current = torch.from_numpy(now)
        carried, hidden = (current, self._blank) if self._before is None else self._carried(now, *self._before)
        with torch.inference_mode():
            output, state = self._network(current, carried, torch.from_numpy(noise), hidden)
        self._before = output.clamp(0, 1), state
        restored: Packed = self._before[0].numpy()
        return restored

    def reset(self) -> None:
        self._before = None

    def _carried(self, now: Packed, output: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        motion = flow(now[0], output[0].numpy())
        parts = carried(output[0].numpy(), motion), carried_state(state[0].numpy(), motion)
        return torch.from_numpy(parts[0])[None], torch.from_numpy(parts[1])[None]
