"""Refine: the production's models learn from a card; each is promoted only if every check of its gate holds.

Restoration learns from every card; the illumination network from the newest, where the recipe puts light on anything.

Work side: tune from the active weights on the replay store, judge beside base and best on the same canaries, write
the candidate and its lineage whole. It may be killed at any point: nothing is lost but its own time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import takewhile
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon import models, wire
from daemon.engine import ALONE, EngineChoice, choice_of, plan_store
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.publish import make_folders
from daemon.slate import Refined
from daemon.stages.probe import words_of
from daemon.stages.relight import space_of
from daemon.stages.sample import Sample, awaited
from daemon.states import SETTLED_STATES, ClipState, JobEvent, JobState
from daemon.store import Card, Job, KeptSample, Store
from daemon.worker import Progress
from engines.errors import BadSample, UnknownSpace
from engines.media.essence import CodeRange
from engines.model.topology import LIGHT_SIDE, RELIGHT

if TYPE_CHECKING:
    from torch import Tensor

    from engines.model.replay import Cut
    from engines.model.tuning import Loop
    from engines.model.update import Candidate, Incumbents, Subject
    from engines.model.weights import Weights


@dataclass(frozen=True, slots=True)
class SeenClip:
    """A clip that an update saw: `files` are its camera files by path in the roll, with their xxh128."""

    roll: str
    name: str
    identity: str
    holdout: bool
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a clip's code values stand for light: see `engines.light.curve`."""

    space: str
    code_range: CodeRange
    transfer: str
    matrix: str


@dataclass(frozen=True, slots=True)
class RefineTask:
    """One update: from `parent` on `samples` of `clips`, beside `best` and `foreteller`; digests, empty for base.

    `lineage` is what the record of the candidate says besides: who approved, for which card. `recorded` says of clips,
    by identity, what their codes stand for, where it is light that is learned.
    """

    models: str
    size: str
    engine: str
    parent: str
    best: str
    replay: str
    samples: tuple[Sample, ...]
    clips: tuple[SeenClip, ...]
    budget_seconds: float
    seed: int
    lineage: dict[str, str]
    plans: EngineChoice = field(default_factory=EngineChoice)
    recorded: dict[str, Recorded] = field(default_factory=dict)
    foreteller: str = ""


LANE, PRIORITY = "render", 90
_VERSION = "1"
_LESSONS = 48
"""Most cuts of the card, and of the cards before it, that an update loads: some 5 MB each."""
_JUDGES = 12
"""Most held-out cuts that judge an update: each is scored up to four times."""


class Refine:
    """The plan side."""

    name = "refine"
    is_vital = False
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue an update for a card that is delivered and sampled; one at a time, each from the one before."""
        del now
        store = production.store
        if production.config.production.training is None or _under_way(store):
            return
        waiting = {clip.card for clip in awaited(production)}
        cards = list(store.sampled().items())
        for size, part in ((production.config.enhance.restore.model, cards), (RELIGHT, cards[-1:])):
            if size == RELIGHT and not production.recipes.relights:
                continue
            for card, clips in part:
                key = key_of("refine", _VERSION, *([size] if size == RELIGHT else []), str(card), *clips)
                if card not in waiting and _is_new(store, key) and _is_through(store, card):
                    self._queue(production, size, card, key)
                    return

    def _queue(self, production: Production, size: str, card: int, key: str) -> None:
        store = production.store
        task = wire.dump(RefineTask, _task(production, size, store.card(card), key))
        last = max(clip.id for clip in store.clips(card=card))
        store.add_job(key=key, clip=last, stage=self.name, lane=LANE, priority=PRIORITY, task=task)

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Promote the candidate or note why not."""
        task, refined = wire.load(RefineTask, job.task), wire.load(Refined, result)
        store = production.store
        with store.transaction():
            store.finish(job.id, JobEvent.SUCCEEDED)
            if refined.digest:
                models.enter(production, task.size, task.parent, store.clip(job.clip).card, refined, now)
            else:
                get().info("model.not_made", reasons=refined.reasons)


def _under_way(store: Store) -> bool:
    return any(job.stage == Refine.name for job in store.jobs(JobState.QUEUED, JobState.LEASED))


def _is_new(store: Store, key: str) -> bool:
    job = store.job_of(key)
    return job is None or job.state is JobState.DROPPED


def _is_through(store: Store, card: int) -> bool:
    """Return whether nothing of a card is on its way any more, and some of it is kept to learn from."""
    settled = all(clip.state in SETTLED_STATES for clip in store.clips(card=card))
    return settled and any(sample.card == card and not sample.holdout for sample in store.samples())


