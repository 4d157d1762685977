"""Again: how long to wait before what ended is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Again:
    """Pauses in seconds, each twice the one before, up to the longest; what stood for that long begins anew."""

    first_seconds: float
    longest_seconds: float
    _next: float = 0.0

    def after(self, stood_seconds: float) -> float:
        """Return the pause after something that stood for so long."""
        if not self._next or stood_seconds > self.longest_seconds:
            self._next = self.first_seconds
        pause, self._next = self._next, min(2 * self._next, self.longest_seconds)
        return pause
