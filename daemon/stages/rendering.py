"""Rendering: the work side of `render.py`: decode, conform, enhance, put the look on, encode, sign, check, hash."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.engine import EngineChoice, backend_of, hardware_of
from daemon.guides import opened as opened_guide
from daemon.hashing import hash_file
from daemon.presets import Written
from daemon.publish import delivering, disk_full, fsync_file, make_folders
from daemon.publish import replace as replace_whole
from daemon.rows import staged_name
from daemon.slate import Twin
from daemon.stages.landing import LAYERS, SHEET
from daemon.stages.probe import opened
from daemon.stages.relight import Lighting, joined, lighting, write_before
from daemon.stages.render import Joint, Rendered, RenderTask, Restore
from daemon.stages.signing import Said, sign_proxy
from daemon.worker import Progress
from engines.colour.look import Look, as_shown
from engines.errors import EngineError
from engines.media.departure import Fidelity
from engines.media.layout import file_count

if TYPE_CHECKING:
    from daemon.enhancing import Steps
    from engines.enhance import Enhance
    from engines.enhance.restore import Restore as RestoreEngine
    from engines.media.decode import Decoder
    from engines.media.encode import Output
    from engines.media.essence import Essence
    from engines.media.frames import Picture
    from engines.media.proxy import ProxySpec
    from engines.media.source import MediaFiles
    from engines.model.noise import NoiseProfile

NVENC = "NVENC"
_NOISE_PICTURES = 8
"""Pictures from the head of a clip that its noise is measured on."""


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
        make_folders(staged.parent)
    try:
        with opened(task.source.place, task.source.files) as files:
            made = _made(task, files, staged, progress)
    except BaseException as error:
        for left in staged.parent.glob(f"{staged.name}*"):
            left.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(staged) from error
        raise
    return wire.dump(Rendered, replace(made, seconds=round(time.monotonic() - began, 3)))


def _made(task: RenderTask, files: MediaFiles, staged: Path, progress: Progress) -> Rendered:
    """Render, check against the contract, flush and hash."""
    from daemon.enhancing import steps_of
    from engines.enhance.fidelity import Measured
    from engines.model.noise import NoiseProfile
    from engines.render import render, still_number

    enhance, model, engine, noise, mark = _enhancement(task, files)
    measuring = Measured(enhance, task.share, NoiseProfile(**noise)) if enhance else None
    light = _lighting(task, files, measuring, partial(progress, 0, task.essence.frames)) if measuring else None
    if light:
        model, engine = joined(model, light.model), joined(engine, light.engine)
    outputs, encoders = _outputs(task, staged, mark)
    grade, shown = _grade(task), as_shown(task.essence, task.look)
    before: list[Picture] = []
    watched = _watched(grade, still_number(task.essence), before) if grade and task.twin is Twin.PLAIN else grade
    steps = steps_of(task.assists, task.working, task.essence, files, progress)
    with _decoder(task, files) as decoder:
        rendered = render(
            decoder,
            task.essence,
            task.working,
            outputs,
            enhance=light.enhance if light else measuring,
            before=steps.before,
            after=steps.after,
            grade=watched,
            shown=shown,
            progress=progress,
        )
        ran = decoder.describe()
    if before:
        _write_sheet(task, before[0], staged)
    if light:
        write_before(light, grade, shown.matrix, staged)
    steps.write_layers(staged, LAYERS, grade, shown.matrix)
    still = staged.with_name(f"{staged.name}.jpg")
    still.write_bytes(rendered.still)
    fsync_file(still)
    alive = partial(progress, rendered.frames, rendered.frames)
    fidelity = measuring.fidelity() if measuring else None
    done = _said(task, model, engine, fidelity, _done(steps, light, fidelity))
    checked = [
        _checked(task, output, digests, done, alive)
        for output, digests in zip(outputs, rendered.sound_digests, strict=True)
    ]
    return Rendered(
        tuple(checked),
        model,
        engine,
        noise,
        bool(rendered.still),
        0.0,
        steps.notes,
        light.figures() if light else {},
        fidelity,
        ran,
        encoders,
    )


@contextmanager
def _decoder(task: RenderTask, files: MediaFiles) -> Iterator[Decoder]:
    """Return what gives the clip's picture and sound, and the guide mix where a proxy holds it."""
    from engines.media.decode import decoder_for
    from engines.sound.beside import Beside

    decoder = decoder_for(files, task.essence, hardware_of(task.engine) if task.engine.decode else None)
    if task.guide is None:
        yield decoder
        return
    with opened_guide(task.guide) as wave:
        yield Beside(decoder, wave, task.essence)