def _task(production: Production, size: str, card: Card, key: str) -> RefineTask:
    config, store = production.config, production.store
    training = config.production.training
    assert training is not None
    samples = _chosen(store.samples(), card.id)
    return RefineTask(
        models=str(config.models),
        size=size,
        engine=config.engine,
        plans=choice_of(config),
        parent=models.active(store, size),
        best=models.best(store, size),
        foreteller=models.best(store, size, models.foretold_better),
        replay=str(config.replay),
        samples=samples,
        clips=_clips(store, samples),
        budget_seconds=config.refine.budget_seconds,
        seed=int(key[:8], 16),
        lineage={"production": config.production.code, "card": card.roll, **training.model_dump()},
        recorded=_recorded(production, samples) if size == RELIGHT else {},
    )


def _chosen(samples: list[KeptSample], card: int) -> tuple[Sample, ...]:
    """Return the cuts of an update, those of its card last: the store grows with the shoot, an update must not."""
    held_out = [wire.load(Sample, sample.facts) for sample in samples if sample.holdout]
    before = [wire.load(Sample, x.facts) for x in samples if x.card != card and not x.holdout]
    own = [wire.load(Sample, x.facts) for x in samples if x.card == card and not x.holdout]
    return (
        *_of_all(held_out, "")[:_JUDGES],
        *_of_all(before, str(card))[:_LESSONS][::-1],
        *_of_all(own, str(card))[:_LESSONS][::-1],
    )


def _clips(store: Store, samples: tuple[Sample, ...]) -> tuple[SeenClip, ...]:
    """Return the clips that cuts are of, by roll and name."""
    held_out = {sample.clip: sample.holdout for sample in samples}
    found = []
    for clip in store.clips():
        if clip.identity in held_out and clip.state is not ClipState.DUPLICATE:
            known = store.files(clip.card)
            files = {path: known[path].hashes["xxh128"] for path in clip.found.files if path in known}
            roll = store.card(clip.card).roll
            found.append(SeenClip(roll, clip.name, clip.identity, held_out[clip.identity], files))
    return tuple(sorted(found, key=lambda clip: (clip.roll, clip.name)))


def _recorded(production: Production, samples: tuple[Sample, ...]) -> dict[str, Recorded]:
    """Return what the codes of the clips that cuts are of stand for, by identity; not of one whose space is unknown."""
    wanted = {sample.clip for sample in samples}
    found = {}
    for clip in production.store.clips():
        if clip.identity in wanted and (essence := clip.essence):
            with suppress(UnknownSpace):
                space = space_of(production, essence, words_of(production, clip))
                found[clip.identity] = Recorded(space, essence.code_range, essence.transfer, essence.matrix)
    return found


def _of_all(samples: list[Sample], seed: str) -> list[Sample]:
    """Return cuts so ordered that of each camera, and in it of each clip, one comes before any has a second."""
    drawn = sorted(samples, key=lambda x: key_of(seed, x.digest))
    return _in_turn(_in_turn(drawn, lambda x: x.clip), lambda x: x.camera)


def _in_turn(samples: list[Sample], of: Callable[[Sample], str]) -> list[Sample]:
    seen: Counter[str] = Counter()
    turns = []
    for sample in samples:
        turns.append((seen[of(sample)], sample))
        seen[of(sample)] += 1
    return [sample for _, sample in sorted(turns, key=lambda turn: turn[0])]


def work(task_text: str, progress: Progress) -> str:
    """Return what came of an update as JSON; the work side.

    Raises:
        BadWeights: the weights that it must begin from, or be compared with, cannot be used.
    """
    from engines.model.update import Incumbents, update

    task = wire.load(RefineTask, task_text)
    began = time.monotonic()
    cuts = _cuts(task)
    learned, held_out = ({x: cut for x, cut in cuts.items() if x.holdout is apart} for apart in (False, True))
    if not learned or not held_out:
        return _nothing(f"there is nothing yet to {'judge by' if learned else 'learn from'}")
    incumbents = Incumbents(*(_weights(task, digest) for digest in ("", task.parent, task.best, task.foreteller)))
    subject_of, settings = (_illumining if task.size == RELIGHT else _restoring)(task, learned, held_out, incumbents)
    candidate = update(incumbents, subject_of, task.budget_seconds, progress)
    if candidate is None:
        return _nothing("no step fitted into refine.budget_seconds")
    refined = Refined(
        digest=candidate.weights.digest,
        passed=not candidate.reasons,
        reasons=candidate.reasons,
        scores=_told(candidate.scores),
        steps=len(candidate.curve),
        seconds=round(time.monotonic() - began, 3),
        curve=_thinned(candidate.curve),
    )
    _keep(task, tuple(cuts), candidate, refined, asdict(settings))
    if refined.passed and task.engine in ALONE and task.size != RELIGHT:
        _keep_references(task.plans, candidate.weights)
    return wire.dump(Refined, refined)


