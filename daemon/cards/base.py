"""What the recognisers share: a tree of names, and what a recogniser is.

Recognisers go by names alone and open nothing but small index files through `read`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from posixpath import basename, dirname, splitext
from typing import Protocol

from daemon.slate import ClipKind, FoundClip, Span, Vendor

Read = Callable[[str], bytes]

MOVIES = frozenset(
    [
        ".mov",
        ".mp4",
        ".m4v",
        ".mxf",
        ".mts",
        ".m2ts",
        ".m2t",
        ".avi",
        ".mkv",
        ".webm",
        ".mpg",
        ".mpeg",
        ".m2p",
        ".ts",
        ".3gp",
        ".dv",
        ".y4m",
    ]
)
RAW_FORMATS = {
    ".r3d": "R3D",
    ".braw": "BRAW",
    ".ari": "ARRIRAW",
    ".arx": "ARRIRAW",
    ".dng": "CinemaDNG",
    ".crm": "Canon Cinema RAW Light",
    ".nev": "Nikon N-RAW",
}
STILLS = frozenset({".exr", ".dng", ".ari", ".arx", ".dpx"})
_BESIDE = frozenset({".xml", ".xmp", ".srt", ".sidecar", ".cdl", ".cc"})
_NUMBERED = re.compile(r"^(.*?)(\d{3,18})$", re.ASCII)
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one roll: paths relative to the roll folder, sorted."""

    paths: tuple[str, ...]

    def under(self, folder: str) -> tuple[str, ...]:
        """Return the paths beneath a folder, whatever the case of its name."""
        prefix = folder.lower() + "/"
        return tuple(path for path in self.paths if path.lower().startswith(prefix))

    def has(self, folder: str) -> bool:
        """Return whether anything lies beneath a folder."""
        return bool(self.under(folder))


class Recogniser(Protocol):
    """Knows one vendor's card structure; `flat` where only clip names tell it, not folders."""

    vendor: Vendor
    flat: bool

    def roll_folder(self, path: str) -> str | None:
        """Return the roll folder that a file's path gives away, None where it does not."""

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips of a roll, taking only files that are this vendor's."""

    def joined(self, clips: list[FoundClip], tree: Tree, read: Read) -> list[FoundClip]:
        """Return the clips, those joined that the card's own index says are one recording."""

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the clips that the card's own index names and the roll lacks."""

    def is_accessory(self, path: str) -> bool:
        """Return whether a recording that no clip took is none by itself: a proxy or a track on its own."""


def stem(path: str) -> str:
    """Return a path's name without folder and suffix."""
    return splitext(basename(path))[0]


def suffix(path: str) -> str:
    """Return a path's suffix in lower case, with its dot."""
    return splitext(path)[1].lower()


def before(path: str, marker: str) -> str | None:
    """Return what stands before a folder in a path, `.` for nothing; None where the folder is not in it."""
    found = _folder(marker).search(path)
    return (path[: found.start()] or ".") if found else None


@cache
def _folder(marker: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|/){re.escape(marker)}/", re.IGNORECASE)


def is_day(name: str) -> bool:
    """Return whether a folder's name is a shoot day: YYYYMMDD or YYYY-MM-DD."""
    return bool(_DAY.fullmatch(name))


def movie(name: str, files: Iterable[str], sidecars: Iterable[str] = (), stand_ins: Iterable[str] = ()) -> FoundClip:
    """Return a clip of movie files, or of camera raw where that is what they are."""
    files = tuple(files)
    raw = RAW_FORMATS.get(suffix(files[0]), "")
    kind = ClipKind.RAW if raw else ClipKind.MOVIE
    return FoundClip(name, kind, files, tuple(sidecars), tuple(stand_ins), raw)


def sequences(paths: Collection[str]) -> tuple[list[FoundClip], set[str]]:
    """Return the image sequences among paths (two or more numbered stills alike), and the files they take."""
    groups: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for path in paths:
        numbered = _NUMBERED.match(stem(path)) if suffix(path) in STILLS else None
        if numbered:
            groups.setdefault((dirname(path), numbered[1], suffix(path)), []).append((int(numbered[2]), path))
    clips: list[FoundClip] = []
    taken: set[str] = set()
    for (folder, base, ending), frames in sorted(groups.items()):
        if len(frames) < 2:  # noqa: PLR2004 - one still is no sequence
            continue
        name = base.rstrip("._- ") or basename(folder) or ending[1:]
        raw = RAW_FORMATS.get(ending, "")
        files = tuple(path for _, path in sorted(frames))
        clips.append(FoundClip(name, ClipKind.RAW if raw else ClipKind.SEQUENCE, files, raw_format=raw))
        taken.update(files)
    return clips, taken


def is_recording(path: str) -> bool:
    """Return whether a file is a recording by itself: a movie or camera raw. A lone `.dng` is a photograph."""
    return suffix(path) in MOVIES or (suffix(path) in RAW_FORMATS and suffix(path) != ".dng")


def lone_movies(paths: Iterable[str]) -> list[FoundClip]:
    """Return a clip for each movie or camera raw file, with the sidecars that share its name.

    Two recordings of one name (`.mov` and `.mp4`) share none: the first takes them.
    """
    paths = list(paths)
    beside: dict[str, list[str]] = {}
    for path in paths:
        if suffix(path) in _BESIDE:
            beside.setdefault(splitext(path)[0].lower(), []).append(path)
    return [
        movie(stem(path), [path], beside.pop(splitext(path)[0].lower(), ())) for path in paths if is_recording(path)
    ]


Parts = list[tuple[int, str]]
"""The numbered parts of a recording: number and path, in order."""


def runs(parts: Parts) -> list[Parts]:
    """Return the parts in stretches without a gap: what lies behind a missing one is not spliced to what is before."""
    found: list[Parts] = []
    for part in parts:
        if found and part[0] == found[-1][-1][0] + 1:
            found[-1].append(part)
        else:
            found.append([part])
    return found


def span_of(recording: str, run: Parts, first: int) -> Span:
    """Return how a stretch of a recording goes on, whose parts are numbered from `first`."""
    name = recording.lower()
    continues = f"{name}:{run[0][0] - 1}" if run[0][0] > first else ""
    return Span(f"{name}:{run[-1][0]}", continues)


def gaps(recording: str, parts: Parts) -> list[str]:
    """Return the parts that are missing between others."""
    numbers = [number for number, _ in parts]
    return [f"{recording} part {number}" for number in range(min(numbers), max(numbers)) if number not in numbers]


def as_found(clips: list[FoundClip], _tree: Tree, _read: Read) -> list[FoundClip]:
    """Return the clips as they were found: this card's names alone tell what is one recording."""
    return clips


def no_index(_tree: Tree, _read: Read) -> list[str]:
    """Return nothing: this card keeps no index."""
    return []


def no_accessory(_path: str) -> bool:
    """Return False: whatever recording lies on this card is a clip."""
    return False
