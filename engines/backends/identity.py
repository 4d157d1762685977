"""The back-end that gives back what it gets: for trials and fault tests, as a peer of the real ones."""

from __future__ import annotations

import numpy as np

from engines.backends.base import LightSession, Session
from engines.backends.stream import OnProcessor
from engines.light.graph import coarse_size
from engines.model.carry import Flow
from engines.model.packing import Packed
from engines.model.weights import Weights


class IdentityBackend:
    """Runs nothing."""

    name = "identity"

    def describe(self) -> str:
        """Return `identity`."""
        return "identity"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session that changes nothing."""
        del height, width
        return _IdentitySession(weights)

    def open_light(self, weights: Weights, height: int, width: int) -> LightSession:
        """Return a session that takes all light for even."""
        return _EvenLight(weights, height, width)


class _IdentitySession(OnProcessor):
    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        del noise, motion
        return now

    def reset(self) -> None:
        """There is nothing to forget."""


class _EvenLight:
    def __init__(self, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._even = np.zeros((1, 2, *coarse_size(height, width)), np.float32)

    def coefficients(self, stops: Packed) -> Packed:
        del stops
        return self._even
