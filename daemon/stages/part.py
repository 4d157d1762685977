"""Part: a long clip is enhanced in parts, which the render of its enhanced twin joins.

Decides which clips are cut and where, queues the parts that lack, and removes those that nobody wants any more. A part
lies in the staging folder under a name that tells all that it was made by, and beside it, once it is whole, its record:
so one that a crash left is taken up. All parts of a rendering are of the weights that were active when the first of
them was planned. The work side is `parting.py`.

Only restoration is cut. What comes behind it is made in the join, since it leans on a whole shot (light, the camera's
way). A clip with something before it (flicker, removal), for which the whole clip is gone through first, is not cut.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from daemon import wire
from daemon.assists import assists
from daemon.config import Config
from daemon.engine import EngineChoice, choice_of
from daemon.errors import DeliveryError
from daemon.estimates import part_bytes
from daemon.production import Moment, Production, key_of
from daemon.publish import delivering
from daemon.recipe import Words
from daemon.slate import Twin
from daemon.stages.probe import Source, source_of, words_of
from daemon.stages.render import LANE, PRIORITY, Joint, Restore, plain_alone, restore_of, specs_of
from daemon.stages.spans import identity_of
from daemon.states import ClipState, JobEvent, JobState, ModelState
from daemon.store import Clip, Job, Model
from engines.errors import EngineError
from engines.media.essence import Essence
from engines.media.proxy import ProxySpec

_VERSION = "3"
"""Raise it when the same restoration makes other pictures, so that parts of before are not joined with those of now."""
_SUFFIX = ".part"
_BASE, _TAG_DIGITS = "base", 12
"""What stands in a part's name for its weights: a word for the base weights, else the first digits of their digest."""
_NAME = re.compile(r"([0-9a-f]{32})\.(base|[0-9a-f]{12})\.\d+-\d+\.part")
_CUT_STATES = (ClipState.READY, ClipState.PROBED, ClipState.PROXIED)
"""States in which a clip's parts are kept: words that touch no restoration send it back and want the same parts."""


@dataclass(frozen=True, slots=True)
class PartTask:
    """Pictures `first` to before `end` of a clip to be restored; `weights` is their digest, empty for base."""

    source: Source
    essence: Essence
    working: ProxySpec
    restore: Restore
    weights: str
    models: str
    engine: EngineChoice
    first: int
    end: int
    staging: str
    staged: str


@dataclass(frozen=True, slots=True)
class Parted:
    """A part that is there, whole: what made it, and what it is known by (`engines.enhance.parts.Made`)."""

    model: str
    engine: str
    first: int
    end: int
    digest: str
    head: str
    tail: str


@dataclass(frozen=True, slots=True)
class Cut:
    """How a clip's restoration is cut: `base` names all that its parts are made by but the weights.

    `bounds` are 0 and then where each part ends.
    """

    clip: Clip
    essence: Essence
    working: ProxySpec
    restore: Restore
    base: str
    bounds: tuple[int, ...]

    def parts(self, weights: Model | None) -> dict[str, tuple[int, int]]:
        """Return the parts by their names, in order: the first picture of each and the one behind its last."""
        tag = weights.digest[:_TAG_DIGITS] if weights else _BASE
        return {f"{self.base}.{tag}.{first}-{end}{_SUFFIX}": (first, end) for first, end in pairwise(self.bounds)}


