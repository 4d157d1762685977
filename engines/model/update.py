"""An update of a production's model: what is in use sits the exam, learns for the seconds that are left, and is judged.

The order makes an update keep to its seconds: how long one exam takes is known before anything is learned. One course
for every network; what is its own is its `Subject`. Reads; writes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engines.backends.base import Backend
from engines.model.gate import EACH_CUT, ENGINE_DB, Scores, engine_db, exam, judge, score
from engines.model.proof import proof
from engines.model.refine import Settings, Teaching, refine
from engines.model.replay import Cut
from engines.model.tuning import Tuned
from engines.model.weights import Weights

Progress = Callable[[int, int], None]
Clock = Callable[[], float]
_BESIDE = ("mean_db", "worst_db", "own_db", "filmed")
"""Scores of those that a candidate was judged by, which are kept beside its own."""
_KEPT = 0.03
"""Share of an update's seconds that is kept for the last step, the engine's picture and the stills: 120.8 s of 120 were
taken without (`bench.refine`, 2026-11-27)."""


@dataclass(frozen=True, slots=True)
class Incumbents:
    """Those that a candidate is judged beside; it is made from the active one.

    Of those ever promoted, `best` has the best canaries and `foreteller` foretells held-out pictures best.
    """

    base: Weights
    active: Weights
    best: Weights
    foreteller: Weights


@dataclass(frozen=True, slots=True)
class Candidate:
    """What came of an update: `reasons` say why the gate refuses it, `stills` are a JPEG (see proof)."""

    weights: Weights
    curve: tuple[float, ...]
    scores: Scores
    reasons: tuple[str, ...]
    stills: bytes


class Subject(Protocol):
    """What an update is of: how a network sits its exam, how it learns, and what it is judged by."""

    least_engine_db: float

    def score(self, weights: Weights) -> Scores:
        """Return a network's scores in the exam, those of `_BESIDE` among them."""

    def tune(self, parent: Weights, budget_seconds: float, progress: Progress, clock: Clock) -> Tuned:
        """Return candidate weights tuned from `parent`."""

    def judge(self, candidate: Scores, base: Scores, active: Scores, best: Scores) -> tuple[str, ...]:
        """Return why a candidate is refused; empty if all holds."""

    def engine_db(self, weights: Weights) -> float:
        """Return how near the engine comes to the reference, in dB; infinite where it cannot run beside torch."""

    def stills(self, base: Weights, weights: Weights) -> bytes:
        """Return a JPEG of held-out footage, by base and by the candidate."""


class Restoring:
    """Restoration as what is tuned; `backend` is None where the engine cannot run beside torch."""

    least_engine_db = ENGINE_DB

    def __init__(
        self,
        base: Weights,
        learned: Sequence[Teaching],
        held_out: Sequence[Cut],
        settings: Settings,
        backend: Backend | None,
    ) -> None:
        self._learned, self._settings, self._backend = learned, settings, backend
        self._taken = exam(held_out, base)

    def score(self, weights: Weights) -> Scores:
        """Return a network's scores in the exam."""
        return score(weights, self._taken)

    def tune(self, parent: Weights, budget_seconds: float, progress: Progress, clock: Clock) -> Tuned:
        """Return candidate weights tuned from `parent`."""
        settings = replace(self._settings, budget_seconds=budget_seconds)
        return refine(parent, self._learned, settings, progress, clock)

    def judge(self, candidate: Scores, base: Scores, active: Scores, best: Scores) -> tuple[str, ...]:
        """Return why a candidate is refused."""
        return judge(candidate, base, active, best)

    def engine_db(self, weights: Weights) -> float:
        """Return how near the engine comes to the reference."""
        return engine_db(weights, self._backend, self._taken.canaries[0]) if self._backend else math.inf

    def stills(self, base: Weights, weights: Weights) -> bytes:
        """Return a JPEG of a held-out cut's last frame."""
        return proof(self._taken.filmed[0], (base, weights))


def update(
    incumbents: Incumbents,
    subject_of: Callable[[], Subject],
    budget_seconds: float,
    progress: Progress,
    clock: Clock = time.monotonic,
) -> Candidate | None:
    """Return a candidate and the gate's verdict on it; None where no step fitted into `budget_seconds`."""
    began = clock()
    subject = subject_of()
    examined = clock()
    scores = _scores(incumbents, subject, progress)
    now = clock()
    left = (1 - _KEPT) * budget_seconds - (now - began) - (now - examined) / len(scores)
    tuned = subject.tune(incumbents.active, left, progress, clock)
    if not tuned.curve:
        return None
    weights = incumbents.active.with_tensors(tuned.tensors)
    found, reasons = _judged(weights, incumbents, scores, subject)
    return Candidate(weights, tuned.curve, found, reasons, subject.stills(incumbents.base, weights))


def _scores(incumbents: Incumbents, subject: Subject, progress: Progress) -> dict[str, Scores]:
    """Return scores by digest; who is several of them sits the exam once."""
    scores = {}
    for weights in (incumbents.base, incumbents.active, incumbents.best, incumbents.foreteller):
        progress(0, 1)
        if weights.digest not in scores:
            scores[weights.digest] = subject.score(weights)
    return scores


def _judged(
    weights: Weights, incumbents: Incumbents, known: dict[str, Scores], subject: Subject
) -> tuple[Scores, tuple[str, ...]]:
    """Return a candidate's scores, beside some of those it was judged by, and why it is refused."""
    base, active, best = (known[x.digest] for x in (incumbents.base, incumbents.active, incumbents.best))
    foretold = known[incumbents.foreteller.digest]
    best = best | {name: error for name, error in foretold.items() if name.startswith("filmed")}
    found = subject.score(weights)
    reasons = subject.judge(found, base, active, best)
    near = subject.engine_db(weights)
    if near < subject.least_engine_db:
        reasons += (f"the engine gives another picture than the reference: {near:.1f} dB",)
    beside = {f"{name}_{key}": scores[key] for name, scores in (("base", base), ("active", active)) for key in _BESIDE}
    told = {name: value for name, value in found.items() if not name.startswith(EACH_CUT)}
    return told | beside | {"engine_db": near}, reasons
