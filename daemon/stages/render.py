"""Render: the plain proxy first, then its enhanced twin, both under one look; each checked against the relink contract.

Decides from the recipe what each probed clip should have, queues what is not there yet, publishes what a child made.
The work side is `rendering.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon import wire
from daemon.config import Config
from daemon.engine import EngineChoice, choice_of
from daemon.presets import Specs, Written, renditions, specs_for
from daemon.production import Moment, Production, key_of
from daemon.recipe import Words
from daemon.slate import Published, Twin
from daemon.stages.landing import has_landed, land
from daemon.stages.looks import look_of, wanted_of
from daemon.stages.probe import Source, source_of, words_of
from daemon.states import ClipEvent, ClipState
from daemon.store import Clip, Job, trouble_of
from daemon.turnover.naming import unique
from engines.colour.look import Look
from engines.errors import EngineError
from engines.media.essence import Essence, FieldOrder
from engines.media.proxy import ProxySpec

if TYPE_CHECKING:
    pass

LANE = "render"
PRIORITY = {Twin.PLAIN: 20, Twin.ENHANCED: 40}
_VERSION = "1"
"""Raise it when the same recipe makes another picture, so that clips are made again."""


@dataclass(frozen=True, slots=True)
class Restore:
    """How the enhanced twin is restored: blend 0-1, model by name, engine by name."""

    strength: float
    model: str
    engine: str


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One twin to make: a proxy for each preset, of one decode and one enhancement.

    `revision` stands for this rendering and `tape` for what reels are unique in: MXF's identities are made of them.
    `restore` is None for the plain twin, `look` where the picture stays as recorded, and so is then `show`, the show's
    own look that the contact sheet compares it with.

    Which weights restore it is read from the folder `models` as the child starts: those that are active then.
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


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a child made: the files of each proxy.

    `model` and `engine` say what enhanced it, `noise` what it measured.
    """

    files: tuple[tuple[Written, ...], ...]
    model: str
    engine: str
    noise: dict[str, float]
    has_still: bool
    seconds: float


class Render:
    """The plan side."""

    name = "render"
    is_vital = True

    def plan(self, production: Production, now: Moment) -> None:
        """Queue the plain proxy of a probed clip, then its enhanced twin; one that cannot be made is held."""
        under_way = production.store.under_way(self.name)
        for clip in production.store.clips(states=[ClipState.PROBED, ClipState.PROXIED]):
            if clip.id in under_way:
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
        if has_landed(production, job, task.twin):
            return
        store = production.store
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
            recipe=clip.want,
            published_at=now.iso,
            noise=made.noise,
            marks=marks_of(production, clip),
            look=look_of(production, clip, words_of(production, clip)) if task.look else None,
            renditions=done,
        )
        still = f"{task.staged}.jpg" if made.has_still else ""
        land(production, store.proxy(store.intend(clip.id, job.key, task.staged, facts, still)), now)

    def _want(self, production: Production, clip: Clip, twin: Twin, event: ClipEvent, now: Moment) -> None:
        """Fire the event if the current proxy is what the recipe wants, else queue it."""
        store = production.store
        assert clip.essence is not None
        words = words_of(production, clip)
        want = want_of(production, clip, words, twin)
        landed = store.proxies(clip.id, twin)
        if landed and landed[-1].want == want:
            store.happen(clip.id, event, now.iso)
            return
        if clip.want != (wanted := wanted_of(production, clip, words)):
            store.set_clip(clip.id, want=wanted)
        task = _task(production, clip, clip.essence, words, twin, want)
        store.add_job(
            key=want,
            clip=clip.id,
            stage=self.name,
            lane=LANE,
            priority=PRIORITY[twin],
            task=wire.dump(RenderTask, task),
        )


def why_not_enhanced(production: Production, clip: Clip) -> str:
    """Return why a clip gets no enhanced twin, empty if it gets one."""
    assert clip.essence is not None
    return plain_alone(production.config, clip.essence, words_of(production, clip))


def plain_alone(config: Config, essence: Essence, words: Words) -> str:
    """Return why what was measured so gets a plain proxy alone, empty if it gets an enhanced twin, too."""
    if not config.enhance.restore.enabled:
        return "enhancement is switched off"
    if essence.field_order is not FieldOrder.PROGRESSIVE and not words.source.deinterlace:
        return "not enhanced: interlaced, and the recipe does not deinterlace"
    return ""


def want_of(production: Production, clip: Clip, words: Words, twin: Twin) -> str:
    """Return the idempotency key of a proxy: source bytes and what they are taken for, recipe, look, model by name."""
    assert clip.essence is not None
    restore = _restore(production, words) if twin is Twin.ENHANCED else None
    look = _look(production, clip, words)
    return key_of(
        "render",
        _VERSION,
        str(clip.id),
        clip.identity,
        wire.dump(Essence, clip.essence),
        twin,
        *(wire.dump(ProxySpec, spec) for spec in _specs(production, clip, words).proxies),
        wire.dump(Restore, restore) if restore else "",
        wire.dump(Look, look) if look else "",
    )


def delivered_name(production: Production, clip: Clip) -> str:
    """Return the clip's file name in the delivery, sanitised and unique in its roll."""
    names = [other.name for other in production.store.clips(card=clip.card)]
    return unique(names)[names.index(clip.name)]


def marks_of(production: Production, clip: Clip) -> tuple[str, ...]:
    """Return what an editor must know of a clip's proxies."""
    marks = []
    if clip.custody == "unverified":
        marks.append("unverified")
    if clip.stand_in:
        marks.append(f"stand-in for {clip.found.raw_format or 'the camera original'}: {clip.stand_in}")
    words = words_of(production, clip)
    marks += _specs(production, clip, words).notes
    if reason := why_not_enhanced(production, clip):
        marks.append(reason)
    look = look_of(production, clip, words)
    return (*marks, *(look.flags if look else ()))


def _specs(production: Production, clip: Clip, words: Words) -> Specs:
    """Return what a probed clip's proxies are.

    Raises:
        EngineError: none can be made of it.
    """
    assert clip.essence is not None
    about, card = production.config.production, production.store.card(clip.card)
    said = {"roll": card.roll, "day": card.shoot_day, "production": about.code, "title": about.title}
    return specs_for(clip.essence, words, clip.name, clip.reel, said)


def _look(production: Production, clip: Clip, words: Words) -> Look | None:
    """Return the look that is put on a clip's proxies; None where it would change nothing.

    Raises:
        UnknownSpace: in which space it was recorded is not known.
    """
    found = look_of(production, clip, words)
    return found.look if found and not found.look.changes_nothing else None


def _restore(production: Production, words: Words) -> Restore:
    return Restore(words.restore.strength, production.config.enhance.restore.model, production.config.engine)


def _task(production: Production, clip: Clip, essence: Essence, words: Words, twin: Twin, want: str) -> RenderTask:
    specs = _specs(production, clip, words)
    return RenderTask(
        source=source_of(production, clip),
        essence=essence,
        working=specs.working,
        proxies=specs.proxies,
        twin=twin,
        want=want,
        revision=f"{want} {production.store.next_revision(clip.id, twin)}",
        tape=production.config.production.code,
        restore=_restore(production, words) if twin is Twin.ENHANCED else None,
        look=(look := _look(production, clip, words)),
        show=production.looks.show(look.space) if look else None,
        staging=str(production.staging),
        staged=f"{want[:32]}.proxy",
        models=str(production.config.models),
        luts=str(production.config.luts),
        engine=choice_of(production.config),
    )
