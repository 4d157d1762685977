"""Liveness: whether the service gets on. It does where scan, database and workers each moved within their time.

A turn of the loop that comes to its end proves little: it may go round a scan that is never due or a child that nobody
kills. So each of the three is asked when it last moved, and the watchdog is fed only where all did.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.log import get

_SCAN_SECONDS, _DATABASE_SECONDS = 60.0, 30.0
_WORKERS_SECONDS = 30.0
"""Beyond the time after which a hung child is killed."""


@dataclass(frozen=True, slots=True)
class Moved:
    """When each part last moved, in monotonic seconds: one that has nothing to do moved now."""

    scan: float
    database: float
    workers: float


@dataclass(slots=True)
class Liveness:
    """Judges what moved; the log says once what does not, and once that it does again."""

    hung_seconds: float
    _stuck: tuple[str, ...] = field(default=(), init=False)

    def stuck(self, moved: Moved, now: float) -> tuple[str, ...]:
        """Return the parts that did not move within their time; none where the service gets on."""
        within = {
            "scan": (moved.scan, _SCAN_SECONDS),
            "database": (moved.database, _DATABASE_SECONDS),
            "workers": (moved.workers, self.hung_seconds + _WORKERS_SECONDS),
        }
        stuck = tuple(part for part, (at, seconds) in within.items() if now - at > seconds)
        if stuck and stuck != self._stuck:
            get().error("service.stuck", parts=stuck, fix="the watchdog restarts the service; nothing is lost")
        elif self._stuck and not stuck:
            get().info("service.moves_again")
        self._stuck = stuck
        return stuck
