"""Assist: what a clip's recipe asks for beside its proxies: a matte, a clean plate, a slap comp.

Plan side: queue what is not there yet, put in place what a child made; other words make a new revision of that alone.
It comes behind the proxies, and no clip waits for it. Work side: `daemon/assisting.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from daemon import wire
from daemon.assists import Drawn, drawn, is_still, lacking, stamp
from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.recipe import Words
from daemon.slate import (
    ASSISTS,
    SEQUENCE,
    TWIN_FOLDER,
    DeliveredFile,
    Origin,
    Published,
    Rendition,
    Trouble,
    Twin,
    Undone,
)
from daemon.stages.landing import has_landed, land
from daemon.stages.looks import look_of
from daemon.stages.probe import Source, source_of, words_of
from daemon.stages.render import delivered_name, specs_of
from daemon.stages.signing import origin_of
from daemon.states import ClipState, JobState
from daemon.store import Clip, Job
from daemon.turnover.naming import revision_name
from daemon.undone import entries_missed, looks_undone, steps_undone
from daemon.worker import Progress
from engines.colour.look import Look
from engines.media.essence import Essence
from engines.media.preset import ProxyCodec, SoundRule, Wrapper
from engines.media.proxy import ProxySpec, pixel_aspect

LANE, PRIORITY = "render", 57
_VERSION = "1"
"""Raise it when the same words make another picture, so that all is made again."""
WAITS = "undone.waits"
"""Code of what is made as soon as what it is made of is there."""
_SUFFIX = {Twin.MATTE: ".mov", Twin.PLATE: ".png", Twin.COMP: ".mov"}
_EXR = "exr"


@dataclass(frozen=True, slots=True)
class Taken:
    """A clip that something is made of: where it lies, what it is, and its look."""

    source: Source
    essence: Essence
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class MatteTold:
    """The words of a matte as a child is told."""

    key: str
    edges: float
    spill: float
    garbage: tuple[Drawn, ...]
    keep: tuple[Drawn, ...]
    form: str = ""


@dataclass(frozen=True, slots=True)
class CompTold:
    """The words of a comp as a child is told: over a still's path (`stamp` tells its state), or over a clip."""

    still: str
    stamp: str
    clip: Taken | None
    sync: str
    loop: bool
    position: tuple[float, float]
    scale: float
    tracks: bool


@dataclass(frozen=True, slots=True)
class AssistTask:
    """One thing to make of a clip; `takes` are the other clips that its plate is made of, too.

    `origin` is None where what is made is not signed; `stem` is what stills are named by.
    """

    twin: Twin
    clip: Taken
    spec: ProxySpec
    matte: MatteTold | None
    takes: tuple[Taken, ...]
    comp: CompTold | None
    luts: str
    staging: str
    staged: str = ""
    origin: Origin | None = None
    stem: str = ""

    @property
    def is_sequence(self) -> bool:
        """Whether it is stills in a folder of their own."""
        return self.matte is not None and self.matte.form == _EXR


@dataclass(frozen=True, slots=True)
class Made:
    """What a child made; `notes` are what an editor must know of it.

    `stills` are those of a sequence by name, their list last.
    """

    xxh128: str
    size_bytes: int
    width: int
    height: int
    codec: str
    notes: tuple[str, ...]
    has_still: bool
    model: str = ""
    signed: str = ""
    stills: tuple[DeliveredFile, ...] = ()


