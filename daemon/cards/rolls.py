"""Rolls: which folders beneath an offload root are roll folders, and where a path belongs. By names alone.

What tells a roll folder, the strongest first: `Camera Media` above it or a vendor's structure in it; a vendor's
clip names lying flat in it; a manifest that seals it; media in it. The root, a shoot day and `Camera Media`
itself hold rolls, so a stray clip in one of them never makes one roll of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from posixpath import basename, dirname

from daemon.cards.base import MOVIES, RAW_FORMATS, STILLS, Recogniser, is_day, suffix

_NOT_CAMERA = frozenset({"sound media", "looks", "proxy and mezzanine media"})
_CAMERA_MEDIA = "camera media"
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


class _Mark(IntEnum):
    """By what a roll folder was told, the strongest first."""

    STRUCTURE = 0
    FLAT = 1
    SEAL = 2
    PLAIN = 3


def is_manifest(path: str) -> bool:
    """Return whether a file is a manifest or of one's history, and so no card's."""
    return path.lower().endswith(".mhl") or "/ascmhl/" in f"/{path}"


def is_camera(path: str) -> bool:
    """Return whether a path lies where camera rolls may lie."""
    return not any(part.lower() in _NOT_CAMERA for part in path.split("/")[:-1])


def shoot_day(roll: str) -> str:
    """Return the shoot day's YYYYMMDD that a roll lies in, empty where there is none."""
    for part in reversed(roll.split("/")[:-1]):
        if match := _DAY.search(part):
            year, month, day = match.groups()
            if "1990" <= year <= "2100" and "01" <= month <= "12" and "01" <= day <= "31":
                return year + month + day
    return ""


def roll_folders(paths: Iterable[str], recognisers: Sequence[Recogniser]) -> frozenset[str]:
    """Return every roll folder; what lies inside one is part of it unless it is marked by more."""
    paths = list(paths)
    seals = {seal for path in paths if is_manifest(path) and _may_seal(seal := _seal_folder(path))}
    marks: dict[str, _Mark] = {}
    holding: set[str] = set()
    for path in paths:
        if is_manifest(path):
            continue
        if _is_media(path):
            holding.add(dirname(path) or ".")
        if found := _marked(path, seals, recognisers):
            marks[found[0]] = min(found[1], marks.get(found[0], _Mark.PLAIN))
    return frozenset(
        roll
        for roll, mark in marks.items()
        if not any(_swallows(above, marks[above], mark, holding) for above in _above(roll) if above in marks)
    )


def roll_of(path: str, rolls: frozenset[str]) -> str | None:
    """Return the nearest roll folder that a path lies in, None where it lies in none."""
    return next((folder for folder in _above(path) if folder in rolls), None)


def _marked(path: str, seals: set[str], recognisers: Sequence[Recogniser]) -> tuple[str, _Mark] | None:
    """Return the roll folder that a path gives away, and by what; None where it gives away none."""
    parts = path.split("/")
    lower = [part.lower() for part in parts[:-1]]
    if _CAMERA_MEDIA in lower[:-1]:
        return "/".join(parts[: lower.index(_CAMERA_MEDIA) + 2]), _Mark.STRUCTURE
    for recogniser in recognisers:
        if (roll := recogniser.roll_folder(path)) is not None:
            return roll, _Mark.FLAT if recogniser.flat else _Mark.STRUCTURE
    if not _is_media(path):
        return None
    seal = next((folder for folder in _above(path) if folder in seals), None)
    return (seal, _Mark.SEAL) if seal else (dirname(path) or ".", _Mark.PLAIN)


def _swallows(folder: str, mark: _Mark, inner: _Mark, holding: set[str]) -> bool:
    """Return whether a marked folder inside another one is a part of that, not a roll of its own."""
    if inner is _Mark.STRUCTURE or mark is _Mark.PLAIN:
        return False
    if _holds_rolls(folder):
        return mark is _Mark.STRUCTURE and inner is _Mark.PLAIN
    if mark is _Mark.SEAL:  # a show's own manifest lies above many rolls, a roll's beside its clips
        return inner is _Mark.FLAT and folder in holding
    return inner is not _Mark.SEAL or mark is _Mark.STRUCTURE


def _holds_rolls(folder: str) -> bool:
    """Return whether a folder is one that rolls are put into: the root, a shoot day, `Camera Media`."""
    return folder == "." or basename(folder).lower() == _CAMERA_MEDIA or is_day(basename(folder))


def _may_seal(folder: str) -> bool:
    """Return whether a manifest in a folder can mean one roll: a root's or a shoot day's covers several."""
    return not _holds_rolls(folder)


def _seal_folder(path: str) -> str:
    """Return the folder that a manifest seals."""
    inside = f"/{path}".find("/ascmhl/")
    return (path[:inside].rstrip("/") if inside >= 0 else dirname(path)) or "."


def _is_media(path: str) -> bool:
    return suffix(path) in MOVIES or suffix(path) in RAW_FORMATS or suffix(path) in STILLS


def _above(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the nearest first, the root (`.`) last."""
    if path == ".":
        return
    while path := dirname(path):
        yield path
    yield "."
