"""RED: `A007.RDM/A007_C001_0124UA.RDC/A007_C001_0124UA_001.R3D`; the parts of an RDC folder are one clip.

Source: field guide.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname

from daemon.cards.base import Parts, Read, Tree, as_found, gaps, is_day, movie, no_accessory, stem, suffix
from daemon.slate import FoundClip, Vendor

_MAGAZINE = re.compile(r"(^|/)[^/]+\.RDM(?=/)", re.IGNORECASE)
_CLIP = re.compile(r"(^|/)[^/]+\.RDC(?=/)", re.IGNORECASE)
_ENDING = re.compile(r"\.RD[MC]$", re.IGNORECASE)
_PART = re.compile(r"_\d{3}$")
_MOVIES = frozenset({".mov", ".mxf"})


class Red:
    """RED's magazine."""

    vendor = Vendor.RED
    flat = False
    is_accessory = staticmethod(no_accessory)
    joined = staticmethod(as_found)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds the RDM, or the RDC where there is no RDM.

        Magazines lying side by side in a shoot day or the root are rolls themselves.
        """
        if found := _MAGAZINE.search(path):
            above = path[: found.start()]
            return above if above and not is_day(basename(above)) else path[: found.end()]
        found = _CLIP.search(path)
        return (path[: found.start()] or ".") if found else None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each RDC's recording, its parts in order; a movie beside R3D is its stand-in."""
        parts: dict[tuple[str, str], list[str]] = {}
        movies: dict[tuple[str, str], list[str]] = {}
        beside: dict[tuple[str, str], list[str]] = {}
        for path in tree.paths:
            key = (dirname(path), _PART.sub("", stem(path)))
            if suffix(path) == ".r3d":
                parts.setdefault(key, []).append(path)
            elif suffix(path) in _MOVIES and _CLIP.search(path):
                movies.setdefault(key, []).append(path)
            elif suffix(path) in {".rmd", ".wav"} and _CLIP.search(path):
                beside.setdefault(key, []).append(path)
        recorded = {key: files for key, files in movies.items() if key not in parts}
        return [
            movie(key[1], files, beside.get(key, ()), movies[key] if key in parts and key in movies else ())
            for key, files in sorted((parts | recorded).items())
        ]

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the parts of R3D that are missing between others."""
        del read
        parts: dict[tuple[str, str], Parts] = {}
        for path in tree.paths:
            if suffix(path) == ".r3d" and (found := _PART.search(stem(path))):
                key = (dirname(path), _PART.sub("", stem(path)))
                parts.setdefault(key, []).append((int(found[0][1:]), path))
        return [gap for (_, name), numbered in sorted(parts.items()) for gap in gaps(name, numbered)]


def magazine(folder: str) -> str:
    """Return a roll's label from its folder's name: that of a magazine without its ending."""
    return _ENDING.sub("", folder)
