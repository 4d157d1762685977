"""Where jobs run: the seam behind which children stand, on this machine (`children.py`) and on others (`berths.py`).

An executor takes tasks and gives reports back; it knows no clips and no database. Lanes keep short work
(hashing, probing) from waiting behind long work (rendering).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Protocol

from daemon import landlock
from daemon.berths import Berth, Fleet, Node
from daemon.children import Child, Spawn, spawned
from daemon.errors import WorkerDied, WorkerHung, WorkersAway
from daemon.ground import Marks, marks
from daemon.log import get
from daemon.slate import Trouble
from daemon.store import trouble_of
from daemon.worker import Limits
from engines.errors import DeviceLost

_TASKS_A_CHILD = 200
"""A child is renewed after so many tasks, so that what libraries leak stays small."""


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a task: its result, or the trouble it ended in; `node` is the other machine where it was."""

    job: int
    token: str
    result: str = ""
    trouble: Trouble | None = None
    node: str = ""


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
    node: str = ""
    """The machine it runs on, empty for this one."""


class Executor(Protocol):
    """Runs tasks somewhere else than in the control process."""

    @property
    def away(self) -> str:
        """Why no children are to be had now; empty where they are."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The other machines that are known; none where there is no cluster."""

    def free(self, lane: str) -> int:
        """Return how many more tasks the lane takes now."""

    def takes(self, lane: str) -> frozenset[str] | None:
        """Return the stages of which the lane takes a task now; None for all."""

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Begin a task of a stage that the lane takes now."""

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Return the reports that arrived within the wait; kills what hangs."""

    def running(self) -> list[Running]:
        """Return the tasks under way."""

    def cancel(self, job: int) -> None:
        """Stop a task; no report comes for it."""

    def close(self) -> None:
        """Stop everything."""


@dataclass(slots=True)
class _Post:
    """A child at work or waiting for it, on the ground that was there when it started, or in a berth on a node."""

    child: Child
    marks: Marks = ()
    berth: Berth | None = None
    task: Running | None = None
    served: int = 0


