"""DCIM: GoPro, DJI and consumer cameras. GoPro chapters (`GX010123`, `GX020123`) are one clip, named as the first is.

Editors relink by file name, and a recording's own (`GX0123`) no file has. A GoPro proxy (`GL010123`) goes with the
clip of either codec letter (`GH`, `GX`).

Source: field guide; GoPro's file naming convention (codec letter, chapter, number).
"""

from __future__ import annotations

import re
from dataclasses import replace
from posixpath import dirname

from daemon.cards.base import (
    Parts,
    Read,
    Tree,
    as_found,
    before,
    gaps,
    is_recording,
    movie,
    no_accessory,
    runs,
    sequences,
    span_of,
    stem,
    suffix,
)
from daemon.slate import FoundClip, Vendor

_CHAPTER = re.compile(r"^(G[HXLS])(\d{2})(\d{4})$", re.IGNORECASE)
_OLD_FIRST = re.compile(r"^GOPR(\d{4})$", re.IGNORECASE)
_OLD_NEXT = re.compile(r"^GP(\d{2})(\d{4})$", re.IGNORECASE)
_CHAPTERED = re.compile(r"^(G[HXLS]\d{6}|GOPR\d{4}|GP\d{6})$", re.IGNORECASE)
_STAND_INS = frozenset({".lrv", ".lrf"})
_SIDECARS = frozenset({".thm", ".srt", ".xml", ".xmp"})


class Dcim:
    """Whatever a camera keeps beneath DCIM."""

    vendor = Vendor.DCIM
    flat = False
    is_accessory = staticmethod(no_accessory)
    joined = staticmethod(as_found)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds DCIM."""
        return before(path, "DCIM")

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips, chapters joined in order."""
        beside: dict[tuple[str, str], list[str]] = {}
        for path in tree.under("DCIM"):
            if suffix(path) in _STAND_INS | _SIDECARS:
                beside.setdefault((dirname(path), _clip_and_chapter(stem(path))[0].upper()), []).append(path)
        recordings, stills = _recordings(tree)
        return [clip for key, parts in sorted(recordings.items()) for clip in _clips(*key[:2], parts, beside)] + stills

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the chapters that are missing between others."""
        del read
        return [gap for (_, name, _), parts in sorted(_recordings(tree)[0].items()) for gap in gaps(name, parts)]


def _recordings(tree: Tree) -> tuple[dict[tuple[str, str, str], Parts], list[FoundClip]]:
    """Return the chapters of each recording by folder, name and suffix, and the image sequences beside them."""
    inside = tree.under("DCIM")
    stills, taken = sequences(inside)
    found: dict[tuple[str, str, str], Parts] = {}
    for path in inside:
        if is_recording(path) and path not in taken:
            name, chapter = _clip_and_chapter(stem(path))
            found.setdefault((dirname(path), name, suffix(path)), []).append((chapter, path))
    return {key: sorted(parts) for key, parts in found.items()}, stills


def _clips(folder: str, name: str, parts: Parts, beside: dict[tuple[str, str], list[str]]) -> list[FoundClip]:
    """Return a recording, in stretches where chapters of it are missing; its first takes what lies beside it."""
    stretches = runs(parts)
    whole = _clip(folder, name, stretches[0], beside)
    first = 0 if name.startswith("GOPR") else 1
    later = [movie(stem(run[0][1]), [path for _, path in run]) for run in stretches[1:]]
    return [
        replace(clip, span=span_of(name, run, first)) if _CHAPTERED.match(stem(run[0][1])) else clip
        for clip, run in zip([whole, *later], stretches, strict=True)
    ]


def _clip(folder: str, name: str, chapters: Parts, beside: dict[tuple[str, str], list[str]]) -> FoundClip:
    """Return a recording with what is beside it; the first of two that share a name takes that."""
    alike = {name.upper(), re.sub(r"^G[HX](?=\d{4}$)", "GL", name.upper())}
    others = [path for key in sorted(alike, reverse=True) for path in beside.pop((folder, key), ())]
    files = [path for _, path in sorted(chapters)]
    return movie(
        stem(files[0]),
        files,
        sorted(path for path in others if suffix(path) in _SIDECARS),
        sorted(path for path in others if suffix(path) in _STAND_INS),
    )


def _clip_and_chapter(name: str) -> tuple[str, int]:
    """Return a recording's name and which chapter of it a file is, from 1."""
    if match := _CHAPTER.match(name):
        return f"{match[1].upper()}{match[3]}", int(match[2])
    if match := _OLD_FIRST.match(name):
        return f"GOPR{match[1]}", 0
    if match := _OLD_NEXT.match(name):
        return f"GOPR{match[2]}", int(match[1])
    return name, 1
