"""The queue as people see and change it: what comes next and why, what is asked first or last, what is paused.

The order itself is `queueing.py`'s; this only words it. A pause stops new work of a stage, never what is under way; it
outlasts a restart, and whoever looks is told of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.errors import QueueError
from daemon.log import get
from daemon.pipeline import pausable
from daemon.production import Moment, Production
from daemon.requests import Request, Wish
from daemon.rows import Job, Waiting
from daemon.states import JobState
from daemon.store import Clip, Store


@dataclass(frozen=True, slots=True)
class Place:
    """One job in the queue: `number` from 1 in its lane, 0 while it is under way; `why` it stands there."""

    number: int
    lane: str
    stage: str
    roll: str
    clip: str
    why: str


def places(queue: list[Waiting], roots_away: Mapping[str, str]) -> list[Place]:
    """Return the queue as people see it, what is under way first."""
    numbers: dict[str, int] = {}
    found = []
    for waiting in queue:
        lane = waiting.job.lane
        if waiting.job.state is not JobState.LEASED:
            numbers[lane] = numbers.get(lane, 0) + 1
        number = 0 if waiting.job.state is JobState.LEASED else numbers[lane]
        why = _why(waiting, roots_away)
        found.append(Place(number, lane, work_named(waiting.job), waiting.roll, waiting.clip, why))
    return found


def banner(paused: Mapping[str, str]) -> str:
    """Return what everyone who looks is told while a stage is paused, empty where none is."""
    told = ", ".join(f"{stage} since {since}" for stage, since in paused.items())
    return f"PAUSED: {told}; `nearset queue resume` lets it go on" if told else ""


def must_be_stage(name: str) -> str:
    """Return the name of a stage that can be paused.

    Raises:
        QueueError: there is no such stage.
    """
    if name in pausable():
        return name
    raise QueueError(
        f"{name} cannot be paused", why="it is no stage that could be", fix=f"name one of {', '.join(pausable())}"
    )


def heed(production: Production, request: Request, now: Moment) -> bool:
    """Do what was asked of the queue; return whether it was about the queue at all.

    Raises:
        QueueError: a stage is named that is none.
    """
    store = production.store
    if request.wish in _MOVES:
        clips = store.clips_named(request.subject)
        _MOVES[request.wish](store, clips)
        get().info("queue.moved", wish=request.wish, pattern=request.subject, clips=len(clips))
    elif request.wish is Wish.PAUSE:
        store.pause(must_be_stage(request.subject), now.iso)
        get().warning("stage.paused", stage=request.subject, why="asked for", fix="nearset queue resume")
    elif request.wish is Wish.RESUME:
        store.resume(must_be_stage(request.subject))
        get().info("stage.resumed", stage=request.subject)
    else:
        return False
    return True


_MOVES: dict[Wish, Callable[[Store, list[Clip]], None]] = {
    Wish.FIRST: Store.put_first,
    Wish.LAST: Store.put_last,
    Wish.USUAL: Store.put_back,
}


def work_named(job: Job) -> str:
    """Return what a job is, as people call it: its stage, and the twin that it makes."""
    twin = str(json.loads(job.task).get("twin", ""))
    return f"{job.stage} {twin}".strip()


def _why(waiting: Waiting, roots_away: Mapping[str, str]) -> str:
    job = waiting.job
    words = []
    if job.state is JobState.LEASED:
        words.append("under way")
    if waiting.paused:
        words.append("paused")
    if waiting.root in roots_away:
        words.append(f"root away: {roots_away[waiting.root]}")
    if waiting.precedence:
        words.append("asked for first" if waiting.precedence > 0 else "asked for last")
    if job.attempt and job.state is not JobState.LEASED:
        again = f", not before {datetime.fromtimestamp(job.not_before, UTC):%H:%M:%S} UTC" if job.not_before else ""
        words.append(f"tried {job.attempt} times{again}: {job.trouble.why or job.trouble.what}")
    if waiting.circled:
        words.append("circled take")
    if waiting.backfill:
        words.append("new revision")
    if waiting.shoot_day:
        words.append(f"shoot day {waiting.shoot_day}")
    return "; ".join(words)
