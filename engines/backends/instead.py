"""The engine that is named, and another that serves while that one is missing, where the configuration allows it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from engines.backends.base import Backend, Session
from engines.errors import BackendUnavailable
from engines.model.weights import Weights


class Instead:
    """Opens sessions on the named engine; while it is missing, on the other, and says so in every output."""

    def __init__(self, name: str, named: Callable[[], Backend], other: Callable[[], Backend]) -> None:
        self.name = name
        self._named, self._other = named, other
        self._ran = ""

    def describe(self) -> str:
        """Return what ran last, and why it was not the engine that is named."""
        return self._ran or self.name

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session on the named engine, or on the other where that cannot be had.

        Raises:
            GpuFault: the named engine is there and failed; that is tried again, not gone around.
        """
        try:
            backend = self._named()
            session = backend.open(weights, height, width)
            self._ran = backend.describe()
        except BackendUnavailable as error:
            logging.getLogger(__name__).warning("engine.instead: %s", error)
            backend = self._other()
            session = backend.open(weights, height, width)
            self._ran = f"{backend.describe()} instead of {self.name}: {error.code}"
        return session
