"""What the recognisers share: a tree of names, and what a recogniser is.

Recognisers go by names alone and open nothing but small index files through `read`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from posixpath import basename, dirname, splitext
from typing import Protocol

from daemon.slate import ClipKind, FoundClip, Vendor

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
_NUMBERED = re.compile(r"^(.*?)(\d{3,})$")


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
    """Knows one vendor's card structure."""

    vendor: Vendor

    def roll_folder(self, path: str) -> str | None:
        """Return the roll folder that a file's path gives away, None where it does not."""

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips of a roll, taking only files that are this vendor's."""

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the clips that the card's own index names and the roll lacks."""


def stem(path: str) -> str:
    """Return a path's name without folder and suffix."""
    return splitext(basename(path))[0]


def suffix(path: str) -> str:
    """Return a path's suffix in lower case, with its dot."""
    return splitext(path)[1].lower()


def before(path: str, marker: str) -> str | None:
    """Return what stands before a folder in a path, `.` for nothing; None where the folder is not in it."""
    at = f"/{path}".upper().find(f"/{marker.upper()}/")
    return None if at < 0 else (path[: at - 1] if at > 0 else ".") or "."


def movie(name: str, files: Iterable[str], sidecars: Iterable[str] = (), stand_ins: Iterable[str] = ()) -> FoundClip:
    """Return a clip of movie files, or of camera raw where that is what they are."""
    files = tuple(files)
    raw = RAW_FORMATS.get(suffix(files[0]), "")
    kind = ClipKind.RAW if raw else ClipKind.MOVIE
    return FoundClip(name, kind, files, tuple(sidecars), tuple(stand_ins), raw)


def sequences(paths: Collection[str]) -> tuple[list[FoundClip], set[str]]:
    """Return the image sequences among paths (two or more numbered stills alike), and the files they take."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for path in paths:
        numbered = _NUMBERED.match(stem(path)) if suffix(path) in STILLS else None
        if numbered:
            groups.setdefault((dirname(path), numbered[1], suffix(path)), []).append(path)
    clips, taken = [], set()
    for (folder, base, ending), files in sorted(groups.items()):
        if len(files) < 2:  # noqa: PLR2004 - one still is no sequence
            continue
        name = base.rstrip("._- ") or basename(folder) or ending[1:]
        raw = RAW_FORMATS.get(ending, "")
        kind = ClipKind.RAW if raw else ClipKind.SEQUENCE
        clips.append(FoundClip(name, kind, tuple(sorted(files)), raw_format=raw))
        taken.update(files)
    return clips, taken


def lone_movies(paths: Iterable[str]) -> list[FoundClip]:
    """Return a clip for each movie or camera raw file, with the sidecars that share its name."""
    paths = list(paths)
    media = [path for path in paths if suffix(path) in MOVIES or suffix(path) in RAW_FORMATS]
    beside: dict[str, list[str]] = {}
    for path in paths:
        if path not in set(media) and suffix(path) in {".xml", ".xmp", ".srt", ".sidecar", ".cdl", ".cc"}:
            beside.setdefault(splitext(path)[0].lower(), []).append(path)
    return [movie(stem(path), [path], beside.get(splitext(path)[0].lower(), ())) for path in media]


def no_index(_tree: Tree, _read: Read) -> list[str]:
    """Return nothing: this card keeps no index."""
    return []
