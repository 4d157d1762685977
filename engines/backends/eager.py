"""The network in torch, eagerly, in float32 on the CPU: the reference that the others are held to."""

from __future__ import annotations

import numpy as np
import torch

from engines.backends.base import LightSession, Session
from engines.backends.stream import OnProcessor
from engines.light.network import light_network_of
from engines.model.carry import Flow, carried_on
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

    def open_light(self, weights: Weights, height: int, width: int) -> LightSession:
        """Return a session of the illumination network in float32."""
        del height, width
        return _EagerLight(weights)


class _EagerSession(OnProcessor):
    def __init__(self, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._network = network_of(weights)
        self._blank = np.zeros((1, weights.topology.hidden, height, width), np.float32)
        self._before: tuple[Packed, Packed, Packed] | None = None

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        past = (now, self._blank) if self._before is None else carried_on(now, *self._before, motion)
        with torch.inference_mode():
            output, state = self._network(*(torch.from_numpy(part) for part in (now, past[0], noise, past[1])))
        self._before = now, output.clamp(0, 1).numpy(), state.numpy()
        return self._before[1]

    def reset(self) -> None:
        self._before = None


class _EagerLight:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._network = light_network_of(weights)

    def coefficients(self, stops: Packed) -> Packed:
        with torch.inference_mode():
            found: Packed = self._network(torch.from_numpy(np.ascontiguousarray(stops))).numpy()
        return found
