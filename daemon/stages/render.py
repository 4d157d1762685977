"""Render: the plain proxy first, then its enhanced twin, both under one look; each checked against the relink contract.

Decides from the recipe what each probed clip should have, queues what is not there yet, publishes what a child made.
The work side is `rendering.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from daemon import wire
from daemon.assists import Assists, assists
from daemon.config import Config
from daemon.engine import EngineChoice, choice_of
from daemon.fidelity import Restraint, restrained
from daemon.guides import Guide, guide_of, track_of
from daemon.limits import LimitsWords
from daemon.log import get
from daemon.presets import Specs, Written, renditions, specs_for
from daemon.production import Moment, Production, key_of
from daemon.recipe import Words
from daemon.slate import Origin, Published, Twin
from daemon.stages.landing import has_landed, land
from daemon.stages.looks import look_of, wanted_of
from daemon.stages.probe import Source, source_of, words_of
from daemon.stages.relight import LightTask, light_marks, light_task
from daemon.stages.signing import origin_of
from daemon.stages.spans import identity_of, lacking
from daemon.states import ClipEvent, ClipState, JobEvent
from daemon.store import Clip, Job, trouble_of
from daemon.turnover.naming import unique
from engines.colour.look import Look
from engines.errors import EngineError
from engines.media.departure import Fidelity
from engines.media.essence import Essence, FieldOrder
from engines.media.proxy import ProxySpec

LANE = "render"
PRIORITY = {Twin.PLAIN: 20, Twin.ENHANCED: 40}
JOINS = PRIORITY[Twin.ENHANCED] - 1
"""The priority of a render that joins parts: before another clip's parts, since it delivers a clip and frees room."""
_VERSION = "1"
"""Raise it when the same recipe makes another picture, so that clips are made again."""


@dataclass(frozen=True, slots=True)
class Restore:
    """How the enhanced twin is restored: blend 0-1, model by name, engine by name."""

    strength: float
    model: str
    engine: str


@dataclass(frozen=True, slots=True)
class Joint:
    """The parts that a clip was enhanced in, by their names in a folder, in order; see `part.py`.

    `version` says which model of its size made them, as people count them.
    """

    parts: tuple[str, ...]
    version: int
    folder: str


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One twin to make: a proxy for each preset, of one decode and one enhancement.

    `revision` stands for this rendering and `tape` for what reels are unique in: MXF's identities are made of them.
    `restore` is None for the plain twin, `look` where the picture stays as recorded, and so is then `show`, the show's
    own look that the contact sheet compares it with. `share` is how much of the enhancement is left, where an earlier
    try went too far from the source. `guide` is the guide mix, where a preset holds it. `origin` is None where what is
    made is not signed.

    Which weights restore it is read from the folder `models` as the child starts: those that are active then. Where
    there is a `joint`, its parts are restored already.
    """

    source: Source
    essence: Essence
    working: ProxySpec
    proxies: tuple[ProxySpec, ...]
    twin: Twin
    want: str
    revision: str
    tape: str
    restore: Restore | None
    look: Look | None
    show: Look | None
    staging: str
    staged: str
    models: str
    luts: str
    engine: EngineChoice = field(default_factory=EngineChoice)
    assists: Assists | None = None
    light: LightTask | None = None
    share: float = 1.0
    guide: Guide | None = None
    origin: Origin | None = None
    joint: Joint | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a child made: the files of each proxy.

    `model` and `engine` say what enhanced it, `noise` and `fidelity` what it measured, `light` what became of
    the light, `notes` what an editor must know, `decoder` and `encoders`, one a proxy, what ran.
    """

    files: tuple[tuple[Written, ...], ...]
    model: str
    engine: str
    noise: dict[str, float]
    has_still: bool
    seconds: float
    notes: tuple[str, ...] = ()
    light: dict[str, float] = field(default_factory=dict)
    fidelity: Fidelity | None = None
    decoder: str = ""
    encoders: tuple[str, ...] = ()


