"""DCIM: GoPro, DJI and consumer cameras. GoPro chapters (`GX010123`, `GX020123`) are one clip.

A GoPro proxy (`GL010123`) goes with the clip of either codec letter (`GH`, `GX`).

Source: field guide; GoPro's file naming convention (codec letter, chapter, number).
"""

from __future__ import annotations

import re
from posixpath import dirname

from daemon.cards.base import Tree, before, is_recording, movie, no_accessory, no_index, sequences, stem, suffix
from daemon.slate import FoundClip, Vendor

_CHAPTER = re.compile(r"^(G[HXLS])(\d{2})(\d{4})$", re.IGNORECASE)
_OLD_FIRST = re.compile(r"^GOPR(\d{4})$", re.IGNORECASE)
_OLD_NEXT = re.compile(r"^GP(\d{2})(\d{4})$", re.IGNORECASE)
_STAND_INS = frozenset({".lrv", ".lrf"})
_SIDECARS = frozenset({".thm", ".srt", ".xml", ".xmp"})


class Dcim:
    """Whatever a camera keeps beneath DCIM."""

    vendor = Vendor.DCIM
    flat = False
    missing = staticmethod(no_index)
    is_accessory = staticmethod(no_accessory)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds DCIM."""
        return before(path, "DCIM")

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips, chapters joined in order."""
        recordings: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        beside: dict[tuple[str, str], list[str]] = {}
        inside = tree.under("DCIM")
        stills, taken = sequences(inside)
        for path in inside:
            name, chapter = _clip_and_chapter(stem(path))
            if is_recording(path) and path not in taken:
                recordings.setdefault((dirname(path), name, suffix(path)), []).append((chapter, path))
            elif suffix(path) in _STAND_INS | _SIDECARS:
                beside.setdefault((dirname(path), name.upper()), []).append(path)
        return [_clip(*key[:2], files, beside) for key, files in sorted(recordings.items())] + stills


def _clip(
    folder: str, name: str, chapters: list[tuple[int, str]], beside: dict[tuple[str, str], list[str]]
) -> FoundClip:
    """Return a recording with what is beside it; the first of two that share a name takes that."""
    alike = {name.upper(), re.sub(r"^G[HX](?=\d{4}$)", "GL", name.upper())}
    others = [path for key in sorted(alike, reverse=True) for path in beside.pop((folder, key), ())]
    return movie(
        name,
        [path for _, path in sorted(chapters)],
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
