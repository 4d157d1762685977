"""Deliver: complete rolls and days go to the targets of the configuration, from a process of their own.

Plan side: compare what each target holds with what is complete here, and queue what differs; a target that is away has
nothing queued, so that its deliveries wait without being tried, and catches up when it is back. Work side: send, and go
on with what was cut off. It alone may open connections, to the destinations under `egress`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.config import TargetSection
from daemon.hashing import hash_bytes
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.slate import Shipped
from daemon.stages.turnover import delivers
from daemon.states import JobEvent, JobState
from daemon.store import Job
from daemon.turnover.naming import safe_name
from daemon.volumes import GIB, RootIdentity, absence, identify, too_little
from daemon.worker import Progress

if TYPE_CHECKING:
    from daemon.targets.base import Target

LANE, PRIORITY = "deliver", 60
_COMPLETE = ".complete"
_OF_THE_TARGET = frozenset({"delivery.target_away", "egress"})
"""Troubles that no other folder would be spared."""
_LONGEST_REST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class DeliverTask:
    """A folder of the delivery at `home` to bring to a target, in the version that `seal` names.

    `clip` stands for it among the jobs.
    """

    target: str
    path: str
    url: str
    endpoint: str
    region: str
    credentials: str
    production: str
    home: str
    folder: str
    seal: str
    clip: int


@dataclass(frozen=True, slots=True)
class _Due:
    """A folder that a target lacks in its version of now; `clip` as in the task."""

    folder: str
    seal: str
    clip: int


@dataclass(slots=True)
class _Rest:
    """Until when a target, or one folder of it, is left alone, and after how many failures in a row."""

    until: float = 0.0
    failures: int = 0
    why: str = ""

    def begin(self, now: float, seconds: float, why: str) -> None:
        """Rest from now on, twice as long after each failure."""
        self.until = now + min(seconds * 2 ** min(self.failures, 16), _LONGEST_REST_SECONDS)
        self.failures += 1
        self.why = why


class Deliver:
    """The plan side."""

    name = "deliver"
    is_vital = False
    is_told = False

    def __init__(self) -> None:
        self._rests: dict[str, _Rest] = {}
        self._begun: set[str] = set()
        self._seals: dict[Path, tuple[tuple[int, int, int], bytes]] = {}

    def plan(self, production: Production, now: Moment) -> None:
        """Queue one folder that each target lacks, unless the target is away, or rests after a failure."""
        for target in production.config.delivery.targets:
            tasks = [_task(production, target, due) for due in self._due(production, target)]
            why = _absence(production, target) if tasks else ""
            if not why:
                any(self._is_under_way(production, task, now) for task in tasks)
                places = [target.name, *map(_key, tasks)] if tasks else []
                why = next((self._rests[place].why for place in places if place in self._rests), "")
            _tell(production, target.name, why)

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Note what the target holds now."""
        task, done = wire.load(DeliverTask, job.task), wire.load(Shipped, result)
        store = production.store
        with store.transaction():
            store.finish(job.id, JobEvent.SUCCEEDED)
            if not done.moved_on:
                store.dispatch(task.target, task.folder, task.seal, now.iso)
        self._rests.pop(task.target, None)
        self._rests.pop(job.key, None)
        get().info("folder.delivered", target=task.target, folder=task.folder, bytes=done.sent_bytes)

    def _is_under_way(self, production: Production, task: DeliverTask, now: Moment) -> bool:
        """Return whether a folder is on its way, queued now if it can be; one that failed is left alone for a while."""
        key, store = _key(task), production.store
        job = store.job_of(key)
        if job and job.state is JobState.FAILED and key in self._begun:  # what failed before a restart is tried at once
            self._begun.discard(key)
            rest = self._rests.setdefault(task.target if job.trouble.code in _OF_THE_TARGET else key, _Rest())
            why = f"{job.trouble.what}: {job.trouble.why}"
            rest.begin(now.monotonic, production.config.workers.retry_seconds, why)
        if any(self._rests.get(place, _Rest()).until > now.monotonic for place in (task.target, key)):
            return False
        self._begun.add(key)
        text = wire.dump(DeliverTask, task)
        store.add_job(key=key, clip=task.clip, stage=self.name, lane=LANE, priority=PRIORITY, task=text)
        return True

    def _due(self, production: Production, target: TargetSection) -> Iterator[_Due]:
        """Yield what a target lacks: rolls first, then days all of whose rolls it holds as the day names them."""
        held = production.store.dispatched(target.name)
        days: dict[str, int] = {}
        for card in production.store.cards():
            if not card.complete or card.turnover_due or not delivers(production, card):
                continue
            clip = max(clip.id for clip in production.store.clips(card=card.id))
            days[card.shoot_day] = clip
            folder = f"{card.shoot_day}/{safe_name(card.roll)}"
            seal = self._seal(production.config.production_delivery / folder)
            if seal and held.get(folder) != (xxh128 := hash_bytes("xxh128", seal)):
                yield _Due(folder, xxh128, clip)
        for day, clip in days.items():
            seal = self._seal(production.config.production_delivery / day)
            if not seal or held.get(day) == (xxh128 := hash_bytes("xxh128", seal)):
                continue
            rolls = {path: value for path, value in _vouched(seal).items() if path.endswith(f"/{_COMPLETE}")}
            if all(held.get(f"{day}/{path.removesuffix(f'/{_COMPLETE}')}") == value for path, value in rolls.items()):
                yield _Due(day, xxh128, clip)

    def _seal(self, folder: Path) -> bytes:
        """Return the bytes of a folder's `.complete`, none where it has none now; read again only where it changed."""
        path = folder / _COMPLETE
        try:
            seen = path.stat()
            mark = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
            if self._seals.get(path, ((0, 0, 0), b""))[0] != mark:
                self._seals[path] = (mark, path.read_bytes())
        except OSError:
            return b""  # withdrawn, or its volume is away: turnover sees to that
        return self._seals[path][1]