class Render:
    """The plan side."""

    name = "render"
    is_vital = True
    is_told = False

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the plain proxy of a probed clip, then its enhanced twin; one that cannot be made is held."""
        from daemon.stages.part import Part

        under_way = production.store.under_way(self.name) | production.store.under_way(Part.name)
        for clip in production.store.clips(states=[ClipState.PROBED, ClipState.PROXIED]):
            if clip.id in under_way or clip.id in production.waiting:
                continue
            try:
                self._plan_clip(production, clip, now)
            except EngineError as error:  # no proxy can be specified, say for a raster too small for the codec
                production.store.happen(clip.id, ClipEvent.HOLD, now.iso, trouble_of(error))

    def _plan_clip(self, production: Production, clip: Clip, now: Moment) -> None:
        if clip.state is ClipState.PROBED:
            self._want(production, clip, Twin.PLAIN, ClipEvent.PLAIN_PUBLISHED, now)
        elif why_not_enhanced(production, clip):
            production.store.happen(clip.id, ClipEvent.ENHANCED_PUBLISHED, now.iso)
        else:
            self._want(production, clip, Twin.ENHANCED, ClipEvent.ENHANCED_PUBLISHED, now)

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Put the finished proxy in place."""
        task = wire.load(RenderTask, job.task)
        made = wire.load(Rendered, result)
        store = production.store
        if has_landed(production, job, task.twin):
            return
        if made.fidelity and _goes_too_far(production, store.clip(job.clip), made.fidelity):
            store.finish(job.id, JobEvent.SUCCEEDED)  # what was made is not wanted; the next plan knows what is
            return
        revision = store.next_revision(job.clip, task.twin)
        clip = store.clip(job.clip)
        name = delivered_name(production, clip)
        done = renditions(
            task.essence,
            task.proxies,
            made.files,
            twin=task.twin,
            name=name,
            revision=revision,
            identity=(task.revision, task.tape),
            encoders=made.encoders,
        )
        first = done[0].files[0]
        facts = Published(
            twin=task.twin,
            revision=revision,
            path=first.path,
            xxh128=first.xxh128,
            size_bytes=first.size_bytes,
            width=done[0].width,
            height=done[0].height,
            codec=done[0].codec,
            model=made.model,
            engine=made.engine,
            decoder=made.decoder,
            recipe=clip.want,
            published_at=now.iso,
            noise=made.noise,
            marks=(
                *marks_of(production, clip, task.twin),
                *(light_marks(production, clip, made.light) if task.twin is Twin.ENHANCED else ()),
                *made.notes,
            ),
            light=made.light,
            fidelity=made.fidelity,
            signed=first.signed,
            look=look_of(production, clip, words_of(production, clip)) if task.look else None,
            renditions=done,
        )
        still = f"{task.staged}.jpg" if made.has_still else ""
        land(production, store.proxy(store.intend(clip.id, job.key, task.staged, facts, still)), now)

    def _want(self, production: Production, clip: Clip, twin: Twin, event: ClipEvent, now: Moment) -> None:
        """Fire the event if the current proxy is what the recipe wants, else queue it, or first the parts of it."""
        from daemon.stages.part import cut_of, gathered

        store = production.store
        assert clip.essence is not None
        words = words_of(production, clip)
        want = want_of(production, clip, words, twin)
        landed = store.proxies(clip.id, twin)
        if landed and landed[-1].want == want:
            fidelity = landed[-1].facts.fidelity
            if not fidelity or not _goes_too_far(production, clip, fidelity):
                store.happen(clip.id, event, now.iso)
            return
        if clip.want != (wanted := wanted_of(production, clip, words)):
            store.set_clip(clip.id, want=wanted)
        task = _task(production, clip, clip.essence, words, twin, want)
        if twin is Twin.ENHANCED and (cut := cut_of(production, clip)):
            joint = gathered(production, cut, backfill=bool(landed))
            if joint is None:
                return
            task = replace(task, joint=joint)
        store.add_job(
            key=want,
            clip=clip.id,
            stage=self.name,
            lane=LANE,
            priority=JOINS if task.joint else PRIORITY[twin],
            task=wire.dump(RenderTask, task),
            backfill=bool(landed),
        )


def joins(job: Job) -> bool:
    """Return whether a job joins parts that were enhanced before."""
    return job.stage == Render.name and wire.load(RenderTask, job.task).joint is not None


def why_not_enhanced(production: Production, clip: Clip) -> str:
    """Return why a clip gets no enhanced twin, empty if it gets one."""
    assert clip.essence is not None
    held = restraint_of(production, clip)
    return plain_alone(production.config, clip.essence, words_of(production, clip)) or (
        held.note if held and not held.share else ""
    )


def plain_alone(config: Config, essence: Essence, words: Words) -> str:
    """Return why what was measured so gets a plain proxy alone, empty if it gets an enhanced twin, too."""
    if not config.enhance.restore.enabled:
        return "enhancement is switched off"
    if essence.field_order is not FieldOrder.PROGRESSIVE and not words.source.deinterlace:
        return "not enhanced: interlaced, and the recipe does not deinterlace"
    return ""


def want_of(production: Production, clip: Clip, words: Words, twin: Twin) -> str:
    """Return the idempotency key of a proxy: source bytes and what they are taken for, recipe, look, model by name."""
    key = _unrestrained(production, clip, words, twin)
    held = restraint_of(production, clip) if twin is Twin.ENHANCED else None
    return key_of(key, f"{held.share:g}") if held else key


def restraint_of(production: Production, clip: Clip) -> Restraint | None:
    """Return how a clip's enhancement is held back; None where it is not, or was under other words."""
    held = production.store.restraint(clip.id)
    return held if held and held.base == _base_of(production, clip, words_of(production, clip)) else None


def _base_of(production: Production, clip: Clip, words: Words) -> str:
    return key_of(_unrestrained(production, clip, words, Twin.ENHANCED), wire.dump(LimitsWords, words.limits))