class Assist:
    """The plan side."""

    name = "assist"
    is_vital = False
    is_told = True

    def __init__(self) -> None:
        self._landed: dict[tuple[int, Twin], str] = {}

    def plan(self, production: Production, now: Moment) -> None:
        """Queue what delivered clips are asked for and have not got, one thing of a clip at a time, or say why not."""
        del now
        store = production.store
        under_way = store.under_way(self.name)
        clips = [clip for clip in store.clips(states=[ClipState.DELIVERED]) if clip.essence]
        found = {clip.id: self._plan_clip(production, clip, is_busy=clip.id in under_way) for clip in clips}
        for clip_id, missed in entries_missed(production, clips).items():
            found[clip_id] += missed
        for clip_id, undone in found.items():
            if undone != production.undone.get(clip_id, ()):
                _tell(store.clip(clip_id), undone)
                if clip_id in production.undone:
                    store.set_card(store.clip(clip_id).card, turnover_due=1)
        production.undone = found

    def _plan_clip(self, production: Production, clip: Clip, *, is_busy: bool) -> tuple[Undone, ...]:
        """Queue the next thing that a clip is asked for, and return what it has not got and nobody makes."""
        words = words_of(production, clip)
        undone = [*looks_undone(production, clip, words), *steps_undone(production, clip, words)]
        for twin in asked_for(words):
            trouble = why_not(production, clip, words, twin)
            if not trouble:
                task = _task(production, clip, words, twin)
                want = key_of("assist", _VERSION, str(clip.id), clip.identity, wire.dump(AssistTask, task))
                if self._has_landed(production, clip, twin, want):
                    continue
                job = production.store.job_of(want)
                if job and job.state is JobState.FAILED:
                    trouble = job.trouble
                elif not is_busy:
                    _queue(production, clip, twin, want, task)
                    is_busy = True
            if trouble:
                undone.append(Undone(str(twin), trouble))
        return tuple(undone)

    def _has_landed(self, production: Production, clip: Clip, twin: Twin, want: str) -> bool:
        if self._landed.get((clip.id, twin)) == want:
            return True
        landed = production.store.proxies(clip.id, twin)
        if not landed or landed[-1].want != want:
            return False
        self._landed[clip.id, twin] = want
        return True

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Put what was made in place."""
        task, made = wire.load(AssistTask, job.task), wire.load(Made, result)
        if has_landed(production, job, task.twin):
            return
        store = production.store
        clip = store.clip(job.clip)
        revision = store.next_revision(clip.id, task.twin)
        path = f"{TWIN_FOLDER[task.twin]}/{_name(delivered_name(production, clip), revision, task, made)}"
        facts = Published(
            twin=task.twin,
            revision=revision,
            path=path,
            xxh128=made.xxh128,
            size_bytes=made.size_bytes,
            width=made.width,
            height=made.height,
            codec=made.codec,
            model=made.model,
            engine="",
            recipe=clip.want,
            published_at=now.iso,
            noise={},
            marks=made.notes,
            look=look_of(production, clip, words_of(production, clip))
            if task.twin is Twin.COMP and task.clip.look
            else None,
            signed=made.signed,
            renditions=(_sequence(task, made, path),) if made.stills else (),
        )
        still = f"{task.staged}.jpg" if made.has_still else ""
        land(production, store.proxy(store.intend(clip.id, job.key, task.staged, facts, still)), now)


def _name(clip: str, revision: int, task: AssistTask, made: Made) -> str:
    """Return what sidecars name in the twin's folder: the file, or a sequence's first still in a folder of its own."""
    suffix = f"/{made.stills[0].path}" if made.stills else _SUFFIX[task.twin]
    return revision_name(clip, revision, suffix)


def _sequence(task: AssistTask, made: Made, path: str) -> Rendition:
    folder = path.rpartition("/")[0]
    files = tuple(replace(still, path=f"{folder}/{still.path}") for still in made.stills)
    aspect = pixel_aspect(task.clip.essence, task.spec) or Fraction(1)
    return Rendition("", made.codec, SEQUENCE, made.width, made.height, aspect, (), files)


def asked_for(words: Words) -> tuple[Twin, ...]:
    """Return what the words ask for beside the proxies, in the order in which it is made."""
    asked = {Twin.MATTE: words.matte.key, Twin.PLATE: words.plate.enabled, Twin.COMP: words.comp.over}
    return tuple(twin for twin in ASSISTS if asked[twin])


def why_not(production: Production, clip: Clip, words: Words, twin: Twin) -> Trouble | None:
    """Return why something that is asked for waits, and what to do; None where it can be made."""
    over, why, fix = words.comp.over or "", "", ""
    if twin is Twin.COMP and not words.matte.key:
        why, fix = "a comp needs a matte", "set matte.key of this clip in the recipe"
    elif twin is Twin.COMP and is_still(over) and (lacks := lacking(production.recipes.folder, over)):
        why, fix = f"the plate {over} {lacks}", "put it there, or name another in comp.over"
    elif twin is Twin.COMP and not is_still(over) and _named(production, clip, over) is None:
        why, fix = f"no clip called {over} was probed", "offload it, or name another in comp.over"
    return Trouble(WAITS, f"the {twin} of {clip.name} waits", why, fix) if why else None


def _tell(clip: Clip, undone: tuple[Undone, ...]) -> None:
    for one in undone:
        told = one.trouble
        get().warning("clip.undone", clip=clip.name, asked=one.asked, code=told.code, why=told.why, fix=told.fix)


def _queue(production: Production, clip: Clip, twin: Twin, want: str, task: AssistTask) -> None:
    origin = origin_of(production, clip, clip.want)
    staged = f"{want[:32]}{f'.{SEQUENCE}' if task.is_sequence else _SUFFIX[twin]}"
    named = replace(task, staged=staged, origin=origin, stem=delivered_name(production, clip))
    text = wire.dump(AssistTask, named)
    production.store.add_job(key=want, clip=clip.id, stage=Assist.name, lane=LANE, priority=PRIORITY, task=text)


def _named(production: Production, clip: Clip, name: str) -> Clip | None:
    found = [other for other in production.store.clips_named(name) if other.essence and other.id != clip.id]
    return min(found, key=lambda other: other.card != clip.card, default=None)


def _task(production: Production, clip: Clip, words: Words, twin: Twin) -> AssistTask:
    spec = _spec(production, clip, words, twin)
    needs_matte, needs_plate = twin is not Twin.PLATE, twin is Twin.PLATE or words.matte.key == "plate"
    return AssistTask(
        twin=twin,
        clip=_taken(production, clip, with_look=twin is Twin.COMP),
        spec=spec,
        matte=_matte(production, words, twin) if needs_matte else None,
        takes=_takes(production, clip, words) if needs_plate else (),
        comp=_comp(production, clip, words) if twin is Twin.COMP else None,
        luts=str(production.config.luts),
        staging=str(production.staging),
    )


def _spec(production: Production, clip: Clip, words: Words, twin: Twin) -> ProxySpec:
    """Return what is made, at the working raster and in MOV; a comp in the first preset's codec where MOV holds it."""
    working = specs_of(production, clip, words).working
    codec = working.codec if working.wrapper is Wrapper.MOV else ProxyCodec.PRORES_PROXY
    codec = ProxyCodec.PRORES_4444 if twin is Twin.MATTE else codec
    return replace(working, codec=codec, wrapper=Wrapper.MOV, sound=SoundRule.AS_RECORDED, preset="")


