"""A day simulated: cards come, clips are hashed, probed, rendered plain and enhanced on a number of GPUs.

Knows servers and costs, no figures; `clusterday.py` has those. The order in which jobs run is asked of the service's
own queue (`ranks`), not told again here. The head works in turns, as the service does: it takes the news that came in,
plans and claims; only then does a hand that was done begin anew. Dispatch sends one job after the other. Storage is one
link, first come first served; a job is over when its bytes are through and its work is done. Must not be imported by
nearset.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from itertools import count
from pathlib import Path
from typing import Protocol

from daemon.slate import ClipKind, FoundCard, FoundClip, Twin, Vendor
from daemon.stages import manifest, probe, render
from daemon.states import JobEvent
from daemon.store import Store

_AT = "2026-11-27T00:00:00+00:00"
_DAY = "20261127"


class Work(Enum):
    """The jobs of a clip, in the order in which it needs them: stage, lane and priority as the service has them."""

    HASH = (manifest.Manifests.name, manifest.LANE, manifest.PRIORITY)
    PROBE = (probe.Probe.name, probe.LANE, probe.PRIORITY)
    PLAIN = (render.Render.name, render.LANE, render.PRIORITY[Twin.PLAIN])
    ENHANCED = (render.Render.name, render.LANE, render.PRIORITY[Twin.ENHANCED])

    @property
    def lane(self) -> str:
        """The lane that it runs in."""
        return self.value[1]

    @property
    def then(self) -> Work | None:
        """What the clip needs next; None where that was all."""
        return _THEN[self]


_THEN = dict(zip(Work, [*list(Work)[1:], None], strict=True))


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: `arrives` is when its card lies whole and quiet, in seconds since the first could."""

    number: int
    card: int
    arrives: float
    frames: int
    size_bytes: int
    circled: bool = False


@dataclass(frozen=True, slots=True)
class Costs:
    """What work takes: seconds a frame, bytes a second, seconds a job.

    A turn of the head takes `turn_seconds`, and more for each clip that it knows and each job that it takes or gives.
    `proxy_bytes_a_frame` of each twin go to storage, too.
    """

    hash_bytes_a_second: float
    probe_seconds: float
    plain_seconds: float
    enhanced_seconds: float
    proxy_bytes_a_frame: float
    storage_bytes_a_second: float
    dispatch_seconds: float
    turn_seconds: float
    turn_seconds_a_clip: float
    turn_seconds_a_job: float

    def seconds(self, work: Work, clip: Clip) -> float:
        """Return how long a job keeps its hand, if storage gives its bytes at once."""
        if work is Work.HASH:
            return clip.size_bytes / self.hash_bytes_a_second
        a_frame = {Work.PROBE: self.probe_seconds, Work.PLAIN: self.plain_seconds, Work.ENHANCED: self.enhanced_seconds}
        return clip.frames * a_frame[work]

    def moved(self, work: Work, clip: Clip) -> float:
        """Return the bytes that a job has from storage and brings to it; every job goes through the whole clip."""
        made = self.proxy_bytes_a_frame * clip.frames if work.lane == render.LANE else 0.0
        return clip.size_bytes + made


class Queue(Protocol):
    """What waits, in the service's order."""

    def add(self, work: Work, clip: Clip) -> None:
        """Queue a job."""

    def claim(self, lane: str) -> tuple[Work, Clip] | None:
        """Take the next job of a lane; None where none waits."""

    def finish(self, work: Work, clip: Clip) -> None:
        """End a job that was claimed."""


def _stored(store: Store, clips: list[Clip]) -> dict[int, int]:
    """Put clips into a store, and return the rows that they have there by their numbers."""
    rows = {}
    with store.transaction():
        for clip in clips:
            roll = f"A{clip.card:03}"
            card = store.add_card("offload", FoundCard(roll, roll, Vendor.PLAIN, (), day_folder=_DAY), roll, _AT)
            name = f"{roll}C{clip.number:05}"
            rows[clip.number] = store.add_clip(card, FoundClip(name, ClipKind.MOVIE, (f"{name}.mov",)), _AT)
            store.set_circled(rows[clip.number], circled=clip.circled)
    return rows


def _queue(store: Store, work: Work, row: int) -> None:
    stage, lane, priority = work.value
    store.add_job(key=f"{work.name} {row}", clip=row, stage=stage, lane=lane, priority=priority, task="{}")


@cache
def ranks() -> dict[tuple[Work, bool], int]:
    """Return where a job stands by what it is and whether its clip is a circled take, as the service's queue says it.

    Jobs of one rank run as they were planned. They are queued here the other way round, so that this says nothing.
    """
    store = Store(Path(":memory:"))
    clips = [Clip(number, 1, 0.0, 1, 1, circled=bool(number)) for number in range(2)]
    rows = _stored(store, clips)
    for work in reversed(Work):
        for clip in clips:
            _queue(store, work, rows[clip.number])
    meant = {f"{work.name} {rows[clip.number]}": (work, clip.circled) for work in Work for clip in clips}
    found = {meant[job.key]: rank for rank, job in enumerate(store.jobs())}
    store.close()
    return found


