"""Parting: the work side of `part.py`: a stretch of a clip is restored, from a little before it, and kept losslessly.

What is made is written under a name of its own, and gets the part's name once it is flushed; its record comes last and
vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.publish import delivering, disk_full, fsync_file, make_folders
from daemon.stages.part import Parted, PartTask, record_of, record_path
from daemon.stages.probe import opened
from daemon.stages.rendering import noise_of, restoration
from daemon.worker import Progress

if TYPE_CHECKING:
    from engines.enhance.parts import Made
    from engines.media.frames import Picture
    from engines.media.source import MediaFiles


def work(task_text: str, progress: Progress) -> str:
    """Return the part's record as JSON; the work side.

    Raises:
        MediaError: the source breaks, or the part cannot be written. SourceChanged: a camera file is not what was
            hashed. DiskFull: the delivery volume has no room.
    """
    from engines.media.faults import is_full
    from engines.whole import write_whole

    task = wire.load(PartTask, task_text)
    staged = Path(task.staging) / task.staged
    if record := record_of(staged):
        return wire.dump(Parted, record)  # a child before made it, and its word was not heard
    new = staged.with_name(f"{staged.name}.new")
    with delivering(staged):
        make_folders(staged.parent)
        record_path(staged).unlink(missing_ok=True)
    try:
        with opened(task.source.place, task.source.files) as files:
            made, model, engine = _made(task, files, new, progress)
        fsync_file(new)
        new.replace(staged)
        told = wire.dump(Parted, Parted(model, engine, **asdict(made)))
        write_whole(record_path(staged), told.encode())
    except BaseException as error:
        new.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(staged) from error
        raise
    return told


def _made(task: PartTask, files: MediaFiles, new: Path, progress: Progress) -> tuple[Made, str, str]:
    """Return the part as it was made, and the model and engine that made it."""
    from engines.enhance import LOOK_AHEAD
    from engines.enhance.parts import begins, make_part
    from engines.render import ahead, pictures_from

    own = Path(task.models) / f"{task.weights}.safetensors" if task.weights else None
    noise = noise_of(files, task.essence, task.working)
    restore, engine = restoration(task.restore, task.engine, own, task.working, noise)
    start = begins(task.first)
    count = task.end + LOOK_AHEAD - start
    seen = pictures_from(files, task.essence, task.working, start, count, alive=partial(progress, 0, count))
    with ahead(seen) as pictures:
        made = make_part(_told(pictures, progress, count), restore, task.first, task.end, new)
    return made, restore.weights.name, engine


def _told(pictures: Iterable[Picture], progress: Progress, count: int) -> Iterator[Picture]:
    for number, picture in enumerate(pictures):
        progress(number, count)
        yield picture
