"""Render: the plain proxy first, then its enhanced twin, both under one look; each checked against the relink contract.

Plan side: decide from the recipe what each probed clip should have, queue what is not there yet, publish
what a child finished. Work side: decode, conform, enhance, put the look on, encode, check, hash.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.config import Config
from daemon.engine import EngineChoice, backend_of, choice_of
from daemon.hashing import hash_file
from daemon.production import Moment, Production, key_of
from daemon.publish import delivering, disk_full, fsync_file
from daemon.publish import replace as replace_whole
from daemon.recipe import Words
from daemon.slate import TWIN_FOLDER, Published, Twin
from daemon.stages.landing import SHEET, has_landed, land
from daemon.stages.looks import look_of, spec_of, wanted_of
from daemon.stages.probe import Source, opened, source_of, words_of
from daemon.states import ClipEvent, ClipState
from daemon.store import Clip, Job, trouble_of
from daemon.turnover.naming import revision_name, unique
from daemon.worker import Progress
from engines.colour.look import Look
from engines.errors import EngineError
from engines.media.essence import Essence, FieldOrder
from engines.media.proxy import ProxySpec, instead_of

if TYPE_CHECKING:
    from engines.enhance import Enhance
    from engines.media.frames import Picture
    from engines.media.source import MediaFiles

LANE = "render"
PRIORITY = {Twin.PLAIN: 20, Twin.ENHANCED: 40}
_NOISE_PICTURES = 8
"""Pictures from the head of a clip that its noise is measured on."""
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
    """One proxy to make.

    `restore` is None for the plain twin, `look` where the picture stays as recorded, and so is then `show`, the show's
    own look that the contact sheet compares it with.

    Which weights restore it is read from the folder `models` as the child starts: those that are active then.
    """

    source: Source
    essence: Essence
    spec: ProxySpec
    twin: Twin
    want: str
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
    """What a child made; `model` and `engine` say what enhanced it, `noise` what it measured."""

    xxh128: str
    size_bytes: int
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
        facts = Published(
            twin=task.twin,
            revision=revision,
            path=f"{TWIN_FOLDER[task.twin]}/{revision_name(delivered_name(production, clip), revision)}",
            xxh128=made.xxh128,
            size_bytes=made.size_bytes,
            width=task.spec.width,
            height=task.spec.height,
            codec=task.spec.codec,
            model=made.model,
            engine=made.engine,
            recipe=clip.want,
            published_at=now.iso,
            noise=made.noise,
            marks=marks_of(production, clip),
            look=look_of(production, clip, words_of(production, clip)) if task.look else None,
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
    spec = spec_of(clip, words)
    look = _look(production, clip, words)
    return key_of(
        "render",
        _VERSION,
        str(clip.id),
        clip.identity,
        wire.dump(Essence, clip.essence),
        twin,
        wire.dump(ProxySpec, spec),
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
    if reason := instead_of(words.proxy.codec, spec_of(clip, words)):
        marks.append(reason)
    if reason := why_not_enhanced(production, clip):
        marks.append(reason)
    look = look_of(production, clip, words)
    return (*marks, *(look.flags if look else ()))


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
    return RenderTask(
        source=source_of(production, clip),
        essence=essence,
        spec=spec_of(clip, words),
        twin=twin,
        want=want,
        restore=_restore(production, words) if twin is Twin.ENHANCED else None,
        look=(look := _look(production, clip, words)),
        show=production.looks.show(look.space) if look else None,
        staging=str(production.staging),
        staged=f"{want[:32]}.mov",
        models=str(production.config.models),
        luts=str(production.config.luts),
        engine=choice_of(production.config),
    )


def work(task_text: str, progress: Progress) -> str:
    """Return what was made as JSON; the work side.

    Raises:
        MediaError: the source breaks, the encoder refuses, or the proxy breaks the relink contract.
        SourceChanged: a camera file is not what was hashed. DiskFull: the delivery volume has no room.
    """
    from engines.media.faults import is_full

    task = wire.load(RenderTask, task_text)
    staged = Path(task.staging) / task.staged
    began = time.monotonic()
    with delivering(staged):
        staged.parent.mkdir(parents=True, exist_ok=True)
    try:
        with opened(task.source.place, task.source.files) as files:
            made = _made(task, files, staged, progress)
    except BaseException as error:
        staged.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(staged) from error
        raise
    return wire.dump(Rendered, replace(made, seconds=round(time.monotonic() - began, 3)))


def _made(task: RenderTask, files: MediaFiles, staged: Path, progress: Progress) -> Rendered:
    """Render, check against the contract, flush and hash."""
    from engines.media.contract import check
    from engines.media.decode import decoder_for
    from engines.media.source import MediaFile
    from engines.render import render, still_number

    enhance, model, engine, noise = _enhancement(task, files)
    staged.unlink(missing_ok=True)
    decoder = decoder_for(files, task.essence)
    grade = _grade(task)
    before: list[Picture] = []
    watched = _watched(grade, still_number(task.essence), before) if grade and task.twin is Twin.PLAIN else grade
    rendered = render(decoder, task.essence, task.spec, staged, enhance=enhance, grade=watched, progress=progress)
    if before:
        _write_sheet(task, before[0], staged)
    alive = partial(progress, rendered.frames, rendered.frames)
    still = staged.with_name(f"{staged.name}.jpg")
    still.write_bytes(rendered.still)
    fsync_file(still)
    fsync_file(staged)
    with staged.open("rb", buffering=0) as written:
        here = MediaFile(staged.name, written.fileno())
        check(here, task.essence, task.spec, rendered.sound_digests, lambda *_: alive())
        hashes = hash_file(written, (), progress=lambda _: alive())
        size = staged.stat().st_size
    return Rendered(hashes["xxh128"], size, model, engine, noise, bool(rendered.still), 0.0)


def _watched(grade: Callable[[Picture], Picture], number: int, before: list[Picture]) -> Callable[[Picture], Picture]:
    """Return the grade, keeping the picture of a number as it was before it."""

    def graded(picture: Picture) -> Picture:
        if picture.number == number:
            before.append(picture)
        return grade(picture)

    return graded


def _write_sheet(task: RenderTask, picture: Picture, staged: Path) -> None:
    """Write the contact sheet of the clip's look beside the staged proxy."""
    from engines.colour.sheet import sheet

    assert task.look
    assert task.show
    essence, path = task.essence, staged.with_name(f"{staged.name}{SHEET}")
    made = sheet(picture, task.show, task.look, Path(task.luts), matrix=essence.matrix, code_range=essence.code_range)
    path.write_bytes(made)
    fsync_file(path)


