"""Pace: how fast bytes are hashed and pictures made here, and from that how long the queue takes.

Starts from what was measured elsewhere and goes by what was seen here as soon as a job is done. A clip that was
not probed yet counts only the hashing that it still needs, since nothing tells its length before.
"""

from __future__ import annotations

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


@dataclass(slots=True)
class Pace:
    """What was done since the service started, by kind of work: units and seconds."""

    _units: dict[str, float] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)

    def note(self, production: Production, clip: Clip, stage: str, seconds: float) -> None:
        """Note a job that was done in so many seconds; its clip is as it was before."""
        kind = _kind(clip, stage)
        if kind and seconds > 0:
            self._units[kind] = self._units.get(kind, 0) + _units(production, clip, kind)
            self._seconds[kind] = self._seconds.get(kind, 0) + seconds

    def seconds_left(self, production: Production, running: Iterable[Running]) -> float:
        """Return how long until all that is known of is hashed and rendered; 0 where nothing is left."""
        custody = render = 0.0
        store = production.store
        for clip in store.clips(states=(*_HASHING, *_LEFT)):
            if clip.state in _HASHING:
                custody += self._time(production, clip, _HASHED)
            render += sum(self._time(production, clip, twin) for twin in _left(production, clip))
        for task in running:
            clip = store.clip(store.job(task.job).clip)
            if (kind := _kind(clip, task.stage)) and task.total:
                done = self._time(production, clip, kind) * task.done / task.total
                custody, render = (custody - done, render) if kind == _HASHED else (custody, render - done)
        workers = production.config.workers
        return max(custody / workers.custody, render / workers.render, 0.0)

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