def _restoring(
    task: RefineTask, learned: dict[Sample, Cut], held_out: dict[Sample, Cut], incumbents: Incumbents
) -> tuple[Callable[[], Subject], Loop]:
    """Return what makes restoration the subject of an update, and how it is tuned."""
    from engines.backends import choose
    from engines.model.refine import Settings
    from engines.model.update import Restoring

    settings = Settings(seed=task.seed, budget_seconds=task.budget_seconds)
    backend = None if task.engine in ALONE else choose(task.engine)  # those are compared as they are renewed
    cuts = list(learned.values()), list(held_out.values())
    return partial(Restoring, incumbents.base, *cuts, settings, backend), settings


def _illumining(
    task: RefineTask, learned: dict[Sample, Cut], held_out: dict[Sample, Cut], incumbents: Incumbents
) -> tuple[Callable[[], Subject], Loop]:
    """Return what makes the illumination network the subject of an update, and how it is tuned."""
    from engines.backends import choose_light
    from engines.light.refine import Illumining, Settings

    del incumbents
    settings = Settings(seed=task.seed, budget_seconds=task.budget_seconds)
    pictures = _in_stops(task, learned), _in_stops(task, held_out)
    return partial(Illumining, *pictures, settings, choose_light(task.engine)), settings


def _in_stops(task: RefineTask, cuts: dict[Sample, Cut]) -> list[Tensor]:
    """Return pictures of cuts in stops of scene-linear light."""
    from engines.light.curve import curve_of
    from engines.light.refine import pictures_in_stops

    found = []
    for sample, cut in cuts.items():
        recorded = task.recorded[sample.clip]
        curve = curve_of(recorded.space, recorded.code_range, recorded.transfer)
        found += pictures_in_stops(cut, curve, recorded.matrix)
    return found


def _nothing(why: str) -> str:
    return wire.dump(Refined, Refined("", passed=False, reasons=(why,), scores={}, steps=0, seconds=0.0, curve=()))


def _keep_references(choice: EngineChoice, candidate: Weights) -> None:
    """Keep what torch makes of the canary with new weights, for each shape that engines are kept of here."""
    from engines.backends.eager import EagerBackend
    from engines.plans.canary import keep_reference

    store = plan_store(choice)
    for plan in store.listed():
        if plan.key.what == "plan" and plan.key.topology == candidate.topology.digest:
            key = replace(plan.key, weights=candidate.digest)
            keep_reference(store, key, EagerBackend().open(candidate, key.height, key.width))


def _cuts(task: RefineTask) -> dict[Sample, Cut]:
    """Return the samples to learn from and to judge by; one that is damaged, or of unknown light, is left out."""
    from engines.model.replay import Replay

    replay = Replay(Path(task.replay))
    found = {}
    for sample in task.samples:
        with suppress(BadSample):
            cut = replay.load(sample.digest)
            if task.size != RELIGHT or (sample.clip in task.recorded and min(cut.pictures.shape[-2:]) >= LIGHT_SIDE):
                found[sample] = cut
    return found


def _weights(task: RefineTask, digest: str) -> Weights:
    from engines.model.weights import base_weights

    return (
        models.own_weights(Path(task.models) / f"{digest}.safetensors", task.size)
        if digest
        else base_weights(task.size)
    )


def _keep(
    task: RefineTask, samples: tuple[Sample, ...], candidate: Candidate, refined: Refined, settings: dict[str, Any]
) -> None:
    """Write the candidate, its lineage and its stills, whole and flushed."""
    from engines.model.weights import save_weights

    weights = candidate.weights
    card = {
        "name": weights.topology.name,
        "topology": weights.topology.digest,
        "parent": task.parent or "base",
        "settings": settings,
        "steps": refined.steps,
        "seconds": refined.seconds,
        "clips": [asdict(clip) for clip in task.clips],
        "samples": [asdict(sample) for sample in samples],
        "scores": refined.scores,
        "passed": refined.passed,
        "reasons": refined.reasons,
        "curve": refined.curve,
        **task.lineage,
    }
    folder = Path(task.models)
    make_folders(folder, mode=0o700)
    (folder / f"{weights.digest}.jpg").write_bytes(candidate.stills)
    save_weights(folder / f"{weights.digest}.safetensors", weights.tensors, card)


def _told(scores: dict[str, float]) -> dict[str, float]:
    """Return the scores that are numbers: JSON has no others. The verdict on the others is among the reasons."""
    return {name: value for name, value in scores.items() if isfinite(value)}


def _thinned(curve: tuple[float, ...], points: int = 60) -> tuple[float, ...]:
    """Return a curve of at most so many points, each the mean of its steps; it ends where it is no number any more."""
    curve = tuple(takewhile(isfinite, curve))
    step = max(1, -(-len(curve) // points))
    parts = [curve[at : at + step] for at in range(0, len(curve), step)]
    return tuple(round(sum(part) / len(part), 5) for part in parts)
