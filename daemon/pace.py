"""Pace: how fast bytes are hashed and pictures made here, and from that how long the queue takes.

Starts from what was measured elsewhere and goes by what was seen here as soon as a job is done; what was seen is kept
beside the database, so that a plan knows it, and a restart. A clip that was not probed yet counts only the hashing
that it still needs, since nothing tells its length before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev

from daemon import wire
from daemon.config import WorkersSection
from daemon.executor import Running
from daemon.log import get
from daemon.production import Production
from daemon.slate import Twin
from daemon.states import ClipState
from daemon.store import Clip
from engines.media.essence import FieldOrder

HASHED = "hashed"
_MEASURED = {HASHED: 1e9, Twin.PLAIN: 108e6, Twin.ENHANCED: 37e6}
"""Bytes hashed, and source pixels of each twin, a second. Source: our measurements on two idle cores, 2026-11-24
(docs/performance.md); the enhanced twin's is for a proxy of half the source."""
BENCHED = "two idle cores, 2026-11-24 (docs/performance.md)"
_HASHING = frozenset({ClipState.QUIET, ClipState.MANIFESTED})
_LEFT = {
    ClipState.READY: (Twin.PLAIN, Twin.ENHANCED),
    ClipState.PROBED: (Twin.PLAIN, Twin.ENHANCED),
    ClipState.PROXIED: (Twin.ENHANCED,),
}
"""Twins that a clip in a state still needs."""
_NAME = "pace.json"
_REMEMBERED = 64
"""Jobs of a kind that count: a cart that got other work, or another engine, is soon known by its new pace."""
_UNSEEN = math.log(2) / 2
"""Deviation of a rate's logarithm while too little was seen: nineteen times in twenty within a factor of two."""
_ENOUGH = 3
"""Jobs from which on what was seen says how far they differ."""

Seen = dict[str, list[tuple[float, float]]]


@dataclass(slots=True)
class Pace:
    """What jobs took, newest last, by kind of work: units and seconds."""

    _seen: Seen = field(default_factory=dict)
    _path: Path | None = None

    @classmethod
    def kept(cls, state: Path) -> Pace:
        """Return the pace that is kept in a production's state; a new one where there is none, or none to be read."""
        path = state / _NAME
        try:
            return cls(wire.load(Seen, path.read_bytes()), path)
        except FileNotFoundError:
            return cls({}, path)
        except (OSError, ValueError) as error:
            get().warning("pace.unread", path=str(path), why=str(error), fix="it is measured anew")
            return cls({}, path)

    def note(self, production: Production, clip: Clip, stage: str, seconds: float) -> None:
        """Note a job that was done in so many seconds; its clip is as it was before."""
        kind = _kind(clip, stage)
        if kind and seconds > 0 and (units := units_of(production, clip, kind)):
            self._seen[kind] = [*self._seen.get(kind, []), (units, seconds)][-_REMEMBERED:]
            self._keep()

    def jobs(self, kind: str) -> int:
        """Return how many jobs of a kind were seen here."""
        return len(self._seen.get(kind, ()))

    def rate(self, kind: str) -> float:
        """Return units a second: as seen here, else as measured elsewhere."""
        seen = self._seen.get(kind)
        return sum(units for units, _ in seen) / sum(seconds for _, seconds in seen) if seen else _MEASURED[kind]

    def factor(self, kind: str, jobs: int) -> float:
        """Return by what factor the time of so many jobs may be off, either way, nineteen times in twenty."""
        seen = [math.log(seconds / units) for units, seconds in self._seen.get(kind, ())]
        if len(seen) < _ENOUGH:
            return math.exp(2 * _UNSEEN)
        return math.exp(2 * stdev(seen) * math.sqrt(1 / len(seen) + 1 / max(jobs, 1)))

    def seconds_left(
        self, production: Production, running: Iterable[Running], elsewhere: Iterable[tuple[str, int]] = ()
    ) -> tuple[float, float, float]:
        """Return how long until all that is known of is hashed and rendered; zeros where nothing is left.

        First what is most likely, then the least and the most, which hold it nineteen times in twenty. `elsewhere`
        are the children of each lane on other machines.
        """
        workers = production.config.workers
        for lane, count in elsewhere:
            workers = workers.model_copy(update={lane: getattr(workers, lane) + count})
        return self.range(*self._left(production, running), workers)

    def range(
        self, left: Mapping[str, float], jobs: Mapping[str, int], workers: WorkersSection
    ) -> tuple[float, float, float]:
        """Return how long work takes that is so many seconds and jobs of each kind, as `seconds_left` does."""
        times = [
            {kind: seconds * self.factor(kind, jobs[kind]) ** power for kind, seconds in left.items()}
            for power in (0, -1, 1)
        ]
        likely, least, most = (
            max(each.pop(HASHED, 0.0) / workers.custody, sum(each.values()) / workers.render, 0.0) for each in times
        )
        return likely, least, most

    def _left(self, production: Production, running: Iterable[Running]) -> tuple[dict[str, float], dict[str, int]]:
        """Return seconds and jobs that are left of each kind."""
        left: dict[str, float] = {}
        jobs: dict[str, int] = {}
        store = production.store
        for clip in store.clips(states=_HASHING):
            left[HASHED] = left.get(HASHED, 0) + self._time(production, clip, HASHED)
            jobs[HASHED] = jobs.get(HASHED, 0) + 1
        for lot in store.pictures(_LEFT):
            for twin in _twins(production, lot.state, progressive=lot.progressive):
                left[twin] = left.get(twin, 0) + lot.pixels / self.rate(twin)
                jobs[twin] = jobs.get(twin, 0) + lot.clips
        for task in running:
            clip = store.clip(store.job(task.job).clip)
            if (kind := _kind(clip, task.stage)) in left and task.total:
                left[kind] -= self._time(production, clip, kind) * task.done / task.total
        return left, jobs

    def _time(self, production: Production, clip: Clip, kind: str) -> float:
        return units_of(production, clip, kind) / self.rate(kind)

    def _keep(self) -> None:
        """Leave what was seen, whole; a disk that is full costs a better guess and nothing else."""
        if self._path is None:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_text(wire.dump(Seen, self._seen), encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            get().warning("pace.not_kept", path=str(self._path), why=error.strerror or str(error))


def twins_left(production: Production, clip: Clip) -> tuple[Twin, ...]:
    """Return the twins that a clip still needs; what is interlaced mostly gets no enhanced one."""
    progressive = clip.essence is not None and clip.essence.field_order is FieldOrder.PROGRESSIVE
    return _twins(production, clip.state, progressive=progressive)


def _twins(production: Production, state: ClipState, *, progressive: bool) -> tuple[Twin, ...]:
    enhanced = production.config.enhance.restore.enabled and progressive
    return tuple(twin for twin in _LEFT.get(state, ()) if twin is Twin.PLAIN or enhanced)


def _kind(clip: Clip, stage: str) -> str:
    """Return what a clip's job of a stage adds to, empty where it is over in a moment."""
    if stage == "manifest":
        return HASHED
    if stage == "render":
        return Twin.ENHANCED if clip.state is ClipState.PROXIED else Twin.PLAIN
    return ""


def units_of(production: Production, clip: Clip, kind: str) -> float:
    """Return how much there is of a clip: bytes to be hashed, or source pixels to be made into a twin."""
    if kind == HASHED:
        seen = production.seen.get(clip.card)
        return (
            float(sum(seen.marks[path].size_bytes for path in clip.found.files if path in seen.marks)) if seen else 0.0
        )
    essence = clip.essence
    return float(essence.width * essence.height * essence.frames) if essence else 0.0
