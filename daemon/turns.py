"""Turns: the service's loop as `run` and `once` go round it, and what the service manager is told of it.

A turn is begun only while nobody else holds the database; the watchdog is fed only while all parts move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from daemon.clock import Clock
from daemon.database import is_held
from daemon.executor import Executor
from daemon.liveness import Liveness, Moved
from daemon.log import get
from daemon.notify import Notifier
from daemon.production import Moment
from daemon.service import Service
from daemon.status import Snapshot

WAIT_SECONDS = 0.25
_HELD = "waits for the database, which another process holds"


def await_database(
    path: Path, notifier: Notifier, rest: Callable[[float], object], is_stopped: Callable[[], bool]
) -> None:
    """Wait while another process, say a backup, holds the database: starts that fail are counted, and five are all."""
    while is_held(path) and not is_stopped():
        notifier.status(_HELD)
        rest(WAIT_SECONDS)


@dataclass(slots=True)
class Turns:
    """Goes round the loop; `rest` lets so many seconds pass where a turn cannot be begun."""

    service: Service
    executor: Executor
    clock: Clock
    notifier: Notifier
    rest: Callable[[float], object]
    _liveness: Liveness = field(init=False)
    _database: float = field(init=False)
    _is_held: bool = False

    def __post_init__(self) -> None:
        self._liveness = Liveness(self.service.production.config.workers.hung_seconds)
        self._database = self.clock.monotonic()

    def begin(self) -> None:
        """Take up what a run before left, and say that the service is there."""
        self.notifier.status("takes up what the run before left")
        self.service.start(self.now())
        self.notifier.ready()

    def turn(self) -> Snapshot | None:
        """Go round once and return what there is now; None where somebody holds the database."""
        seen = None
        if self._is_free():
            self.service.tick(self.now(), WAIT_SECONDS)
            seen = self.service.snapshot(self.now())
            self.notifier.status(seen.line)
        else:
            self.notifier.status(_HELD)
            self.rest(WAIT_SECONDS)
        now = self.clock.monotonic()
        heard = min((running.heard for running in self.executor.running()), default=now)
        moved = Moved(self.service.scan_moved(now), self._database, heard)
        if stuck := self._liveness.stuck(moved, now):
            self.notifier.status(f"stuck: {', '.join(stuck)}")
        else:
            self.notifier.alive(now)
        return seen

    def drain(self, is_asked_again: Callable[[], bool]) -> None:
        """Begin nothing new, and go round until what is under way is done, its time is over, or somebody is in a hurry.

        What is not done then is begun again at the next start.
        """
        self.notifier.stopping()
        self.service.drain()
        ends = self.clock.monotonic() + self.service.production.config.workers.drain_seconds
        while self.executor.running() and self.clock.monotonic() < ends and not is_asked_again():
            self.turn()

    def now(self) -> Moment:
        """Return now."""
        return Moment.of(self.clock)

    def _is_free(self) -> bool:
        is_free = self.service.production.store.is_free()
        if is_free:
            self._database = self.clock.monotonic()
        if is_free is self._is_held:
            (get().info if is_free else get().warning)("database.free" if is_free else "database.held")
        self._is_held = not is_free
        return is_free
