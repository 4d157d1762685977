"""Clocks: the one place where time is read. Everything else is handed a moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def monotonic(self) -> float:
        """Return seconds that only go forward, to measure by."""

    def utc(self) -> datetime:
        """Return the date and time, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return the machine's date and time."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is told to go on; for tests."""

    def __init__(self, utc: datetime) -> None:
        self._seconds, self._utc = 0.0, utc

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._seconds += seconds
        self._utc += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        """Return the seconds that were let pass."""
        return self._seconds

    def utc(self) -> datetime:
        """Return the date and time that was reached."""
        return self._utc
