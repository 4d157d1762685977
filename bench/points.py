"""Points: where a run of the service can be killed, and the executor that makes its work die with it.

A point is a commit, a flush, a link, a rename, a removal, a new folder or a word of progress, before and after.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.clerk import Clerk, Cuts
from daemon.errors import NearsetError
from daemon.executor import Report, Running
from daemon.pipeline import work_of
from daemon.production import Moment
from daemon.store import Store, trouble_of
from daemon.turnover.timelines import aafs


class Prompt(Clerk):
    """A clerk that composes at once and in this process; one beside it would have the service look again and again."""

    def aafs(self, folder: Path, cuts: Cuts, now: Moment) -> dict[str, bytes] | None:
        """Return the AAFs of a folder's stringouts by file name."""
        del folder
        return aafs(cuts, now.iso)


class Inline:
    """An executor that does its work in the service's own process; each word of progress is a point."""

    away = ""
    nodes = ()

    def __init__(self, *_: object) -> None:
        self._task: tuple[Running, str] | None = None

    def open(self) -> None:
        """There is nothing to open."""

    def free(self, lane: str) -> int:
        """Return 1 while nothing is under way."""
        del lane
        return int(self._task is None)

    def takes(self, lane: str) -> None:
        """Take any stage."""

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Take a task."""
        del lane
        self._task = (Running(job, token, stage, now, now), task)

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Do the task, and return its report."""
        del now, wait_seconds
        if self._task is None:
            return []
        (running, task), self._task = self._task, None
        try:
            result = self.work(running.stage, task)
        except NearsetError as error:
            return [Report(running.job, running.token, trouble=trouble_of(error))]
        return [Report(running.job, running.token, result=result)]

    def work(self, stage: str, task: str) -> str:
        """Return the result of a task."""
        return work_of(stage)(task, lambda *_: point("progress"))

    def running(self) -> list[Running]:
        """Return the task under way."""
        return [self._task[0]] if self._task else []

    def cancel(self, job: int) -> None:
        """Drop the task."""
        del job
        self._task = None

    def close(self) -> None:
        """Drop the task."""
        self._task = None


@dataclass
class Points:
    """Counts the points of a run, and does something at one of them."""

    at: int = 0
    then: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)
    seen: list[str] = field(default_factory=list)


_run = Points()


def begin(points: Points) -> None:
    """Make these the points of this process's run, and a point of every commit and every change of a file system."""
    global _run  # noqa: PLW0603 - one run a process
    _run = points
    _watch_writes()


def point(kind: str) -> None:
    """One more point was reached."""
    _run.seen.append(kind)
    if len(_run.seen) == _run.at:
        _run.then()


def _watch_writes() -> None:
    for name in ("link", "replace", "fsync", "unlink", "mkdir"):
        setattr(os, name, _watched(name, getattr(os, name)))
    transaction = Store.transaction

    @contextmanager
    def watched(store: Store) -> Iterator[None]:
        outer = not store._db.in_transaction  # noqa: SLF001 - a test of the store's own commits
        with transaction(store):
            yield
            if outer:
                point("before commit")
        if outer:
            point("after commit")

    Store.transaction = watched  # type: ignore[method-assign]


def _watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*arguments: Any, **words: Any) -> Any:
        point(f"before {name}")
        result = call(*arguments, **words)
        point(f"after {name}")
        return result

    return watched


def kill_a_child() -> None:
    """Kill one of the real children of this process."""
    if children := Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split():
        os.kill(int(children[len(_run.seen) % len(children)]), signal.SIGKILL)
