"""An update of a production's model: what is in use sits the exam, learns for the seconds that are left, and is judged.

The order makes an update keep to its seconds: how long one exam takes is known before anything is learned. Reads;
writes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engines.backends.base import Backend
from engines.model.gate import ENGINE_DB, Exam, Scores, engine_db, exam, judge, score
from engines.model.proof import proof
from engines.model.refine import Settings, Teaching, refine
from engines.model.replay import Cut
from engines.model.weights import Weights


@dataclass(frozen=True, slots=True)
class Incumbents:
    """Those that a candidate is judged beside; it is made from the active one."""

    base: Weights
    active: Weights
    best: Weights


@dataclass(frozen=True, slots=True)
class Candidate:
    """What came of an update: `reasons` say why the gate refuses it, `stills` are a JPEG (see proof)."""

    weights: Weights
    curve: tuple[float, ...]
    scores: Scores
    reasons: tuple[str, ...]
    stills: bytes


def update(
    incumbents: Incumbents,
    learned: Sequence[Teaching],
    held_out: Sequence[Cut],
    settings: Settings,
    backend: Backend | None,
    progress: Callable[[int, int], None],
    clock: Callable[[], float] = time.monotonic,
) -> Candidate | None:
    """Return a candidate and the gate's verdict on it; None where no step fitted into `settings.budget_seconds`.

    `backend` is the engine that must give the reference's pictures with it; None where it cannot run beside torch.
    """
    began = clock()
    taken = exam(held_out, incumbents.base)
    examined = clock()
    scores = _scores(incumbents, taken, progress)
    now = clock()
    left = settings.budget_seconds - (now - began) - (now - examined) / len(scores)
    tuned = refine(incumbents.active, learned, replace(settings, budget_seconds=left), progress, clock)
    if not tuned.curve:
        return None
    weights = incumbents.active.with_tensors(tuned.tensors)
    found, reasons = _judged(weights, incumbents, scores, taken, backend)
    return Candidate(weights, tuned.curve, found, reasons, proof(taken.filmed[0], (incumbents.base, weights)))


def _scores(incumbents: Incumbents, taken: Exam, progress: Callable[[int, int], None]) -> dict[str, Scores]:
    """Return scores by digest; who is two of the three sits the exam once."""
    scores = {}
    for weights in (incumbents.base, incumbents.active, incumbents.best):
        progress(0, 1)
        if weights.digest not in scores:
            scores[weights.digest] = score(weights, taken)
    return scores


def _judged(
    weights: Weights, incumbents: Incumbents, known: dict[str, Scores], taken: Exam, backend: Backend | None
) -> tuple[Scores, tuple[str, ...]]:
    """Return a candidate's scores, beside some of those it was judged by, and why it is refused."""
    base, active, best = (known[x.digest] for x in (incumbents.base, incumbents.active, incumbents.best))
    found = score(weights, taken)
    reasons = judge(found, base, active, best)
    near = engine_db(weights, backend, taken.canaries[0]) if backend else math.inf
    if near < ENGINE_DB:
        reasons += (f"the engine gives another picture than the reference: {near:.1f} dB",)
    beside = {
        f"{name}_{key}": scores[key]
        for name, scores in (("base", base), ("active", active))
        for key in ("mean_db", "worst_db", "own_db", "filmed")
    }
    return found | beside | {"engine_db": near}, reasons