def _grade(task: RenderTask) -> Callable[[Picture], Picture] | None:
    """Return what puts the look on; None where the picture stays as recorded."""
    if task.look is None:
        return None
    from engines.colour.grade import Grade

    _write_handed(task.look, Path(task.luts))
    return Grade(task.look, Path(task.luts), matrix=task.essence.matrix, code_range=task.essence.code_range)


def _write_handed(look: Look, luts: Path) -> None:
    """Write what is handed over of a look beside its grade, unless it is there: each name tells its content."""
    from engines.colour.exchange import clfs
    from engines.colour.transform import output_cube

    luts.mkdir(parents=True, exist_ok=True, mode=0o700)
    if look.output and not (luts / look.output).exists():
        replace_whole(output_cube(look).encode(), luts / look.output, luts)
    if all((luts / name).exists() for name in (look.to_aces, look.from_aces) if name):
        return
    for name, text in clfs(look, luts).items():
        replace_whole(text.encode(), luts / name, luts)


def _enhancement(task: RenderTask, files: MediaFiles) -> tuple[Enhance | None, str, str, dict[str, float]]:
    """Return what enhances the twin, and the names of model, engine and measured noise for the record."""
    if task.restore is None:
        return None, "", "", {}
    from daemon.models import active_weights, own_weights  # the registry plans with the stages after this one
    from engines.enhance.restore import Restore as RestoreEngine
    from engines.media.decode import decoder_for
    from engines.model.noise import estimate
    from engines.model.weights import base_weights
    from engines.render import first_pictures

    backend = backend_of(replace(task.engine, name=task.restore.engine))
    own = active_weights(Path(task.models), task.restore.model)
    weights = own_weights(own, task.restore.model) if own else base_weights(task.restore.model)
    noise = estimate(first_pictures(decoder_for(files, task.essence), task.essence, task.spec, _NOISE_PICTURES))
    _check_measured(asdict(noise), files[0].name)
    enhance = RestoreEngine(
        backend, weights, task.spec.height, task.spec.width, strength=task.restore.strength, noise=noise
    )
    return enhance, enhance.weights.name, backend.describe(), asdict(noise)


def _check_measured(noise: dict[str, float], name: str) -> None:
    """Raise EngineError unless all of a measured noise is a number: JSON has no other, nor has the record."""
    if endless := [f"{word} is {value}" for word, value in noise.items() if not math.isfinite(value)]:
        raise EngineError(
            f"the noise of {name} could not be measured",
            why=", ".join(endless),
            fix="report this clip: it is a fault of nearset; its plain proxy is delivered",
        )
