"""DCIM: GoPro, DJI and consumer cameras. GoPro chapters (`GX010123`, `GX020123`) are one clip.

Source: field guide; GoPro's file naming convention (codec letter, chapter, number).
"""

from __future__ import annotations

import re
from posixpath import dirname

from daemon.cards.base import MOVIES, RAW_FORMATS, Tree, before, movie, no_index, sequences, stem, suffix
from daemon.slate import FoundClip, Vendor

_CHAPTER = re.compile(r"^(G[HXLS])(\d{2})(\d{4})$", re.IGNORECASE)
_OLD_FIRST = re.compile(r"^GOPR(\d{4})$", re.IGNORECASE)
_OLD_NEXT = re.compile(r"^GP(\d{2})(\d{4})$", re.IGNORECASE)
_STAND_INS = frozenset({".lrv", ".lrf"})
_SIDECARS = frozenset({".thm", ".srt", ".xml", ".xmp"})


class Dcim:
    """Whatever a camera keeps beneath DCIM."""

    vendor = Vendor.DCIM
    missing = staticmethod(no_index)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds DCIM."""
        return before(path, "DCIM")

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips, chapters joined in order."""
        groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
        beside: dict[tuple[str, str], list[str]] = {}
        inside = tree.under("DCIM")
        stills, taken = sequences(inside)
        for path in inside:
            if path in taken:
                continue
            name, chapter = _clip_and_chapter(stem(path))
            key = (dirname(path), name)
            if suffix(path) in MOVIES or suffix(path) in RAW_FORMATS:
                groups.setdefault(key, []).append((chapter, path))
            elif suffix(path) in _STAND_INS | _SIDECARS:
                beside.setdefault(key, []).append(path)
        clips = []
        for key, files in sorted(groups.items()):
            others = beside.get(key, [])
            clips.append(
                movie(
                    key[1],
                    [path for _, path in sorted(files)],
                    [path for path in others if suffix(path) in _SIDECARS],
                    [path for path in others if suffix(path) in _STAND_INS],
                )
            )
        return clips + stills


def _clip_and_chapter(name: str) -> tuple[str, int]:
    """Return a recording's name and which chapter of it a file is, from 1."""
    if match := _CHAPTER.match(name):
        letters = "GX" if match[1].upper() == "GL" else match[1].upper()  # GL: the proxy of either codec
        return f"{letters}{match[3]}", int(match[2])
    if match := _OLD_FIRST.match(name):
        return f"GOPR{match[1]}", 0
    if match := _OLD_NEXT.match(name):
        return f"GOPR{match[2]}", int(match[1])
    return name, 1