def _goes_too_far(production: Production, clip: Clip, fidelity: Fidelity) -> bool:
    """Return whether an enhanced picture went further from its source than the recipe allows; then hold it back."""
    words, before = words_of(production, clip), restraint_of(production, clip)
    base = _base_of(production, clip, words)
    held = restrained(base, fidelity, words.limits, before.share if before else 1.0)
    if held is None:
        return False
    production.store.restrain(clip.id, held)
    get().warning("clip.held_back", clip=clip.name, share=held.share, over=held.over)
    return True


def _unrestrained(production: Production, clip: Clip, words: Words, twin: Twin) -> str:
    """Return the key of a proxy as it is where nothing holds its enhancement back."""
    assert clip.essence is not None
    restore = restore_of(production, words) if twin is Twin.ENHANCED else None
    look = _look(production, clip, words)
    done = assists(words, clip.essence, production.recipes.folder) if twin is Twin.ENHANCED else None
    return key_of(
        "render",
        _VERSION,
        str(clip.id),
        identity_of(production, clip),
        wire.dump(Essence, clip.essence),
        twin,
        *(wire.dump(ProxySpec, spec) for spec in specs_of(production, clip, words).proxies),
        wire.dump(Restore, restore) if restore else "",
        wire.dump(Look, look) if look else "",
        *((wire.dump(LightTask, light),) if (light := _light(production, clip, words, twin)) else ()),
        *([wire.dump(Assists, done)] if done else []),
        *([guide.xxh128] if (guide := guide_of(production, clip, words)) else []),
    )


def _light(production: Production, clip: Clip, words: Words, twin: Twin) -> LightTask | None:
    """Return what becomes of a twin's light; the plain one's stays."""
    return light_task(production, clip, words) if twin is Twin.ENHANCED else None


def delivered_name(production: Production, clip: Clip) -> str:
    """Return the clip's file name in the delivery, sanitised and unique in its roll."""
    names = [other.name for other in production.store.clips(card=clip.card)]
    return unique(names)[names.index(clip.name)]


def marks_of(production: Production, clip: Clip, twin: Twin) -> tuple[str, ...]:
    """Return what an editor must know of a clip's proxy."""
    marks = []
    if clip.custody == "unverified":
        marks.append("unverified")
    if clip.stand_in:
        marks.append(f"stand-in for {clip.found.raw_format or 'the camera original'}: {clip.stand_in}")
    if lacks := lacking(production, clip):
        marks.append(f"in part: {lacks}")
    rolls = dict.fromkeys(production.store.card(part.card).roll for part in production.store.parts(clip.id))
    if len(rolls) > 1:
        marks.append(f"spans rolls {', '.join(rolls)}")
    words = words_of(production, clip)
    marks += specs_of(production, clip, words).notes
    if reason := why_not_enhanced(production, clip):
        marks.append(reason)
    elif twin is Twin.ENHANCED and (held := restraint_of(production, clip)):
        marks.append(held.note)
    look = look_of(production, clip, words)
    return (*marks, *(look.flags if look else ()))


def specs_of(production: Production, clip: Clip, words: Words) -> Specs:
    """Return what a probed clip's proxies are.

    Raises:
        EngineError: none can be made of it.
    """
    assert clip.essence is not None
    about, card = production.config.production, production.store.card(clip.card)
    said = {"roll": card.roll, "day": card.shoot_day, "production": about.code, "title": about.title}
    guide = track_of(clip.essence) if guide_of(production, clip, words) else None
    return specs_for(clip.essence, words, clip.name, clip.reel, said, guide)


def _look(production: Production, clip: Clip, words: Words) -> Look | None:
    """Return the look that is put on a clip's proxies; None where it would change nothing.

    Raises:
        UnknownSpace: in which space it was recorded is not known.
    """
    found = look_of(production, clip, words)
    return found.look if found and not found.look.changes_nothing else None


def restore_of(production: Production, words: Words) -> Restore:
    """Return how words have an enhanced twin restored."""
    return Restore(words.restore.strength, production.config.enhance.restore.model, production.config.engine)


def _task(production: Production, clip: Clip, essence: Essence, words: Words, twin: Twin, want: str) -> RenderTask:
    specs = specs_of(production, clip, words)
    return RenderTask(
        source=source_of(production, clip),
        essence=essence,
        working=specs.working,
        proxies=specs.proxies,
        twin=twin,
        want=want,
        revision=f"{want} {production.store.next_revision(clip.id, twin)}",
        tape=production.config.production.code,
        restore=restore_of(production, words) if twin is Twin.ENHANCED else None,
        look=(look := _look(production, clip, words)),
        show=production.looks.show(look.space) if look else None,
        staging=str(production.staging),
        staged=f"{want[:32]}.proxy",
        models=str(production.config.models),
        luts=str(production.config.luts),
        engine=choice_of(production.config),
        assists=assists(words, essence, production.recipes.folder) if twin is Twin.ENHANCED else None,
        light=_light(production, clip, words, twin),
        share=held.share if twin is Twin.ENHANCED and (held := restraint_of(production, clip)) else 1.0,
        guide=guide_of(production, clip, words),
        origin=origin_of(production, clip, wanted_of(production, clip, words)),
    )