class Part:
    """The plan side. Parts are queued where their twin is planned, in `render.py`: what it lacks is known there."""

    name = "part"
    is_vital = True
    is_told = False

    def __init__(self) -> None:
        self._is_littered = True
        self._seen: object = None

    def plan(self, production: Production, now: Moment) -> None:
        """Drop what nobody wants any more: jobs of parts, and parts themselves."""
        del now
        jobs = _under_way(production)
        if not (jobs or self._is_littered):
            return
        there = _there(production)
        seen = _stands(production, jobs, there)
        if seen == self._seen:
            return
        wanted = _wanted(production, jobs, there)
        for job in jobs:
            if wanted.get(job.key) is not ClipState.PROXIED:
                production.store.finish(job.id, JobEvent.DROPPED)
        for path in there:
            if _part_name(path) not in wanted:
                with delivering(path):
                    path.unlink(missing_ok=True)
        self._is_littered, self._seen = bool(jobs or there), seen

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Take a part's word that it is there: what is looked at is its record."""
        del now
        wire.load(Parted, result)
        if record_of(production.staging / job.key) is None:
            raise DeliveryError(
                f"{job.key} is not there",
                why="the part was said to be made, and has no record",
                fix="check the delivery volume; it is tried again",
            )
        production.store.finish(job.id, JobEvent.SUCCEEDED)


def cut_of(production: Production, clip: Clip) -> Cut | None:
    """Return how a probed clip's restoration is cut; None where it is made at once."""
    longest, essence = production.config.workers.split_minutes, clip.essence
    if longest is None or essence is None or essence.seconds <= longest * 60:
        return None  # most clips are, and nothing more is looked up for them
    words = words_of(production, clip)
    if not is_cut(production.config, essence, words, production.recipes.folder):
        return None
    restore = restore_of(production, words)
    try:
        working = specs_of(production, clip, words).working
    except EngineError:
        return None  # nothing can be made of it, which its own trouble says
    bounds = bounds_of(essence.frames, max(1, int(longest * 60 * essence.rate)))
    base = key_of(
        "part",
        _VERSION,
        str(clip.id),
        identity_of(production, clip),
        wire.dump(Essence, essence),
        wire.dump(ProxySpec, working),
        wire.dump(Restore, restore),
        *map(str, bounds),
    )
    return Cut(clip, essence, working, restore, base[:32], bounds)


def is_cut(config: Config, essence: Essence, words: Words, folder: Path) -> bool:
    """Return whether what was measured so is restored in parts; `folder` is the recipe's."""
    longest = config.workers.split_minutes
    if longest is None or essence.seconds <= longest * 60 or plain_alone(config, essence, words):
        return False
    done = assists(words, essence, folder)
    return bool(words.restore.strength) and not words.light.strength and not (done and done.removes)