def _done(steps: Steps, light: Lighting | None, fidelity: Fidelity | None) -> tuple[str, ...]:
    """Return the steps that were taken, in their order."""
    restored = ["restore"] if fidelity and fidelity.changed else []
    flicker = ["flicker"] if light and light.flicker else []
    relit = ["relight"] if light and not light.relight.is_off else []
    return (*(x.name for x in steps.before), *flicker, *restored, *relit, *(x.name for x in steps.after))


def _said(task: RenderTask, model: str, engine: str, fidelity: Fidelity | None, done: tuple[str, ...]) -> Said:
    """Return what the signatures of a twin's files say was done."""
    strength = task.restore.strength * task.share if task.restore else 0.0
    changed = fidelity.changed if fidelity else 0
    steps = tuple(task.look.steps) if task.look else ()
    return Said(task.proxies[0].clip_name, task.twin, steps, model, engine, strength, changed, done)


def _outputs(task: RenderTask, staged: Path, mark: str) -> tuple[list[Output], tuple[str, ...]]:
    """Return the proxies to write, their files numbered on in the staging folder and of no try before; and by what."""
    from engines.media.encode import Output
    from engines.media.picture import CODECS

    hardware = hardware_of(task.engine) if task.engine.encode else None
    outputs: list[Output] = []
    encoders: list[str] = []
    count = 0
    for spec in task.proxies:
        coding, why = hardware.coding(task.essence, spec) if hardware else (None, "")
        encoders.append((coding or CODECS[spec.codec]).encoder + (f" instead of {NVENC}: {why}" if why else ""))
        names = [staged_name(staged.name, count + number) for number in range(file_count(task.essence, spec))]
        paths = tuple(staged.with_name(name) for name in names)
        for path in paths:
            path.unlink(missing_ok=True)
        outputs.append(Output(spec, paths, task.revision, task.tape, mark, coding))
        count += len(paths)
    return outputs, tuple(encoders)


def _checked(
    task: RenderTask, output: Output, sound_digests: tuple[str, ...], done: Said, alive: Callable[[], None]
) -> tuple[Written, ...]:
    """Return what the files of a proxy hold, signed, flushed and held to the contract; nothing changes them after."""
    from engines.media.contract import check
    from engines.media.source import MediaFile

    signed = [
        sign_proxy(path, output.spec.wrapper.suffix, task.origin, done, lambda *_: alive()) for path in output.paths
    ]
    for path in output.paths:
        fsync_file(path)
    with ExitStack() as stack:
        opened_files = [stack.enter_context(path.open("rb", buffering=0)) for path in output.paths]
        here = [MediaFile(path.name, file.fileno()) for path, file in zip(output.paths, opened_files, strict=True)]
        check(here, task.essence, output.spec, sound_digests, lambda *_: alive())
        hashed = [hash_file(file, (), progress=lambda _: alive())["xxh128"] for file in opened_files]
    made = zip(hashed, output.paths, signed, strict=True)
    return tuple(Written(xxh128, path.stat().st_size, signature) for xxh128, path, signature in made)


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


def _lighting(task: RenderTask, files: MediaFiles, restore: Enhance, alive: Callable[[], None]) -> Lighting | None:
    """Return what lights the twin around its restoration; None where its light stays."""
    if task.light is None or task.restore is None:
        return None
    spec, engine = task.working, task.restore.engine
    return lighting(task.light, restore, files, task.essence, spec, models=task.models, engine=engine, alive=alive)


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

    make_folders(luts, mode=0o700)
    if look.output and not (luts / look.output).exists():
        replace_whole(output_cube(look).encode(), luts / look.output, luts)
    if all((luts / name).exists() for name in (look.to_aces, look.from_aces) if name):
        return
    for name, text in clfs(look, luts).items():
        replace_whole(text.encode(), luts / name, luts)