class Ranked:
    """The order without a database, for many days: by rank, then as planned."""

    def __init__(self) -> None:
        self._ranks = ranks()
        self._waiting: dict[str, list[tuple[int, int, Work, Clip]]] = {work.lane: [] for work in Work}
        self._numbers = count()

    def add(self, work: Work, clip: Clip) -> None:
        """Queue a job."""
        place = (self._ranks[work, clip.circled], next(self._numbers), work, clip)
        heapq.heappush(self._waiting[work.lane], place)

    def claim(self, lane: str) -> tuple[Work, Clip] | None:
        """Take the next job of a lane; None where none waits."""
        if not self._waiting[lane]:
            return None
        _, _, work, clip = heapq.heappop(self._waiting[lane])
        return work, clip

    def finish(self, work: Work, clip: Clip) -> None:
        """End a job that was claimed; there is nothing to note."""


class Kept:
    """The service's own queue, in a database in memory."""

    def __init__(self, day: Day) -> None:
        self._store = Store(Path(":memory:"))
        self._rows = _stored(self._store, list(day.clips))
        self._jobs = {f"{work.name} {self._rows[clip.number]}": (work, clip) for work in Work for clip in day.clips}

    def add(self, work: Work, clip: Clip) -> None:
        """Queue a job."""
        _queue(self._store, work, self._rows[clip.number])

    def claim(self, lane: str) -> tuple[Work, Clip] | None:
        """Take the next job of a lane; None where none waits."""
        job = self._store.claim(lane, "token", 0.0, 60.0, ())
        return self._jobs[job.key] if job else None

    def finish(self, work: Work, clip: Clip) -> None:
        """End a job that was claimed."""
        self._store.finish_by_key(f"{work.name} {self._rows[clip.number]}", JobEvent.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Day:
    """What is filmed on a day, in the order in which it comes."""

    clips: tuple[Clip, ...]

    @property
    def last_byte(self) -> float:
        """When the last card lies there."""
        return self.clips[-1].arrives

    def within(self, share: float) -> Day:
        """Return the day with all cards coming in a share of its time; 0 for all at once."""
        return Day(tuple(replace(clip, arrives=clip.arrives * share) for clip in self.clips))

    def halved(self) -> Day:
        """Return the day with each clip in two halves, as if two hands made one rendering."""
        halves = [
            replace(clip, number=2 * clip.number + half, frames=frames, size_bytes=clip.size_bytes // 2)
            for clip in self.clips
            for half, frames in enumerate((clip.frames // 2, clip.frames - clip.frames // 2))
        ]
        return Day(tuple(halves))


def filmed(
    *,
    cards: int,
    clips_a_card: int,
    hours: float,
    at_wrap: int,
    mean_seconds: float,
    rate: float,
    bytes_a_frame: float,
    circled: float,
    seed: int,
) -> Day:
    """Return a day: cards come evenly at random over its hours, the last `at_wrap` of them together at its end.

    Lengths of clips are log-normal (sigma 0.7) about their mean; a share of them is circled.
    """
    dice = random.Random(seed)
    times = sorted(dice.uniform(0, 3600 * hours) for _ in range(cards - at_wrap)) + [3600 * hours] * at_wrap
    sigma = 0.7
    clips = []
    for number in range(cards * clips_a_card):
        card = number // clips_a_card
        seconds = dice.lognormvariate(math.log(mean_seconds) - sigma**2 / 2, sigma)
        frames = max(1, round(seconds * rate))
        size = round(frames * bytes_a_frame)
        clips.append(Clip(number, card, times[card], frames, size, circled=dice.random() < circled))
    return Day(tuple(clips))


@dataclass(slots=True)
class Server:
    """Serves one after the other, first come first served; asked in the order of time."""

    free_at: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)

    def serve(self, now: float, seconds: float) -> float:
        """Return when it is done with what is asked for now and takes so long."""
        begins = max(self.free_at, now)
        self.free_at = begins + seconds
        self.spans.append((begins, self.free_at))
        return self.free_at

    def busy(self, since: float = 0.0) -> float:
        """Return how many seconds it was busy since a time."""
        return busy(self.spans, since)


def busy(spans: Iterable[tuple[float, float]], since: float) -> float:
    """Return the seconds of spans since a time; those that overlap count each."""
    return sum(ends - max(begins, since) for begins, ends in spans if ends > since)


@dataclass(frozen=True, slots=True)
class Done:
    """A job that ran: when it was queued, begun (it was sent), worked through, over (its bytes, too), and heard of."""

    work: Work
    clip: Clip
    queued: float
    begun: float
    worked: float
    ended: float
    heard: float


@dataclass(slots=True)
class Outcome:
    """A day that was simulated: its jobs in the order in which the head heard of their end, and who was busy when."""

    day: Day
    gpus: int
    head: Server = field(default_factory=Server)
    dispatch: Server = field(default_factory=Server)
    storage: Server = field(default_factory=Server)
    done: list[Done] = field(default_factory=list)

    def until(self, work: Work) -> float:
        """Return when the head heard of the last job of a kind."""
        return max(it.heard for it in self.done if it.work is work)

    def shares(self, since: float = 0.0) -> dict[str, float]:
        """Return the share of the time since then that each was busy with, until all is done.

        Whatever is done, no day is shorter than what one of them has to do: `cards` until the last one lies there,
        `one clip` through its own jobs.
        """
        rendered = [(it.begun, it.worked) for it in self.done if it.work.lane == render.LANE]
        clips: dict[int, list[tuple[float, float]]] = {}
        for it in self.done:
            clips.setdefault(it.clip.number, []).append((it.begun, it.worked))
        seconds = {
            "GPUs": busy(rendered, since) / self.gpus,
            "storage": self.storage.busy(since),
            "head": self.head.busy(since),
            "dispatch": self.dispatch.busy(since),
            "cards": max(self.day.last_byte - since, 0.0),
            "one clip": max(busy(spans, since) for spans in clips.values()),
        }
        return {name: busied / (self.ends - since) for name, busied in seconds.items()}

    @property
    def ends(self) -> float:
        """When all of it is done, in seconds since the day began."""
        return self.until(Work.ENHANCED)

    def wait(self, work: Work, share: float) -> float:
        """Return how long that share of clips waits at most for a kind of work, from their card's last byte on."""
        waits = sorted(it.heard - it.clip.arrives for it in self.done if it.work is work)
        return waits[math.ceil(share * len(waits)) - 1]


@dataclass(frozen=True, slots=True)
class _News:
    """A clip that lies there (`done` is None), or a job of it that is over."""

    clip: Clip
    done: Work | None = None
    begun: float = 0.0
    worked: float = 0.0
    ended: float = 0.0


def simulate(day: Day, gpus: int, costs: Costs, queue: Queue | None = None) -> Outcome:
    """Return how a day goes on nodes of one GPU, each with a hand that renders and one for custody.

    A turn of the head begins when there is news and it is free; at its end all that was news at its beginning is
    taken, and what waits is given to the hands that it knows to be idle.
    """
    return _Cluster(Outcome(day, gpus), costs, queue or Ranked()).run()


class _Cluster:
    """The head, its queue, and the hands of each lane that are idle as far as it knows."""

    def __init__(self, outcome: Outcome, costs: Costs, queue: Queue) -> None:
        self._outcome, self._costs, self._queue = outcome, costs, queue
        self._idle = {work.lane: outcome.gpus for work in Work}
        self._numbers = count()
        self._news = [(clip.arrives, next(self._numbers), _News(clip)) for clip in outcome.day.clips]
        heapq.heapify(self._news)
        self._queued: dict[tuple[Work, int], float] = {}

    def run(self) -> Outcome:
        """Go through the day."""
        costs, known, now = self._costs, 0, 0.0
        while self._news:
            now = max(now, self._news[0][0])
            taken = list(self._taken(now))
            known += sum(one.done is None for one in taken)
            turn = costs.turn_seconds + costs.turn_seconds_a_clip * known + costs.turn_seconds_a_job * len(taken)
            now = self._outcome.head.serve(now, turn)
            for one in taken:
                self._take(one, now)
            for lane in self._idle:
                while self._idle[lane] and (claimed := self._queue.claim(lane)):
                    self._send(*claimed, now)
        return self._outcome

    def _taken(self, now: float) -> Iterator[_News]:
        while self._news and self._news[0][0] <= now:
            yield heapq.heappop(self._news)[2]

    def _take(self, one: _News, now: float) -> None:
        """Note a job that is over, and queue what its clip needs next."""
        if one.done:
            self._queue.finish(one.done, one.clip)
            self._idle[one.done.lane] += 1
            queued = self._queued[one.done, one.clip.number]
            self._outcome.done.append(Done(one.done, one.clip, queued, one.begun, one.worked, one.ended, now))
        if due := one.done.then if one.done else Work.HASH:
            self._queue.add(due, one.clip)
            self._queued[due, one.clip.number] = now

    def _send(self, work: Work, clip: Clip, now: float) -> None:
        """Give a job to a hand: sent by dispatch, over when its bytes are through storage and its work is done."""
        outcome, costs = self._outcome, self._costs
        self._idle[work.lane] -= 1
        begins = outcome.dispatch.serve(now, costs.dispatch_seconds)
        through = outcome.storage.serve(begins, costs.moved(work, clip) / costs.storage_bytes_a_second)
        worked = begins + costs.seconds(work, clip)
        ends = max(through, worked)
        heapq.heappush(self._news, (ends, next(self._numbers), _News(clip, work, begins, worked, ends)))
