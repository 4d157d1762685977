"""Where jobs run: the seam behind which children on this machine stand now, and a cluster may later.

An executor takes tasks and gives reports back; it knows no clips and no database. Lanes keep short work
(hashing, probing) from waiting behind long work (rendering).
"""

from __future__ import annotations

import json
import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from daemon.errors import WorkerDied, WorkerHung
from daemon.slate import Trouble
from daemon.store import trouble_of
from daemon.worker import Limits, serve
from engines.errors import DeviceLost

_SPAWN = multiprocessing.get_context("spawn")
_TASKS_A_CHILD = 200
"""A child is renewed after so many tasks, so that what libraries leak stays small."""


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a task: its result, or the trouble it ended in."""

    job: int
    token: str
    result: str = ""
    trouble: Trouble | None = None


@dataclass(slots=True)
class Running:
    """A task under way; `done` of `total` units since `started` (monotonic seconds)."""

    job: int
    token: str
    stage: str
    started: float
    heard: float
    done: int = 0
    total: int = 0


class Executor(Protocol):
    """Runs tasks somewhere else than in the control process."""

    def free(self, lane: str) -> int:
        """Return how many more tasks the lane takes now."""

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Begin a task; the lane must be free."""

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Return the reports that arrived within the wait; kills what hangs."""

    def running(self) -> list[Running]:
        """Return the tasks under way."""

    def cancel(self, job: int) -> None:
        """Stop a task; no report comes for it."""

    def close(self) -> None:
        """Stop everything."""


@dataclass(slots=True)
class _Child:
    process: BaseProcess
    pipe: Connection
    task: Running | None = None
    served: int = 0


@dataclass(slots=True)
class LocalExecutor:
    """Spawned children on this machine, `lanes` says how many each lane keeps.

    A child is renewed after a stage of `last`: what that loads must not share a process with what comes next. Children
    of a lane in `destinations` may connect to those, all others to nothing.
    """

    lanes: Mapping[str, int]
    limits: Limits
    hung_seconds: float
    task_seconds: float = 12 * 3600.0
    last: frozenset[str] = frozenset()
    destinations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _children: dict[str, list[_Child]] = field(default_factory=dict)
    _lost: deque[Report] = field(default_factory=deque)

    def open(self) -> None:
        """Start the children, so that the first job does not wait for them."""
        for lane, count in self.lanes.items():
            self._children[lane] = [self._spawn(lane) for _ in range(count)]

    def free(self, lane: str) -> int:
        """Return how many more tasks the lane takes now."""
        return sum(child.task is None for child in self._children[lane])

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Begin a task in a free child of the lane."""
        child = next(child for child in self._children[lane] if child.task is None)
        child.task = Running(job, token, stage, started=now, heard=now)
        child.served += 1
        try:
            child.pipe.send_bytes(json.dumps({"stage": stage, "task": task}).encode())
        except OSError:
            self._bury(lane, child)

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Return the reports that arrived within the wait; children that died or hang are replaced."""
        pipes = {child.pipe: (lane, child) for lane, child in self._each()}
        reports = []
        for pipe in wait(list(pipes), timeout=0 if self._lost else wait_seconds):
            lane, child = pipes[pipe]  # type: ignore[index] # only connections were given
            if report := self._hear(lane, child, now):
                reports.append(report)
        self._kill_hung(now)
        reports.extend(self._lost)
        self._lost.clear()
        return reports

    def running(self) -> list[Running]:
        """Return the tasks under way."""
        return [child.task for _, child in self._each() if child.task]

    def cancel(self, job: int) -> None:
        """Kill the child that does this job and replace it."""
        for lane, child in list(self._each()):
            if child.task and child.task.job == job:
                child.task = None
                self._replace(lane, child)

    def close(self) -> None:
        """Kill all children; what they staged is swept at the next start."""
        for _, child in self._each():
            child.process.kill()
            child.process.join()
            child.pipe.close()
        self._children.clear()

    def _each(self) -> Iterator[tuple[str, _Child]]:
        return ((lane, child) for lane, children in self._children.items() for child in children)

    def _spawn(self, lane: str) -> _Child:
        ours, theirs = _SPAWN.Pipe()
        limits = replace(self.limits, destinations=self.destinations.get(lane, ()))
        process = _SPAWN.Process(target=serve, args=(theirs, limits), name=f"nearset-{lane}", daemon=True)
        process.start()
        theirs.close()
        return _Child(process, ours)

    def _hear(self, lane: str, child: _Child, now: float) -> Report | None:
        try:
            message = json.loads(child.pipe.recv_bytes())
        except (EOFError, OSError):
            self._bury(lane, child)
            return None
        task = child.task
        if task is None:
            return None
        if message["kind"] == "progress":
            task.heard, task.done, task.total = now, int(message["done"]), int(message["total"])
            return None
        child.task = None
        if child.served >= _TASKS_A_CHILD or task.stage in self.last or message.get("code") == DeviceLost.code:
            self._replace(lane, child)  # a process that lost its GPU finds none any more
        return _report(task, message)

    def _kill_hung(self, now: float) -> None:
        for lane, child in list(self._each()):
            if child.task and (reason := self._overdue(child.task, now)):
                hung = WorkerHung(
                    f"{child.task.stage} {reason}",
                    why="the file may be damaged in a way that loops a decoder, or a mount hangs",
                    fix="look at the clip; `nearset retry` tries it again",
                )
                self._lost.append(Report(child.task.job, child.task.token, trouble=trouble_of(hung)))
                child.task = None
                self._replace(lane, child)

    def _overdue(self, task: Running, now: float) -> str:
        """Return why a task is killed, empty while it may go on."""
        if now - task.heard > self.hung_seconds:
            return f"made no progress for {self.hung_seconds:.0f} s"
        if now - task.started > self.task_seconds:
            return f"took longer than {self.task_seconds / 3600:g} h"
        return ""

    def _bury(self, lane: str, child: _Child) -> None:
        child.process.join()
        if child.task:
            died = WorkerDied(
                f"{child.task.stage} ended without an answer",
                why=f"the child process exited with code {child.process.exitcode}",
                fix="it is tried again; if it repeats, look at the clip and at memory",
            )
            self._lost.append(Report(child.task.job, child.task.token, trouble=trouble_of(died)))
        self._replace(lane, child)

    def _replace(self, lane: str, child: _Child) -> None:
        child.process.kill()
        child.process.join()
        child.pipe.close()
        children = self._children[lane]
        children[children.index(child)] = self._spawn(lane)


def _report(task: Running, message: dict[str, str]) -> Report:
    if message["kind"] == "result":
        return Report(task.job, task.token, result=message["result"])
    trouble = Trouble(message["code"], message["what"], message["why"], message["fix"])
    return Report(task.job, task.token, trouble=trouble)