def _taken(production: Production, clip: Clip, *, with_look: bool) -> Taken:
    assert clip.essence is not None
    found = look_of(production, clip, words_of(production, clip)) if with_look else None
    look = found.look if found and not found.look.changes_nothing else None
    return Taken(source_of(production, clip), clip.essence, look)


def _matte(production: Production, words: Words, twin: Twin) -> MatteTold:
    matte, folder = words.matte, production.recipes.folder
    assert matte.key
    garbage, keep = drawn(matte.garbage, folder), drawn(matte.keep, folder)
    return MatteTold(matte.key, matte.edges, matte.spill, garbage, keep, matte.form if twin is Twin.MATTE else "")


def _takes(production: Production, clip: Clip, words: Words) -> tuple[Taken, ...]:
    """Return the other delivered clips of the set-up, those of the same camera picture size."""
    from fnmatch import fnmatchcase

    pattern = words.plate.takes
    others = production.store.clips(states=[ClipState.DELIVERED]) if pattern else []
    return tuple(
        _taken(production, other, with_look=False)
        for other in others
        if pattern
        and other.essence
        and clip.essence
        and other.id != clip.id
        and fnmatchcase(other.name, pattern)
        and (other.essence.width, other.essence.height) == (clip.essence.width, clip.essence.height)
    )


def _comp(production: Production, clip: Clip, words: Words) -> CompTold:
    comp = words.comp
    assert comp.over
    still = str(Path(production.recipes.folder, comp.over).resolve()) if is_still(comp.over) else ""
    other = None if still else _named(production, clip, comp.over)
    return CompTold(
        still=still,
        stamp=stamp(still),
        clip=_taken(production, other, with_look=True) if other else None,
        sync=comp.sync,
        loop=comp.loop,
        position=comp.position or (0.0, 0.0),
        scale=comp.scale,
        tracks=comp.track == "picture",
    )


def work(task_text: str, progress: Progress) -> str:
    """Return what was made as JSON; the work side.

    Raises:
        NoScreen, BadMask, BadPlate: it cannot be made as asked. MediaError: a source breaks. DiskFull: no room.
    """
    from daemon.assisting import made_of

    return wire.dump(Made, made_of(wire.load(AssistTask, task_text), progress))
