"""Status: what is there, what is under way, at what rate, and why the rest waits. Read only."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.berths import Node
from daemon.capacity import Capacity, Volume
from daemon.executor import Executor, Running
from daemon.pace import Pace
from daemon.production import Moment, Production
from daemon.rows import NO_TROUBLE, Standing
from daemon.slate import Trouble, Undone
from daemon.states import ClipState
from daemon.store import Card

_UNITS = {
    "manifest": ("MB", 1e6),
    "probe": ("MB", 1e6),
    "part": ("frames", 1),
    "render": ("frames", 1),
    "sample": ("frames", 1),
    "refine": ("steps", 1),
}


@dataclass(frozen=True, slots=True)
class ClipStatus:
    """One clip: state, proxies, why it waits or stopped, and what it was asked for and has not got."""

    name: str
    state: str
    plain: str
    enhanced: str
    why: str
    fix: str
    undone: tuple[Undone, ...] = ()


@dataclass(frozen=True, slots=True)
class CardStatus:
    """One card and its clips; `why` its turnover could not be written, `missing` what its index names and it lacks."""

    roll: str
    path: str
    shoot_day: str
    complete: bool
    clips: tuple[ClipStatus, ...]
    why: str = ""
    fix: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkStatus:
    """One task under way: `rate` in units (bytes or frames) a second, `eta_seconds` until it is done, where known."""

    clip: str
    stage: str
    done: int
    total: int
    rate: float
    eta_seconds: float | None
    node: str = ""
    """The machine of the cluster that it runs on; empty for this one."""

    @property
    def share(self) -> str:
        """How much is done, in percent; empty where nobody knows."""
        return f"{100 * self.done / self.total:.0f} %" if self.total else ""

    @property
    def pace(self) -> str:
        """The rate in the stage's own unit; empty before anything is done."""
        unit, size = _UNITS.get(self.stage, ("", 1))
        return f"{self.rate / size:.1f} {unit}/s" if self.done else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A production at one moment.

    `eta_seconds` until all that is known of is hashed and rendered, `eta_range_seconds` the least and the most that it
    may take; `paused` since when each paused stage is.
    `no_room` says why nothing more is rendered, empty while there is room; `queued_of` are the jobs that wait by stage.
    `gpu_lost` says how a GPU went away, until something is rendered again.
    """

    production: str
    at: str
    cards: tuple[CardStatus, ...]
    work: tuple[WorkStatus, ...]
    queued: int
    roots_away: dict[str, str]
    eta_seconds: float = 0.0
    targets_away: dict[str, str] = field(default_factory=dict)
    paused: dict[str, str] = field(default_factory=dict)
    eta_range_seconds: tuple[float, float] = (0.0, 0.0)
    no_room: str = ""
    volumes: tuple[Volume, ...] = ()
    queued_of: dict[str, int] = field(default_factory=dict)
    gpu_lost: str = ""
    workers_away: str = ""
    """Why the worker unit gives no children now."""
    nodes: tuple[Node, ...] = ()

    @property
    def line(self) -> str:
        """All of it in a line: what is under way, how much waits, and what keeps it."""
        clips = [clip for card in self.cards for clip in card.clips]
        done = sum(clip.state == ClipState.DELIVERED for clip in clips)
        stopped = sum(clip.state in _STOPPED for clip in clips)
        work = [f"{work.stage} {work.clip}{_share(work)}" for work in self.work] or ["idle"]
        kept = [f"{stopped} stopped"] if stopped else []
        kept += [f"{name} away" for name in (*self.roots_away, *self.targets_away)]
        kept += ["worker unit away"] * bool(self.workers_away) + [f"{stage} paused" for stage in self.paused]
        kept += ["no room"] * bool(self.no_room)
        return "; ".join((", ".join(work), f"{done} of {len(clips)} clips delivered, {self.queued} jobs wait", *kept))


_STOPPED = frozenset({ClipState.HELD, ClipState.FAILED})


def _share(work: WorkStatus) -> str:
    return f" {100 * work.done // work.total} %" if work.total else ""


def snapshot(
    production: Production, executor: Executor, now: Moment, pace: Pace, capacity: Capacity, gpu_lost: str
) -> Snapshot:
    """Return the production as it is now."""
    store, room, running = production.store, capacity.trouble, executor.running()
    standings = store.standings()
    cards = tuple(
        CardStatus(
            card.roll,
            card.path,
            card.shoot_day,
            card.complete,
            tuple(_clip(production, clip, room) for clip in standings.get(card.id, ())),
            *_unwritten(production, card),
            card.missing,
        )
        for card in store.cards()
    )
    work = tuple(_work(production, task, now) for task in running)
    elsewhere = [lane for node in executor.nodes for lane in node.lanes]
    eta, *eta_range = (round(seconds, 1) for seconds in pace.seconds_left(production, running, elsewhere))
    return Snapshot(
        production.config.production.code,
        now.iso,
        cards,
        work,
        store.queued(),
        dict(production.roots_away),
        eta,
        dict(production.targets_away),
        store.pauses(),
        (eta_range[0], eta_range[1]),
        f"{room.what}: {room.why}; {room.fix}" if room.code else "",
        capacity.volumes,
        store.queued_by_stage(),
        gpu_lost,
        executor.away,
        executor.nodes,
    )


def _unwritten(production: Production, card: Card) -> tuple[str, str]:
    trouble = production.unwritten.get(card.id, NO_TROUBLE)
    return (f"{trouble.what}: {trouble.why}" if trouble.code else ""), trouble.fix


def _clip(production: Production, clip: Standing, room: Trouble) -> ClipStatus:
    waits_for_room = not clip.trouble.code and clip.state in {ClipState.PROBED, ClipState.PROXIED}
    trouble = room if waits_for_room else clip.trouble
    why = f"{trouble.what}: {trouble.why}" if trouble.code else production.waiting.get(clip.id, "")
    undone = production.undone.get(clip.id, ())
    return ClipStatus(clip.name, clip.state, clip.plain, clip.enhanced, why, trouble.fix, undone)


def _work(production: Production, task: Running, now: Moment) -> WorkStatus:
    clip = production.store.clip(production.store.job(task.job).clip)
    elapsed = max(now.monotonic - task.started, 1e-3)
    rate = task.done / elapsed
    eta = round((task.total - task.done) / rate, 1) if rate else None
    return WorkStatus(clip.name, task.stage, task.done, task.total, round(rate, 2), eta, task.node)
