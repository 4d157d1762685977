"""The pulse: server-sent events that say that something moved, so that a page reads itself again.

An event carries no state: whatever was missed while a page or this server was away is read with the first one after.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from daemon.reading import DATABASE
from daemon.statusfile import seen_status, status_bytes
from daemon.web.desk import Desk

_BEAT_SECONDS = 1.0
"""No page reads itself again more often."""
_HUSH_BEATS = 15
"""Between words that keep a connection from being taken for dead."""
_TIME = re.compile(rb'"at":"([^"]*)"')


@dataclass(slots=True)
class Pulse:
    """Feels whether anything moved; its streams end by themselves once the server is ending."""

    desk: Desk
    is_ending: Callable[[], bool] = lambda: False
    beat_seconds: float = _BEAT_SECONDS
    _mark: tuple[int, int] | None = None
    _digest: str = ""
    _spoke_at: str = ""

    async def answer(self, _request: Request) -> Response:
        """Return the stream."""
        return StreamingResponse(self.beats(), media_type="text/event-stream")

    async def beats(self) -> AsyncIterator[str]:
        """Yield an event at once, and then whenever something moved."""
        told, quiet = "", 0
        yield "retry: 1000\n\n"
        while not self.is_ending():
            if (stamp := self.stamp()) != told:
                told, quiet = stamp, 0
                yield f"event: moved\ndata: {stamp}\n\n"
            elif (quiet := quiet + 1) % _HUSH_BEATS == 0:
                yield ": nothing moved\n\n"
            await asyncio.sleep(self.beat_seconds)

    def stamp(self) -> str:
        """Return what is another one whenever there is something else to see.

        The service writes its status at every turn; that only its time is another is no news.
        """
        state = self.desk.config.production_state
        mark = seen_status(state)
        if mark != self._mark:
            self._mark, said = mark, status_bytes(state)
            self._spoke_at = found[1].decode() if (found := _TIME.search(said)) else ""
            self._digest = hashlib.blake2b(_TIME.sub(b"", said, count=1), digest_size=8).hexdigest()
        is_silent = bool(self._spoke_at and self.desk.silent_seconds(self._spoke_at))
        return f"{self._digest}.{_written(state / DATABASE)}.{int(is_silent)}"


def _written(database: Path) -> str:
    """Return what is another one after each commit: size and time of the database and of its write-ahead log."""
    seen = [path.stat() for path in (database, database.with_name(f"{database.name}-wal")) if path.exists()]
    return "-".join(f"{one.st_mtime_ns:x}.{one.st_size:x}" for one in seen)