def bounds_of(frames: int, longest: int) -> tuple[int, ...]:
    """Return where a clip is cut into equal parts of at most `longest` pictures: 0, then where each of them ends."""
    count = -(-frames // longest)
    return tuple(number * frames // count for number in range(count + 1))


def gathered(production: Production, cut: Cut, *, backfill: bool) -> Joint | None:
    """Return a clip's parts if all are there, else None; those that lack are then queued.

    Parts that an engine made by other weights than the newest, because it refused the day's, are made anew.
    """
    weights = _weights(production, cut, _begun(_under_way(production), _there(production)))
    parts = cut.parts(weights)
    staging = production.staging
    found = {name: record_of(staging / name) for name in parts}
    made_by = {name: record.model for name, record in found.items() if record}
    if len(set(made_by.values())) > 1:
        newest = made_by[max(made_by, key=lambda name: (staging / name).stat().st_mtime_ns)]
        for name in (name for name, model in made_by.items() if model != newest):
            record_path(staging / name).unlink()
            found[name] = None
    for name in (name for name, record in found.items() if record is None):
        production.store.add_job(
            key=name,
            clip=cut.clip.id,
            stage=Part.name,
            lane=LANE,
            priority=PRIORITY[Twin.ENHANCED],
            task=wire.dump(PartTask, _task(production, cut, weights, name, *parts[name])),
            backfill=backfill,
        )
    if not all(found.values()):
        return None
    from daemon.models import version  # the registry plans with the stages after this one

    return Joint(tuple(parts), version(production.store, weights) if weights else 0, str(staging))


def kept(production: Production) -> frozenset[str]:
    """Return the names in the staging folder of parts that are whole and still wanted, and of their records."""
    wanted = _wanted(production, _under_way(production), _there(production))
    whole = [staged for staged in map(production.staging.joinpath, wanted) if record_of(staged)]
    return frozenset(path.name for staged in whole for path in (staged, record_path(staged)))


def between_bytes(production: Production, clip: Clip) -> int:
    """Return about how many bytes a clip's parts take until they are joined; 0 where it is not cut."""
    cut = cut_of(production, clip)
    return part_bytes(cut.working, cut.essence.frames) if cut else 0


def record_of(staged: Path) -> Parted | None:
    """Return the record of a part; None where it is not there, whole."""
    with delivering(staged):
        try:
            return wire.load(Parted, record_path(staged).read_bytes()) if staged.is_file() else None
        except (FileNotFoundError, ValueError):  # a child that read hostile media may write anything
            return None


def record_path(staged: Path) -> Path:
    """Return where the record of a part lies: it is written last, and vouches for it."""
    return staged.with_name(f"{staged.name}.json")


def _task(production: Production, cut: Cut, weights: Model | None, name: str, first: int, end: int) -> PartTask:
    return PartTask(
        source=source_of(production, cut.clip),
        essence=cut.essence,
        working=cut.working,
        restore=cut.restore,
        weights=weights.digest if weights else "",
        models=str(production.config.models),
        engine=choice_of(production.config),
        first=first,
        end=end,
        staging=str(production.staging),
        staged=name,
    )


def _weights(production: Production, cut: Cut, begun: Collection[tuple[str, str]]) -> Model | None:
    """Return the weights of a clip's parts, None for base: those that were begun with, else those active now.

    What was withdrawn meanwhile, or is gone, is not gone on with.
    """
    models = production.store.models(size=cut.restore.model)
    usable: dict[str, Model | None] = {_BASE: None}
    for model in models:
        is_there = (production.config.models / f"{model.digest}.safetensors").exists()
        if is_there and model.state in {ModelState.ACTIVE, ModelState.RETIRED}:
            usable[model.digest[:_TAG_DIGITS]] = model
    for base, tag in begun:
        if base == cut.base and tag in usable:
            return usable[tag]
    return next((model for model in models if model.state is ModelState.ACTIVE), None)


def _begun(jobs: Collection[Job], there: Collection[Path]) -> list[tuple[str, str]]:
    """Return base and weights of parts that are under way or there."""
    found = (_NAME.match(name) for name in (*(job.key for job in jobs), *(path.name for path in there)))
    return [(match[1], match[2]) for match in found if match]


def _wanted(production: Production, jobs: Collection[Job], there: Collection[Path]) -> dict[str, ClipState]:
    """Return the parts that are wanted by their names, each with its clip's state."""
    clips = production.store.clips(states=_CUT_STATES)
    cuts: Iterator[Cut] = filter(None, (cut_of(production, clip) for clip in clips))
    begun = _begun(jobs, there)
    return {name: cut.clip.state for cut in cuts for name in cut.parts(_weights(production, cut, begun))}


def _stands(production: Production, jobs: Collection[Job], there: Collection[Path]) -> object:
    """Return all that what is wanted depends on, to tell whether to look again."""
    clips = [(clip.id, clip.state, clip.want) for clip in production.store.clips(states=_CUT_STATES) if clip.essence]
    models = [(model.digest, model.state) for model in production.store.models()]
    return production.recipes, clips, models, [job.key for job in jobs], there


def _under_way(production: Production) -> list[Job]:
    return [job for job in production.store.jobs(JobState.QUEUED, JobState.LEASED) if job.stage == Part.name]


def _there(production: Production) -> list[Path]:
    """Return all that lies in the staging folder of parts, whole or not."""
    with delivering(production.staging):
        found = production.staging.glob(f"*{_SUFFIX}*") if production.staging.is_dir() else ()
        return sorted(path for path in found if _NAME.match(path.name))


def _part_name(path: Path) -> str:
    found = _NAME.match(path.name)
    assert found
    return found[0]
