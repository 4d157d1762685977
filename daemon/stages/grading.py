"""The look of a render, in its child: what puts it on, and the contact sheet that shows it beside the show's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from daemon.publish import fsync_file, replace
from daemon.stages.landing import SHEET
from engines.colour.grade import Grade
from engines.colour.look import Look
from engines.colour.sheet import sheet
from engines.colour.transform import output_cube
from engines.media.essence import Essence
from engines.media.frames import Picture


def grade_of(look: Look | None, luts: str, essence: Essence) -> Callable[[Picture], Picture] | None:
    """Return what puts a look on; None where the picture stays as recorded. `luts` is the folder of LUTs."""
    if look is None:
        return None
    handed = Path(luts) / look.output
    if look.output and not handed.exists():
        handed.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace(output_cube(look).encode(), handed, handed.parent)
    return Grade(look, Path(luts), matrix=essence.matrix, code_range=essence.code_range)


def watched(grade: Callable[[Picture], Picture], number: int, before: list[Picture]) -> Callable[[Picture], Picture]:
    """Return the grade, keeping the picture of a number as it was before it."""

    def graded(picture: Picture) -> Picture:
        if picture.number == number:
            before.append(picture)
        return grade(picture)

    return graded


def write_sheet(picture: Picture, show: Look, look: Look, luts: str, essence: Essence, staged: Path) -> None:
    """Write the contact sheet of a clip's look beside its staged proxy."""
    path = staged.with_name(f"{staged.name}{SHEET}")
    path.write_bytes(sheet(picture, show, look, Path(luts), matrix=essence.matrix, code_range=essence.code_range))
    fsync_file(path)