def _vouched(seal: bytes) -> dict[str, str]:
    try:
        return dict(json.loads(seal)["xxh128"])
    except (ValueError, KeyError, TypeError):
        return {}


def _absence(production: Production, target: TargetSection) -> str:
    """Return why a folder cannot be delivered to now, empty where it can; only trying tells that of a storage."""
    if target.path is None:
        return ""
    store, seen = production.store, identify(target.path)
    known = store.root(str(target.path))
    why = absence(target.path, RootIdentity(*known) if known else None, seen)
    if not why and seen and known != (seen.device, seen.marker):
        store.remember_root(str(target.path), seen.device, seen.marker)
    return why or too_little(target.path, int(production.config.delivery.keep_free_gib * GIB))


def _tell(production: Production, target: str, why: str) -> None:
    """Keep why a target's deliveries wait; the log says it once, and once that they do no more."""
    before = production.targets_away.get(target, "")
    if why:
        production.targets_away[target] = why
    else:
        production.targets_away.pop(target, None)
    if why and why != before:
        get().warning("target.waits", target=target, why=why, fix="its deliveries wait and are sent by themselves")
    elif before and not why:
        get().info("target.caught_up", target=target)


def _key(task: DeliverTask) -> str:
    return key_of("deliver", wire.dump(DeliverTask, task))


def _task(production: Production, target: TargetSection, due: _Due) -> DeliverTask:
    return DeliverTask(
        target=target.name,
        path=str(target.path or ""),
        url=target.url or "",
        endpoint=target.endpoint or "",
        region=target.region,
        credentials=str(target.credentials or ""),
        production=production.config.production.code,
        home=str(production.config.production_delivery),
        folder=due.folder,
        seal=due.seal,
        clip=due.clip,
    )


def work(task_text: str, progress: Progress) -> str:
    """Return what was sent as JSON; the work side.

    Raises:
        TargetAway: the target cannot be reached, or refuses. NameTaken: it has another file of a name.
    """
    from daemon.targets.shipping import Shipment, ship

    task = wire.load(DeliverTask, task_text)
    shipment = Shipment(Path(task.home), task.folder, task.seal)
    return wire.dump(Shipped, ship(shipment, _target(task), progress))


def _target(task: DeliverTask) -> Target:
    if task.path:
        from daemon.targets.folder import FolderTarget

        return FolderTarget(task.target, Path(task.path), task.production)
    from daemon.targets.s3 import S3Target, Storage

    return S3Target(task.target, Storage(task.url, task.endpoint, task.region, task.credentials), task.production)
