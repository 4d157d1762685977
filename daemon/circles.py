"""Circled takes: what lists of them say (CSV and ALE), and which clips that means. Pure; opens no file.

A list only says which clips come first. Whatever else stands in it is passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import basename

from daemon.cards.base import stem, suffix
from daemon.errors import SidecarError
from daemon.sidecars import ale
from daemon.sounds import Recording, told_offset
from engines.media.essence import Essence
from engines.media.timecode import Timecode

SUFFIXES = frozenset({".csv", ".ale"})
_MEANT = {
    "name": "clip",
    "clip": "clip",
    "clipname": "clip",
    "roll": "roll",
    "camroll": "roll",
    "scene": "scene",
    "take": "take",
    "tape": "reel",
    "reel": "reel",
    "start": "start",
    "circle": "circled",
    "circled": "circled",
    "circletake": "circled",
    "circledtake": "circled",
}
"""What a column says, by the letters of its name in lower case."""
_YES = frozenset({"1", "x", "y", "yes", "true", "*", "circle", "circled"})
_TYPES = (("clip",), ("scene", "take"), ("reel", "start"))
"""Columns that name a take, any of these will do."""


@dataclass(frozen=True, slots=True)
class Circle:
    """One circled take as a list names it; a field is empty where the list does not say it.

    `clip` and `roll` may have wildcards, in any case of letters. `start` is a timecode as it was written.
    """

    clip: str = ""
    roll: str = ""
    scene: str = ""
    take: str = ""
    reel: str = ""
    start: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A clip as a list may mean it; `essence` is None until it was probed, and so is `sound` without a sound roll."""

    clip: str
    roll: str
    essence: Essence | None
    sound: Recording | None


def parse(data: bytes, path: str) -> tuple[Circle, ...]:
    """Return the circled takes of a list, by its suffix; with a column `Circled` those that it marks, else all.

    Raises:
        SidecarError: it is no such list, or no column in it names a take.
    """
    text = data.decode("utf-8-sig", "replace")
    rows = ale.parse(text, path).rows if suffix(path) == ".ale" else _csv_rows(text, path)
    found = [_meant(row) for row in rows]
    keys = {key for row in found for key in row}
    if found and not any(keys.issuperset(columns) for columns in _TYPES):
        raise SidecarError(
            f"{basename(path)} names no takes",
            why="it has no column Name, none of Scene and Take, none of Tape and Start",
            fix="give it one of these columns; Roll and Circled are heeded beside them",
        )
    if suffix(path) == ".ale" and "circled" not in keys:
        return ()  # an ALE lists all takes of a roll, the good ones marked
    marked = (row for row in found if row.get("circled", "yes").lower() in _YES)
    return tuple(Circle(**{key: value for key, value in row.items() if key != "circled"}) for row in marked)


def is_circled(subject: Subject, circles: Iterable[Circle]) -> bool:
    """Return whether a clip is a circled take, by a list or by what its sound's recorder says."""
    return bool(subject.sound and subject.sound.circled) or any(_means(circle, subject) for circle in circles)


def sound_of(essence: Essence, recordings: Iterable[Recording]) -> Recording | None:
    """Return the recording of the day that a clip shares most time with, by their timecodes; None where none does."""
    shared = [(_shared_seconds(essence, recording), recording) for recording in recordings]
    seconds, recording = max(shared, key=lambda pair: pair[0], default=(0.0, None))
    return recording if seconds > 0 else None


def _shared_seconds(essence: Essence, recording: Recording) -> float:
    offset = told_offset(recording, essence)
    if offset is None:
        return 0.0
    return min(offset + float(essence.frames / essence.rate), recording.seconds) - max(offset, 0.0)


def _means(circle: Circle, subject: Subject) -> bool:
    """Return whether a list's line means a clip; a roll that it names must be the clip's."""
    if circle.roll and not _alike(subject.roll, circle.roll):
        return False
    if circle.clip and _alike(subject.clip, stem(circle.clip) if suffix(circle.clip) else circle.clip):
        return True
    sound, essence = subject.sound, subject.essence
    if sound and circle.scene and circle.take.rstrip("* "):
        return _alike(sound.scene, circle.scene) and _alike(sound.take.rstrip("* "), circle.take.rstrip("* "))
    if essence and circle.reel and circle.start:
        start = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
        return _alike(essence.reel, circle.reel) and start.replace(";", ":") == circle.start.replace(";", ":")
    return False


def _alike(name: str, pattern: str) -> bool:
    return fnmatchcase(name.lower(), pattern.lower())


def _meant(row: dict[str, str]) -> dict[str, str]:
    """Return a row's cells by what they say; the first of two columns that say the same counts."""
    found: dict[str, str] = {}
    for column, value in row.items():
        letters = "".join(letter for letter in column.lower() if letter.isalpha())
        if (meant := _MEANT.get(letters)) and meant not in found:
            found[meant] = value.strip()
    return found


def _csv_rows(text: str, path: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV; its delimiter is the one that its first line has most of."""
    lines = text.splitlines()
    first = lines[0] if lines else ""
    delimiter = max(",;\t", key=first.count)
    try:
        for row in csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", restval=""):
            yield {str(column): cell for column, cell in row.items() if isinstance(cell, str)}
    except csv.Error as error:
        raise SidecarError(f"{path} is no CSV that can be read", why=str(error), fix="export it again") from error
