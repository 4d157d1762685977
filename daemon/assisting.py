"""Assisting: mattes, clean plates and slap comps made in the child, each from the clip's own files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame

from daemon.assists import Drawn
from daemon.enhancing import alive, shape_of
from daemon.hashing import hash_file
from daemon.mattes import hashed, written
from daemon.publish import delivering, disk_full, fsync_file, make_folders
from daemon.slate import DeliveredFile, Twin
from daemon.stages.assist import AssistTask, CompTold, Made, Taken
from daemon.stages.probe import opened
from daemon.stages.signing import Said, sign_proxy
from daemon.worker import Progress
from engines.colour.grade import Grade
from engines.colour.look import as_shown
from engines.enhance.camera import Move, between, grey, survey
from engines.enhance.comp import Comp, Looped, Placing
from engines.enhance.matte import Difference, Key, Limits, Matte, Puller, frame_of_matte
from engines.enhance.plate import PICTURES, Plate, Sight, numbers_of, plate_of
from engines.enhance.screen import KeyColour
from engines.enhance.shapes import Mask, mask_of
from engines.errors import BadPlate
from engines.media.conform import WORKING_FORMAT
from engines.media.contract import check
from engines.media.decode import decoder_for
from engines.media.encode import Output, ProxyWriter
from engines.media.essence import Essence
from engines.media.faults import is_full
from engines.media.frames import Picture
from engines.media.proxy import ProxySpec
from engines.media.source import MediaFile
from engines.media.still import jpeg_of, picture_of_rgb, rgb_of
from engines.media.ycbcr import chroma_weights
from engines.model.edge import edge_weights
from engines.render import pictures, render, still_number

Pictures = Callable[[], Iterator[Picture]]


@dataclass(slots=True)
class _Clip:
    """A clip opened for the child: its words, and its pictures from the start as often as they are asked for."""

    taken: Taken
    spec: ProxySpec
    pictures: Pictures
    files: list[MediaFile]


def made_of(task: AssistTask, progress: Progress) -> Made:
    """Make what a task asks for beside its staged name, hash it, and return what was made.

    Raises:
        NoScreen, BadMask, BadPlate: it cannot be made as asked. MediaError: a source breaks. DiskFull: no room.
    """
    staged = Path(task.staging) / task.staged
    with delivering(staged):
        make_folders(staged.parent)
    try:
        with ExitStack() as stack:
            clip = _opened(stack, task.clip, task.spec, progress)
            makers = {Twin.MATTE: _matte, Twin.PLATE: _plate, Twin.COMP: _comp}
            made = makers[task.twin](task, clip, stack, staged, progress)
        if task.is_sequence:
            return _sequence(task, made, staged, progress)
        fsync_file(staged)
        signed = sign_proxy(staged, staged.suffix, task.origin, _said(task, made), progress)
        with staged.open("rb", buffering=0) as written:
            hashes = hash_file(written, (), progress=lambda _: progress(1, 1))
        return replace(made, xxh128=hashes["xxh128"], size_bytes=staged.stat().st_size, signed=signed)
    except BaseException as error:
        if task.is_sequence:
            shutil.rmtree(staged, ignore_errors=True)
        else:
            staged.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(staged) from error
        raise


def _sequence(task: AssistTask, made: Made, staged: Path, progress: Progress) -> Made:
    """Sign and hash a sequence: the list of its stills is signed, for all of them."""
    names = [still.path for still in made.stills]
    listed = staged / names[-1]
    signed = sign_proxy(listed, listed.suffix, task.origin, _said(task, made), progress)
    stills = hashed(staged, names, signed, progress)
    return replace(made, xxh128=stills[0].xxh128, size_bytes=stills[0].size_bytes, stills=stills)


def _said(task: AssistTask, made: Made) -> Said:
    """Return what its signature says was done."""
    look = tuple(task.clip.look.steps) if task.clip.look else ()
    return Said(task.spec.clip_name, task.twin, look, made.model, "", 1.0, 0, (str(task.twin),))


def _opened(stack: ExitStack, taken: Taken, spec: ProxySpec, progress: Progress) -> _Clip:
    context: AbstractContextManager[list[MediaFile]] = opened(taken.source.place, taken.source.files)  # type: ignore[assignment] # a list, or stills
    files = stack.enter_context(context)
    essence = taken.essence

    def gone_through() -> Iterator[Picture]:
        return alive(pictures(decoder_for(files, essence), essence, spec), progress, essence.frames)

    return _Clip(taken, spec, gone_through, files)


def _matte(task: AssistTask, clip: _Clip, stack: ExitStack, staged: Path, progress: Progress) -> Made:
    assert task.matte
    puller = _puller(task, clip, stack, progress)
    model = "" if task.matte.key == "plate" or not task.matte.edges else edge_weights().name
    if task.is_sequence:
        return _stills(task, clip, puller, staged, progress, model)
    silent = replace(clip.taken.essence, audio=())
    writer = ProxyWriter(Output(task.spec, (staged,)), silent)
    shown = b""
    try:
        for picture in clip.pictures():
            matte = puller(picture)
            writer.write_picture(frame_of_matte(matte, _timed(picture, silent)))
            if picture.number == still_number(silent):
                shown = _shown(matte)
            progress(picture.number + 1, silent.frames)
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    with staged.open("rb", buffering=0) as written:
        check([MediaFile(staged.name, written.fileno())], silent, task.spec, (), lambda *_: progress(1, 1))
    _write_still(staged, shown)
    return _made(task, str(task.spec.codec), (puller.note,), has_still=bool(shown), model=model)


def _stills(task: AssistTask, clip: _Clip, puller: Puller, staged: Path, progress: Progress, model: str) -> Made:
    """Make the matte as a sequence of stills in the staged folder."""
    essence, shown = clip.taken.essence, [b""]

    def pulled() -> Iterator[Matte]:
        for picture in clip.pictures():
            matte = puller(picture)
            if picture.number == still_number(essence):
                shown[0] = _shown(matte)
            yield matte

    names = written(pulled(), staged, task.stem, essence, task.spec, progress)
    _write_still(staged, shown[0])
    stills = tuple(DeliveredFile(name, "", 0) for name in names)
    made = _made(
        task, "exr_half", (puller.note, "stills not multiplied by alpha"), has_still=bool(shown[0]), model=model
    )
    return replace(made, stills=stills)


def _plate(task: AssistTask, clip: _Clip, stack: ExitStack, staged: Path, progress: Progress) -> Made:
    plate, count = _plate_of(task, clip, stack, progress)
    progress(1, 1)
    matrix = clip.taken.essence.matrix
    rgb = np.clip(rgb_of(plate.picture, matrix), 0, 1)[..., ::-1]
    valid = plate.valid[..., None].astype(np.float32)
    codes = np.rint(np.concatenate((rgb, valid), -1) * 65535).astype(np.uint16)
    staged.write_bytes(cv2.imencode(".png", codes)[1].tobytes())
    _write_still(staged, jpeg_of(plate.picture, matrix))
    note = (
        f"clean plate of picture {plate.picture.number} from {count} pictures, {plate.share:.0%} valid; "
        "the rest was not seen without somebody before it"
    )
    return _made(task, "png", (note,), has_still=True)


def _comp(task: AssistTask, clip: _Clip, stack: ExitStack, staged: Path, progress: Progress) -> Made:
    assert task.comp
    essence, told = clip.taken.essence, task.comp
    puller = _puller(task, clip, stack, progress)
    scale = task.spec.width / essence.width
    placing = Placing((told.position[0] * scale, told.position[1] * scale), told.scale)
    move = survey(clip.pictures()) if told.tracks else None
    grade = _grade(task, clip.taken)
    shown = as_shown(essence, clip.taken.look)
    behind = _behind(task, told, shown.matrix, stack, progress)
    comp = Comp(puller, behind, grade=grade, placing=placing, move=move)
    made = render(
        decoder_for(clip.files, essence),
        essence,
        task.spec,
        [Output(task.spec, (staged,))],
        enhance=None,
        grade=comp,
        shown=shown,
        progress=progress,
    )
    with staged.open("rb", buffering=0) as written:
        here = [MediaFile(staged.name, written.fileno())]
        check(here, essence, task.spec, made.sound_digests[0], lambda *_: progress(1, 1))
    _write_still(staged, made.still)
    over = Path(told.still).name if told.still else "a clip"
    return _made(task, str(task.spec.codec), (f"slap comp over {over}", puller.note), has_still=bool(made.still))


def _made(task: AssistTask, codec: str, notes: tuple[str, ...], *, has_still: bool, model: str = "") -> Made:
    return Made("", 0, task.spec.width, task.spec.height, codec, notes, has_still, model)


def _timed(picture: Picture, essence: Essence) -> VideoFrame:
    frame = VideoFrame(picture.width, picture.height, WORKING_FORMAT)
    frame.pts, frame.time_base = picture.number, 1 / essence.rate
    return frame


def _write_still(staged: Path, still: bytes) -> None:
    path = staged.with_name(f"{staged.name}.jpg")
    path.write_bytes(still)
    fsync_file(path)


def _shown(matte: Matte) -> bytes:
    """Return a matte as it is looked at: white where all is covered."""
    y = np.rint(64 + 876 * matte.alpha).astype(np.uint16)
    grey_chroma = np.full_like(matte.fill.cb, 512)
    return jpeg_of(Picture(matte.fill.number, y, grey_chroma, grey_chroma), "bt709")


def _puller(task: AssistTask, clip: _Clip, stack: ExitStack, progress: Progress) -> Puller:
    assert task.matte
    told, spec = task.matte, task.spec
    limits = Limits(_mask(told.garbage, clip), _mask(told.keep, clip))
    if told.key == "plate":
        return Difference(_plate_of(task, clip, stack, progress)[0], limits=limits)
    return Key(KeyColour(told.key), spec.height, spec.width, edges=told.edges, spill=told.spill, limits=limits)


def _mask(drawn: tuple[Drawn, ...], clip: _Clip) -> Mask | None:
    if not drawn:
        return None
    size, essence = (clip.spec.width, clip.spec.height), clip.taken.essence
    return mask_of([shape_of(one) for one in drawn], size, (essence.width, essence.height))


def _plate_of(task: AssistTask, clip: _Clip, stack: ExitStack, progress: Progress) -> tuple[Plate, int]:
    """Return the plate of the shot that the clip's middle is in, and of how many pictures it is made."""
    essence = clip.taken.essence
    move = survey(clip.pictures())
    shot = move.shot_of(still_number(essence))
    sights = _sights(clip, move, shot)
    middle = shot[len(shot) // 2]
    framed = grey(next(sight.picture for sight in sights if sight.picture.number == middle))
    for taken in task.takes:
        other = _opened(stack, taken, clip.spec, progress)
        sights += _others(other, framed)
    if len(sights) < 4:  # noqa: PLR2004 - as plate.py has it: fewer make nothing valid
        raise BadPlate(
            f"{clip.spec.clip_name} makes no clean plate",
            why=f"its shot is {len(sights)} pictures long",
            fix="name other takes of the set-up in plate.takes, or take the plate out of the recipe",
        )
    return plate_of(sights, middle), len(sights)


def _sights(clip: _Clip, move: Move, shot: range) -> list[Sight]:
    chosen, middle = set(numbers_of(shot)), shot[len(shot) // 2]
    return [
        Sight(picture, way)
        for picture in clip.pictures()
        if picture.number in chosen and (way := move.between(middle, picture.number)) is not None
    ]


def _others(clip: _Clip, framed: np.ndarray) -> list[Sight]:
    """Return sights of another take, by its own place in the plate's frame; from a number below all of the clip's."""
    frames = clip.taken.essence.frames
    every = max(1, frames // PICTURES)
    return [
        Sight(replace(picture, number=-1 - picture.number), between(framed, grey(picture)))
        for picture in clip.pictures()
        if picture.number % every == 0
    ][:PICTURES]


def _grade(task: AssistTask, taken: Taken) -> Grade | None:
    if taken.look is None:
        return None
    return Grade(taken.look, Path(task.luts), matrix=taken.essence.matrix, code_range=taken.essence.code_range)


def _behind(
    task: AssistTask, told: CompTold, matrix: str, stack: ExitStack, progress: Progress
) -> Callable[[int], Picture | None]:
    """Return the plate's picture by the number of the actor's, on its raster and by its matrix, under its own look."""
    if told.still:
        still = _still(Path(told.still), task.spec, matrix)
        return lambda _: still
    assert told.clip
    essence, mine = told.clip.essence, task.clip.essence
    spec = replace(task.spec, deinterlace=True) if essence.field_order != mine.field_order else task.spec
    plate = _opened(stack, told.clip, spec, progress)
    grade = _grade(task, told.clip)
    offset = mine.start_frame - essence.start_frame if told.sync == "timecode" else 0
    looped = Looped(plate.pictures, offset=offset, is_looped=told.loop)
    own = as_shown(essence, told.clip.look).matrix
    is_alike = chroma_weights(own) == chroma_weights(matrix)

    def graded(number: int) -> Picture | None:
        picture = looped(number)
        picture = grade(picture) if grade and picture else picture
        if picture is None or is_alike:
            return picture
        return picture_of_rgb(rgb_of(picture, own), picture.number, matrix)

    return graded


def _still(path: Path, spec: ProxySpec, matrix: str) -> Picture:
    """Return a still as a plate: scaled until it fills the raster, what hangs over cut off; it is taken for Rec.709."""
    data = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH) if data.size else None
    if found is None:
        raise BadPlate(
            f"the plate {path} cannot be read",
            why="it is no picture, or not there",
            fix="put a PNG, JPEG or TIFF there",
        )
    rgb = found[..., ::-1].astype(np.float32) / (65535 if found.dtype == np.uint16 else 255)
    scale = max(spec.width / rgb.shape[1], spec.height / rgb.shape[0])
    size = (max(spec.width, round(rgb.shape[1] * scale)), max(spec.height, round(rgb.shape[0] * scale)))
    large = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (size[1] - spec.height) // 2, (size[0] - spec.width) // 2
    return picture_of_rgb(np.clip(large[top : top + spec.height, left : left + spec.width], 0, 1), matrix=matrix)
