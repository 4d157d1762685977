"""Panasonic P2: `CONTENTS/CLIP/0001AB.XML` names a clip; `VIDEO/0001AB.MXF` and `AUDIO/0001AB00.MXF` are it.

A clip's files are its video, then its audio tracks in order. Source: field guide.
"""

from __future__ import annotations

import re

from daemon.cards.base import Read, Tree, before, movie, stem, suffix
from daemon.slate import FoundClip, Vendor

_FOLDERS = ("VIDEO", "AUDIO", "CLIP", "PROXY", "VOICE", "ICON")
_TRACK = re.compile(r"\d{2}$")


class P2:
    """Panasonic's professional card."""

    vendor = Vendor.P2
    flat = False

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds CONTENTS; any of its folders may be the first to arrive."""
        for folder in _FOLDERS:
            if (roll := before(path, f"CONTENTS/{folder}")) is not None:
                return roll
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each video file."""
        tracks: dict[str, list[str]] = {}
        for path in tree.under("CONTENTS/AUDIO"):
            if suffix(path) == ".mxf":
                tracks.setdefault(_TRACK.sub("", stem(path)).lower(), []).append(path)
        metas = {stem(path).lower(): path for path in tree.under("CONTENTS/CLIP") if suffix(path) == ".xml"}
        proxies = {stem(path).lower(): path for path in tree.under("CONTENTS/PROXY") if suffix(path) == ".mp4"}
        clips = []
        for path in tree.under("CONTENTS/VIDEO"):
            if suffix(path) == ".mxf":
                key = stem(path).lower()
                files = [path, *tracks.pop(key, ())]
                meta, proxy = ([found.pop(key)] if key in found else [] for found in (metas, proxies))
                clips.append(movie(stem(path), files, meta, proxy))
        return clips

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the clips whose XML is there and whose video is not."""
        del read
        there = {stem(path).lower() for path in tree.under("CONTENTS/VIDEO")}
        named = [stem(path) for path in tree.under("CONTENTS/CLIP") if suffix(path) == ".xml"]
        return [name for name in named if name.lower() not in there]

    def is_accessory(self, path: str) -> bool:
        """Return whether a file is a sound track, a memo or a proxy; without its video it is no clip."""
        return self.roll_folder(path) is not None and before(path, "CONTENTS/VIDEO") is None
