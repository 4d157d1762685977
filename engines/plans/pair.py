"""Two engines of one shape: one serves, the other is renewed with the next weights, compared, and swapped in.

Knows neither TensorRT nor a GPU; how an engine is renewed and measured is handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from engines.backends.base import Session
from engines.errors import ParityRefused
from engines.model.weights import Weights


class Engine(Protocol):
    """A compiled network with its weights."""

    weights: Weights

    @property
    def in_use(self) -> bool:
        """Whether a session runs on it; then nothing in it may be exchanged."""

    def session(self) -> Session:
        """Return a session of its own state on this engine."""


Renew = Callable[[Engine | None, Weights], Engine]
"""Gives an engine with these weights, in the one that is idle or, where that is None or cannot take them, a new one."""
Refusal = Callable[[Engine, Weights], str]
"""Gives why an engine must not serve these weights, empty if it may."""


@dataclass(slots=True)
class Pair:
    """The two engines of a shape; `refused` says of weights, by digest, why their engine was not swapped in."""

    renew: Renew
    refusal: Refusal
    refused: dict[str, str] = field(default_factory=dict)
    _serving: Engine | None = None
    _idle: Engine | None = None

    def serving(self, weights: Weights) -> Engine:
        """Return the engine for these weights, swapped in; the one before where parity refused these.

        What fails while it is renewed leaves the one that serves as it is.

        Raises:
            ParityRefused: refused, and no engine served before.
        """
        if self._serving and self._serving.weights.digest == weights.digest:
            return self._serving
        if weights.digest not in self.refused and self._swapped(weights):
            assert self._serving is not None
            return self._serving
        return self._as_before(weights)

    def _swapped(self, weights: Weights) -> bool:
        """Return whether the idle engine took these weights, passed, and serves now."""
        idle, self._idle = self._idle, None
        if idle is None or idle.weights.digest != weights.digest:  # else it served them before: a rollback
            idle = self.renew(idle if idle and not idle.in_use else None, weights)
            if why := self.refusal(idle, weights):
                self.refused[weights.digest] = why
                return False
        self._serving, self._idle = idle, self._serving
        return True

    def _as_before(self, weights: Weights) -> Engine:
        why = self.refused[weights.digest]
        if self._serving is None:
            raise ParityRefused(
                f"the engine for {weights.name} must not serve",
                why=why,
                fix="`nearset engine clear`, then `nearset retry`; or set `engine: auto` and report it",
            )
        logging.getLogger(__name__).warning(
            "engine.refused: %s goes on, %s does not serve: %s", self._serving.weights.name, weights.name, why
        )
        return self._serving