@dataclass(slots=True)
class LocalExecutor:
    """Children on this machine, and in the berths of a fleet where there is one.

    `lanes` says how many each lane keeps here, `limits` what one of it may use.

    A child is renewed after a stage of `last`, since what that loads must not share a process with what comes next; and
    before a task where a folder of its ground is another than when it started: a volume was mounted since.
    """

    lanes: Mapping[str, int]
    limits: Mapping[str, Limits]
    hung_seconds: float
    task_seconds: float = 12 * 3600.0
    last: frozenset[str] = frozenset()
    spawn: Spawn = spawned
    fleet: Fleet | None = None
    away: str = ""
    """Why the worker unit gives no children now; empty where it does, or is not asked."""
    _posts: dict[str, list[_Post]] = field(default_factory=dict)
    _lost: deque[Report] = field(default_factory=deque)

    def open(self) -> None:
        """Start the children, so that the first job does not wait for them."""
        if any(limits.ground for limits in self.limits.values()) and not landlock.version():
            why = "this kernel has no Landlock"
            get().warning("children.not_kept_to_folders", why=why, fix="see `nearset doctor` and docs/hardening.md")
        self._posts = {lane: [] for lane in self.lanes}
        self._fill()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The other machines that are known; none where there is no fleet."""
        return self.fleet.nodes() if self.fleet else ()

    def free(self, lane: str) -> int:
        """Return how many more tasks the lane takes now."""
        return sum(post.task is None for post in self._posts[lane])

    def takes(self, lane: str) -> frozenset[str] | None:
        """Return the stages of which the lane takes a task now: all, None, where a child of this machine is free."""
        berths = [post.berth for post in self._posts[lane] if post.task is None]
        return None if None in berths else frozenset().union(*(berth.stages for berth in berths if berth))

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Begin a task in a free child of the lane; one of this machine comes first."""
        free = [post for post in self._posts[lane] if post.task is None]
        post = min((it for it in free if not it.berth or stage in it.berth.stages), key=lambda it: it.berth is not None)
        running = Running(job, token, stage, started=now, heard=now, node=post.berth.node if post.berth else "")
        if post.berth is None and post.marks != marks(self.limits[lane].ground):
            fresh = self._renewed(lane, post)
            if fresh is None:
                self._lose(running, self.away)
                return
            post = fresh
        post.task = running
        post.served += 1
        try:
            post.child.pipe.send_bytes(json.dumps({"stage": stage, "task": task, "token": token}).encode())
        except OSError:
            self._bury(lane, post)

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Return the reports that arrived within the wait; children that died or hang are replaced."""
        if self.fleet:
            self.fleet.keep(now)
        self._fill()
        pipes = {post.child.pipe: (lane, post) for lane, post in self._each()}
        reports = []
        for pipe in wait(list(pipes), timeout=0 if self._lost else wait_seconds):
            lane, post = pipes[pipe]  # type: ignore[index] # only connections were given
            if report := self._hear(lane, post, now):
                reports.append(report)
        self._kill_hung(now)
        reports.extend(self._lost)
        self._lost.clear()
        return reports

    def running(self) -> list[Running]:
        """Return the tasks under way."""
        return [post.task for _, post in self._each() if post.task]

    def cancel(self, job: int) -> None:
        """Kill the child that does this job and replace it."""
        for lane, post in list(self._each()):
            if post.task and post.task.job == job:
                post.task = None
                self._renewed(lane, post)

    def close(self) -> None:
        """Kill all children; what they staged is swept at the next start."""
        for _, post in self._each():
            post.child.end()
        self._posts.clear()
        if self.fleet:
            self.fleet.close()

    def _each(self) -> Iterator[tuple[str, _Post]]:
        return ((lane, post) for lane, posts in self._posts.items() for post in posts)

    def _fill(self) -> None:
        """Start the children that lack, here and in the fleet."""
        self._man_berths()
        self._man_lanes()

    def _man_berths(self) -> None:
        """Have a child in each berth of the fleet, and none that is idle in one that is there no more."""
        offered = {berth.key: berth for berth in self.fleet.berths()} if self.fleet else {}
        for lane, post in list(self._each()):
            if post.berth and post.berth.key not in offered and not post.task:
                post.child.end()
                self._posts[lane].remove(post)
        manned = {post.berth.key for _, post in self._each() if post.berth}
        for berth in (offered[key] for key in offered.keys() - manned):
            with suppress(WorkersAway):  # the fleet tells why; the next turn tries again
                self._posts[berth.lane].append(_Post(berth.hire(), berth=berth))

    def _man_lanes(self) -> None:
        """Start this machine's children; where the worker unit is away the log says so once, and this tries again."""
        try:
            for lane, posts in self._posts.items():
                while self._own(lane) < self.lanes[lane]:
                    posts.append(self._post(lane))
        except WorkersAway as error:
            if not self.away:
                get().warning("workers.away", why=error.why, fix=error.fix)
            self.away = f"{error.what}: {error.why}; {error.fix}"
            return
        if self.away:
            get().info("workers.back")
            self.away = ""

    def _own(self, lane: str) -> int:
        return sum(post.berth is None for post in self._posts[lane])

    def _post(self, lane: str) -> _Post:
        limits = self.limits[lane]
        before = marks(limits.ground)  # before the start: what is mounted meanwhile makes it another
        return _Post(self.spawn(lane, limits), before)

    def _hear(self, lane: str, post: _Post, now: float) -> Report | None:
        try:
            message = json.loads(post.child.pipe.recv_bytes())
        except (EOFError, OSError):
            self._bury(lane, post)
            return None
        task = post.task
        if task is None:
            return None
        if message["kind"] == "progress":
            task.heard, task.done, task.total = now, int(message["done"]), int(message["total"])
            return None
        post.task = None
        report = _report(task, message)
        if post.berth and report.trouble is None:
            report = _taken_in(post.berth, report)
        if post.served >= _TASKS_A_CHILD or task.stage in self.last or message.get("code") == DeviceLost.code:
            self._renewed(lane, post)  # a process that lost its GPU finds none any more
        return report

    def _kill_hung(self, now: float) -> None:
        for lane, post in list(self._each()):
            if post.task and (reason := self._overdue(post.task, now)):
                hung = WorkerHung(
                    f"{post.task.stage} {reason} and was ended",
                    why="that is its time limit, and no word on the file: the machine is too busy, a mount hangs, or, "
                    "where it comes again with this clip alone, the file loops a decoder",
                    fix="let other work on the machine end; `nearset retry` tries it again",
                )
                self._lost.append(Report(post.task.job, post.task.token, trouble=trouble_of(hung), node=post.task.node))
                post.task = None
                self._renewed(lane, post)

    def _overdue(self, task: Running, now: float) -> str:
        """Return why a task is killed, empty while it may go on."""
        if now - task.heard > self.hung_seconds:
            return f"made no progress for {self.hung_seconds:.0f} s"
        if now - task.started > self.task_seconds:
            return f"took longer than {self.task_seconds / 3600:g} h"
        return ""

    def _bury(self, lane: str, post: _Post) -> None:
        ended = post.child.end(dying=True)
        if post.task:
            self._lose(post.task, ended)
        self._posts[lane].remove(post)
        self._fill()

    def _lose(self, task: Running, why: str) -> None:
        """Report a task that got no answer; where the line to a node broke, that is no fault of the clip."""
        fix = "it is tried again; if it repeats, look at the clip and at memory"
        kind = WorkersAway if task.node else WorkerDied
        lost = kind(f"{task.stage} ended without an answer", why=why, fix=fix)
        self._lost.append(Report(task.job, task.token, trouble=trouble_of(lost), node=task.node))

    def _renewed(self, lane: str, post: _Post) -> _Post | None:
        """End a child and return the one in its place; None where none is to be had now."""
        post.child.end()
        posts = self._posts[lane]
        posts.remove(post)
        before = list(posts)
        self._man_lanes()
        return next((new for new in posts if new not in before), None)


def _taken_in(berth: Berth, report: Report) -> Report:
    """Return the report once what its try staged on the shared volume lies where it belongs."""
    try:
        berth.take_in(report.token)
    except OSError as error:
        why = f"{error.strerror or error} ({error.filename})"
        fix = "check that the delivery volume is there for both machines; it is tried again"
        trouble = Trouble("delivery", f"what {berth.node} made could not be taken in", why, fix)
        return replace(report, trouble=trouble)
    return report


def _report(task: Running, message: dict[str, str]) -> Report:
    if message["kind"] == "result":
        return Report(task.job, task.token, result=message["result"], node=task.node)
    trouble = Trouble(message["code"], message["what"], message["why"], message["fix"])
    return Report(task.job, task.token, trouble=trouble, node=task.node)
