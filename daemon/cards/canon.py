"""Canon XF: `CONTENTS/CLIPS001/A001C001_…_CANON.MXF`, spanned as `…_01.MXF`, `…_02.MXF`.

Older ones keep a folder a clip, `CLIPS001/AA0001/AA000101.MXF`. A recording that goes on on the other card does so
under its name with the next number. Source: field guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from posixpath import basename, dirname

from daemon.cards.base import (
    MOVIES,
    RAW_FORMATS,
    Parts,
    Read,
    Tree,
    as_found,
    gaps,
    movie,
    no_accessory,
    runs,
    span_of,
    stem,
    suffix,
)
from daemon.slate import FoundClip, Vendor

_CLIPS = re.compile(r"(^|/)CONTENTS/CLIPS\d{3}/", re.IGNORECASE)
_PART = re.compile(r"_(\d{2,3})$")


class Canon:
    """Canon's XF structure."""

    vendor = Vendor.CANON
    flat = False
    is_accessory = staticmethod(no_accessory)
    joined = staticmethod(as_found)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds CONTENTS/CLIPSnnn."""
        found = _CLIPS.search(path)
        return (path[: found.start()] or ".") if found else None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each recording, its parts in order."""
        metas: dict[tuple[str, str], list[str]] = {}
        for path in tree.paths:
            if _CLIPS.search(path) and suffix(path) in {".xml", ".cif", ".cpf"}:
                metas.setdefault((dirname(path), _numbered(path)[0]), []).append(path)
        return [
            clip
            for (folder, name, _), parts in sorted(_recordings(tree).items())
            for clip in _clips(name, parts, metas.pop((folder, name), []))
        ]

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the parts that are missing between others."""
        del read
        return [gap for (_, name, _), parts in sorted(_recordings(tree).items()) for gap in gaps(name, parts)]


def _clips(name: str, parts: Parts, metas: list[str]) -> Iterator[FoundClip]:
    """Yield a recording, in stretches where parts of it are missing; its first takes what lies beside it."""
    for number, run in enumerate(runs(parts)):
        label, beside = (stem(run[0][1]), []) if number else (name, metas)
        yield replace(movie(label, [path for _, path in run], beside), span=span_of(name, run, 1))


def _recordings(tree: Tree) -> dict[tuple[str, str, str], Parts]:
    """Return the parts of each recording by folder, name and suffix."""
    found: dict[tuple[str, str, str], Parts] = {}
    for path in tree.paths:
        if _CLIPS.search(path) and (suffix(path) in MOVIES or suffix(path) in RAW_FORMATS):
            name, number = _numbered(path)
            found.setdefault((dirname(path), name, suffix(path)), []).append((number, path))
    return {key: sorted(parts) for key, parts in found.items()}


def _numbered(path: str) -> tuple[str, int]:
    """Return a recording's name and which part of it a file is, from 1."""
    name, folder = stem(path), basename(dirname(path))
    if found := _PART.search(name):
        return name[: found.start()], int(found[1])
    if name.lower().startswith(folder.lower()) and (number := name[len(folder) :]).isdecimal():
        return folder, int(number)
    return name, 1
