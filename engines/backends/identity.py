"""The back-end that gives back what it gets: for trials and fault tests, as a peer of the real ones."""

from __future__ import annotations

from engines.backends.base import Session
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


class _IdentitySession:
    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def step(self, now: Packed, noise: Packed) -> Packed:
        del noise
        return now

    def reset(self) -> None:
        """There is nothing to forget."""
