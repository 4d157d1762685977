"""Status: what is there, what is under way, at what rate, and why the rest waits. Read only."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.executor import Running
from daemon.pace import Pace
from daemon.production import Moment, Production
from daemon.rows import NO_TROUBLE
from daemon.slate import Twin, Undone
from daemon.store import Card, Clip


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A production at one moment.

    `eta_seconds` until all that is known of is hashed and rendered; `paused` since when each paused stage is.
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


def snapshot(production: Production, running: list[Running], now: Moment, pace: Pace) -> Snapshot:
    """Return the production as it is now."""
    store = production.store
    cards = tuple(
        CardStatus(
            card.roll,
            card.path,
            card.shoot_day,
            card.complete,
            tuple(_clip(production, clip) for clip in store.clips(card=card.id)),
            *_unwritten(production, card),
            card.missing,
        )
        for card in store.cards()
    )
    work = tuple(_work(production, task, now) for task in running)
    return Snapshot(
        production.config.production.code,
        now.iso,
        cards,
        work,
        store.queued(),
        dict(production.roots_away),
        round(pace.seconds_left(production, running), 1),
        dict(production.targets_away),
        store.pauses(),
    )


def _unwritten(production: Production, card: Card) -> tuple[str, str]:
    trouble = production.unwritten.get(card.id, NO_TROUBLE)
    return (f"{trouble.what}: {trouble.why}" if trouble.code else ""), trouble.fix


def _clip(production: Production, clip: Clip) -> ClipStatus:
    paths = {proxy.facts.twin: proxy.facts.path for proxy in production.store.proxies(clip.id)}
    trouble = clip.trouble
    why = f"{trouble.what}: {trouble.why}" if trouble.code else production.waiting.get(clip.id, "")
    undone, twins = production.undone.get(clip.id, ()), (paths.get(Twin.PLAIN, ""), paths.get(Twin.ENHANCED, ""))
    return ClipStatus(clip.name, clip.state, *twins, why, trouble.fix, undone)


def _work(production: Production, task: Running, now: Moment) -> WorkStatus:
    clip = production.store.clip(production.store.job(task.job).clip)
    elapsed = max(now.monotonic - task.started, 1e-3)
    rate = task.done / elapsed
    eta = round((task.total - task.done) / rate, 1) if rate else None
    return WorkStatus(clip.name, task.stage, task.done, task.total, round(rate, 2), eta)
