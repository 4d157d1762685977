"""Keeping: how `nearset run` starts the page beside itself, and again when it ends. It waits for nothing of it.

The control process loads nothing of the page: what that needs is imported in the child.
"""

from __future__ import annotations

import multiprocessing
import sys
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from daemon.again import Again
from daemon.log import get
from daemon.worker import die_with_parent

_SPAWN = multiprocessing.get_context("spawn")
_FIRST_SECONDS, _MOST_SECONDS = 5.0, 300.0
"""Before a page that ended is started again."""


@dataclass(slots=True)
class Keeper:
    """Keeps the page of a configuration up."""

    config: Path
    _process: BaseProcess | None = None
    _started: float = float("-inf")
    _again: Again = field(default_factory=lambda: Again(_FIRST_SECONDS, _MOST_SECONDS))
    _due: float = float("-inf")

    def keep(self, now: float) -> None:
        """Start the page where it is due; `now` in monotonic seconds. Returns at once."""
        if self._process is not None:
            if self._process.is_alive():
                return
            self._note_end(self._process, now)
        if now >= self._due:
            self._started = now
            self._process = _SPAWN.Process(target=_page, args=(self.config,), name="nearset-page", daemon=True)
            self._process.start()

    def close(self) -> None:
        """Stop the page."""
        if self._process is not None:
            self._process.terminate()
            self._process.join(2)
            self._process.kill()
            self._process.join()

    def _note_end(self, process: BaseProcess, now: float) -> None:
        process.join()
        pause = self._again.after(now - self._started)
        get().warning("page.ended", code=process.exitcode, again_in_seconds=pause)
        self._process, self._due = None, now + pause


def _page(config: Path) -> None:
    """Serve the page in this child; why it cannot be is told in the log."""
    from daemon.errors import NearsetError  # noqa: PLC0415 - only the child loads a web server
    from daemon.web.serving import serve  # noqa: PLC0415 - as above

    die_with_parent()
    try:
        serve(config)
    except NearsetError as error:
        get().error("page.not_served", code=error.code, what=error.what, why=error.why, fix=error.fix)
        sys.exit(2)
