"""Pace: how fast bytes are hashed and pictures made here, and from that how long the queue takes.

Starts from what was measured elsewhere and goes by what was seen here as soon as a job is done. A clip that was
not probed yet counts only the hashing that it still needs, since nothing tells its length before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from daemon.executor import Running
from daemon.production import Production
from daemon.slate import Twin
from daemon.states import ClipState
from daemon.store import Clip
from engines.media.essence import FieldOrder

_HASHED = "hashed"
_MEASURED = {_HASHED: 1e9, Twin.PLAIN: 108e6, Twin.ENHANCED: 37e6}
"""Bytes hashed, and source pixels of each twin, a second. Source: our measurements on two idle cores, 2026-11-24
(docs/performance.md); the enhanced twin's is for a proxy of half the source."""
_HASHING = frozenset({ClipState.QUIET, ClipState.MANIFESTED})
_LEFT = {
    ClipState.READY: (Twin.PLAIN, Twin.ENHANCED),
    ClipState.PROBED: (Twin.PLAIN, Twin.ENHANCED),
    ClipState.PROXIED: (Twin.ENHANCED,),
}
"""Twins that a clip in a state still needs."""
_UNSEEN = math.log(2) / 2
"""Deviation of a rate's logarithm while too little was seen: nineteen times in twenty within a factor of two."""
_ENOUGH = 3
"""Jobs from which on what was seen says how far they differ."""


@dataclass(slots=True)
class _Spread:
    """How far jobs of a kind differ: count, mean and squares of seconds a unit, as logarithms. Source: Welford 1962."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def note(self, value: float) -> None:
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self.squares += step * (value - self.mean)

    def factor(self, jobs: float) -> float:
        """Return by what factor the time of so many jobs may be off, either way, nineteen times in twenty."""
        is_known = self.count >= _ENOUGH
        deviation = math.sqrt(self.squares / (self.count - 1)) if is_known else _UNSEEN
        share = (1 / self.count if is_known else 1.0) + (1 / max(jobs, 1.0) if is_known else 0.0)
        return math.exp(2 * deviation * math.sqrt(share))


@dataclass(slots=True)
class Pace:
    """What was done since the service started, by kind of work: units and seconds."""

    _units: dict[str, float] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _spreads: dict[str, _Spread] = field(default_factory=dict)

    def note(self, production: Production, clip: Clip, stage: str, seconds: float) -> None:
        """Note a job that was done in so many seconds; its clip is as it was before."""
        kind = _kind(clip, stage)
        if kind and seconds > 0:
            units = _units(production, clip, kind)
            self._units[kind] = self._units.get(kind, 0) + units
            self._seconds[kind] = self._seconds.get(kind, 0) + seconds
            if units:
                self._spreads.setdefault(kind, _Spread()).note(math.log(seconds / units))

    def seconds_left(self, production: Production, running: Iterable[Running]) -> tuple[float, float, float]:
        """Return how long until all that is known of is hashed and rendered; zeros where nothing is left.

        First what is most likely, then the least and the most, which hold it nineteen times in twenty.
        """
        left, jobs = self._left(production, running)
        workers = production.config.workers

        def longest(power: int) -> float:
            times = {kind: time * self._factor(kind, jobs[kind]) ** power for kind, time in left.items()}
            custody = times.pop(_HASHED, 0.0)
            return max(custody / workers.custody, sum(times.values()) / workers.render, 0.0)

        return longest(0), longest(-1), longest(1)

    def _left(self, production: Production, running: Iterable[Running]) -> tuple[dict[str, float], dict[str, int]]:
        """Return seconds and jobs that are left of each kind."""
        left: dict[str, float] = {}
        jobs: dict[str, int] = {}
        store = production.store
        for clip in store.clips(states=(*_HASHING, *_LEFT)):
            for kind in (_HASHED,) if clip.state in _HASHING else _left(production, clip):
                left[kind] = left.get(kind, 0) + self._time(production, clip, kind)
                jobs[kind] = jobs.get(kind, 0) + 1
        for task in running:
            clip = store.clip(store.job(task.job).clip)
            if (kind := _kind(clip, task.stage)) in left and task.total:
                left[kind] -= self._time(production, clip, kind) * task.done / task.total
        return left, jobs

    def _factor(self, kind: str, jobs: int) -> float:
        return self._spreads.get(kind, _Spread()).factor(jobs)

    def _time(self, production: Production, clip: Clip, kind: str) -> float:
        seconds = self._seconds.get(kind, 0)
        rate = self._units[kind] / seconds if seconds and self._units[kind] else _MEASURED[kind]
        return _units(production, clip, kind) / rate


def _left(production: Production, clip: Clip) -> tuple[Twin, ...]:
    """Return the twins that a clip still needs; what is interlaced mostly gets no enhanced one."""
    enhanced = production.config.enhance.restore.enabled
    progressive = clip.essence is not None and clip.essence.field_order is FieldOrder.PROGRESSIVE
    return tuple(twin for twin in _LEFT.get(clip.state, ()) if twin is Twin.PLAIN or (enhanced and progressive))


def _kind(clip: Clip, stage: str) -> str:
    """Return what a clip's job of a stage adds to, empty where it is over in a moment."""
    if stage == "manifest":
        return _HASHED
    if stage == "render":
        return Twin.ENHANCED if clip.state is ClipState.PROXIED else Twin.PLAIN
    return ""


def _units(production: Production, clip: Clip, kind: str) -> float:
    if kind == _HASHED:
        seen = production.seen.get(clip.card)
        return (
            float(sum(seen.marks[path].size_bytes for path in clip.found.files if path in seen.marks)) if seen else 0.0
        )
    essence = clip.essence
    return float(essence.width * essence.height * essence.frames) if essence else 0.0
