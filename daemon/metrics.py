"""Metrics: figures of a production for Prometheus, as a text that node_exporter's textfile collector reads.

No port is opened for it: the file is left whole, now and again, and whoever serves pages may hand out the same text.
Counters count from the start of the service, as Prometheus expects.
Source: Prometheus, text exposition format 0.0.4; node_exporter, textfile collector.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.log import get
from daemon.outcomes import Ending, Outcome
from daemon.production import Moment
from daemon.states import SETTLED_STATES, ClipState
from daemon.status import CardStatus, Snapshot

if TYPE_CHECKING:
    from prometheus_client import Metric

CARD_STATES = ("open", "complete", "stopped")
GPU_TROUBLES = frozenset({"engine.device_lost", "engine.gpu_missing"})
"""Troubles in which the GPU is gone: the driver lost it, or it is not there any more."""
_EVERY_SECONDS = 5.0


@dataclass(slots=True)
class Tally:
    """What jobs came to since the service started, by stage. `gpu` says how a GPU went away, until one serves again."""

    jobs: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    decoded: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    gpu_lost: int = 0
    gpu: str = ""

    def note(self, outcome: Outcome) -> None:
        """Count a job that ended."""
        stage = outcome.stage
        self.jobs[stage, str(outcome.ending)] += 1
        self.seconds[stage] += outcome.seconds  # type: ignore[assignment] # a Counter adds up any number
        self.frames[stage] += outcome.frames
        self.size_bytes[stage] += outcome.size_bytes
        if outcome.decoder:
            self.decoded[outcome.decoder.split()[0].rstrip(",").lower()] += outcome.frames
        if outcome.trouble.code in GPU_TROUBLES:
            self.gpu_lost += 1
            self.gpu = f"{outcome.trouble.what}: {outcome.trouble.why}"
        elif outcome.engine and outcome.ending is Ending.DONE:
            self.gpu = ""
        if outcome.passed is not None:
            self.verdicts["passed" if outcome.passed else "refused"] += 1


@dataclass(slots=True)
class Textfile:
    """The file that node_exporter reads, written now and again; a folder that refuses is told once."""

    path: Path
    _due: float = float("-inf")
    _why: str = ""

    def look(self, seen: Snapshot, tally: Tally, now: Moment) -> None:
        """Write the file if it is due."""
        if now.monotonic >= self._due:
            self._due = now.monotonic + _EVERY_SECONDS
            self.leave(seen, tally, now)

    def leave(self, seen: Snapshot, tally: Tally, now: Moment) -> None:
        """Write the file: whole, and readable for node_exporter's own user."""
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        why = ""
        try:
            part.write_bytes(exposition(seen, tally, now))
            part.chmod(0o644)
            part.replace(self.path)
        except OSError as error:
            why = error.strerror or str(error)
        if why and why != self._why:
            get().warning(
                "metrics.not_written", path=str(self.path), why=why, fix="see to that folder, or drop the key"
            )
        self._why = why


def exposition(seen: Snapshot, tally: Tally, now: Moment) -> bytes:
    """Return the figures as Prometheus reads them."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - only where it is asked for

    class Figures:
        def collect(self) -> Iterator[Metric]:
            return _figures(seen, tally, now)

    registry = CollectorRegistry()
    registry.register(Figures())
    return generate_latest(registry)


def _figures(seen: Snapshot, tally: Tally, now: Moment) -> Iterator[Metric]:
    clips = Counter(clip.state for card in seen.cards for clip in card.clips)
    cards = Counter(_card_state(card) for card in seen.cards)
    rates: Counter[str] = Counter()
    for work in seen.work:
        rates[work.stage] += work.rate  # type: ignore[assignment] # a Counter adds up any number
    say = _Says(seen.production)
    yield say.gauge("seen_timestamp_seconds", "When the service last looked round, Unix time.", {(): now.utc_seconds})
    yield say.gauge("cards", "Cards by state.", {(s,): cards[s] for s in CARD_STATES}, "state")
    yield say.gauge("clips", "Clips by state.", {(s,): clips[s] for s in ClipState}, "state")
    yield say.gauge("queue_jobs", "Jobs that wait, by stage.", {(s,): n for s, n in seen.queued_of.items()}, "stage")
    yield say.gauge("eta_seconds", "Until all that is known of is hashed and rendered.", {(): seen.eta_seconds})
    yield say.gauge("rate", "Frames or bytes a second of what is under way.", _one(rates), "stage")
    yield say.gauge("paused_stages", "Stages that somebody paused.", {(): len(seen.paused)})
    yield say.gauge("roots_away", "Offload roots that are not there.", {(): len(seen.roots_away)})
    yield say.gauge("targets_away", "Delivery targets that are not there.", {(): len(seen.targets_away)})
    yield say.gauge("waits_for_room", "1 while nothing is rendered for lack of room.", {(): int(bool(seen.no_room))})
    of = {"free": "free_bytes", "size": "size_bytes", "needed": "needed_bytes"}
    for word, name in of.items():
        values = {(volume.name,): getattr(volume, name) for volume in seen.volumes}
        yield say.gauge(f"volume_{name}", f"Bytes of each volume: {word}.", values, "volume")
    yield say.counter("jobs", "Jobs that ended, by stage and outcome.", tally.jobs, "stage", "outcome")
    retried = {(stage,): n for (stage, ending), n in tally.jobs.items() if ending == Ending.RETRIED}
    yield say.counter("retries", "Jobs that stumbled and are tried again.", retried, "stage")
    yield say.counter("stage_seconds", "Seconds that jobs took.", _one(tally.seconds), "stage")
    yield say.counter("stage_frames", "Frames that jobs went through.", _one(tally.frames), "stage")
    yield say.counter("decoded_frames", "Frames of renders, by what decoded them.", _one(tally.decoded), "decoder")
    yield say.counter("stage_bytes", "Bytes that jobs went through.", _one(tally.size_bytes), "stage")
    yield say.counter("refine_verdicts", "What the gate said of new weights.", _one(tally.verdicts), "verdict")
    yield say.counter("gpu_lost", "Jobs that lost their GPU.", {(): tally.gpu_lost})


@dataclass(frozen=True, slots=True)
class _Says:
    """Makes families of one production; values by their labels, one label a tuple of one."""

    production: str

    def gauge(self, name: str, what: str, values: Mapping[Any, float], *labels: str) -> Metric:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above

        family = GaugeMetricFamily(f"nearset_{name}", what, labels=("production", *labels))
        for key, value in values.items():
            family.add_metric((self.production, *key), value)
        return family

    def counter(self, name: str, what: str, values: Mapping[Any, float], *labels: str) -> Metric:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - as above

        family = CounterMetricFamily(f"nearset_{name}", what, labels=("production", *labels))
        for key, value in values.items():
            family.add_metric((self.production, *key), value)
        return family


def _one(counted: Counter[str]) -> dict[tuple[str], float]:
    return {(key,): value for key, value in counted.items()}


def _card_state(card: CardStatus) -> str:
    """Return a card's state: complete, stopped where nothing of it moves and something needs a person, else open."""
    if card.complete:
        return "complete"
    still = all(clip.state in SETTLED_STATES for clip in card.clips)
    return "stopped" if card.why or (still and any(clip.fix for clip in card.clips)) else "open"