def _enhancement(task: RenderTask, files: MediaFiles) -> tuple[Enhance | None, str, str, dict[str, float], str]:
    """Return what enhances the twin, model, engine and measured noise for the record, and the mark of review copies."""
    if task.restore is None:
        return None, "", "", {}, ""
    from daemon.models import active_version, active_weights  # the registry plans with the stages after this one

    models, size = Path(task.models), task.restore.model
    noise = noise_of(files, task.essence, task.working)
    if task.joint:
        enhance, model, engine = _parts_of(task.joint, task.essence.frames)
        return enhance, model, engine, asdict(noise), _mark(task.joint.version)
    restore, engine = restoration(task.restore, task.engine, active_weights(models, size), task.working, noise)
    weighs = task.essence.frames == 1 and task.restore.strength > 0
    ran = joined(restore.weights.name, _weighing() if weighs else "")
    return restore, ran, engine, asdict(noise), _mark(active_version(models, size))


def _weighing() -> str:
    """Return what weighs the estimates of a clip of one picture; see `engines/model/weighing.py`."""
    from engines.model.topology import WEIGHING
    from engines.model.weights import base_weights

    return base_weights(WEIGHING).name


def _mark(version: int) -> str:
    """Return what review copies say of an enhanced picture."""
    return f"ENHANCED - model v{version}"


def restoration(
    restore: Restore, engine: EngineChoice, own: Path | None, working: ProxySpec, noise: NoiseProfile
) -> tuple[RestoreEngine, str]:
    """Return what restores a clip's pictures, and the engine that runs it; `own` weights, None for base.

    Raises:
        BadWeights: they cannot be used. BackendUnavailable: the engine cannot run here.
    """
    from daemon.models import own_weights  # the registry plans with the stages after this one
    from engines.enhance.restore import Restore as RestoreEngine
    from engines.model.weights import base_weights

    backend = backend_of(replace(engine, name=restore.engine))
    weights = own_weights(own, restore.model) if own else base_weights(restore.model)
    made = RestoreEngine(backend, weights, working.height, working.width, strength=restore.strength, noise=noise)
    return made, backend.describe()


def noise_of(files: MediaFiles, essence: Essence, working: ProxySpec) -> NoiseProfile:
    """Return a clip's noise, as its first pictures show it.

    Raises:
        MediaError: the clip breaks. EngineError: the noise is no number.
    """
    from engines.media.decode import decoder_for
    from engines.model.still_noise import first_noise
    from engines.render import first_pictures

    noise = first_noise(first_pictures(decoder_for(files, essence), essence, working, _NOISE_PICTURES))
    _check_measured(asdict(noise), files[0].name)
    return noise


def _parts_of(joint: Joint, frames: int) -> tuple[Enhance, str, str]:
    """Return a clip's restoration as its parts hold it, and the model and engines that made them.

    Raises:
        BadPart: a part is gone, or they are not one clip's.
    """
    from daemon.stages.part import record_of
    from engines.enhance.parts import Joined, Made
    from engines.media.intermediate import bad_part

    folder = Path(joint.folder)
    parts: list[tuple[Path, Made]] = []
    models: list[str] = []
    engines: list[str] = []
    for name in joint.parts:
        told = record_of(folder / name)
        if told is None:
            raise bad_part(name, "it is gone, or its record is")
        parts.append((folder / name, Made(told.first, told.end, told.digest, told.head, told.tail)))
        models.append(told.model)
        engines.append(told.engine)
    if len(set(models)) > 1:
        raise bad_part(joint.parts[0], f"the parts are of several models: {joined(*models)}")
    return Joined(parts, frames), models[0], joined(*engines)


def _check_measured(noise: dict[str, float], name: str) -> None:
    """Raise EngineError unless all of a measured noise is a number: JSON has no other, nor has the record."""
    if endless := [f"{word} is {value}" for word, value in noise.items() if not math.isfinite(value)]:
        raise EngineError(
            f"the noise of {name} could not be measured",
            why=", ".join(endless),
            fix="report this clip: it is a fault of nearset; its plain proxy is delivered",
        )
