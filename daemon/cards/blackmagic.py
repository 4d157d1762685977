"""Blackmagic: a flat folder of `.braw` (or `.mov` beside them), with a `Proxy` folder the camera may keep.

CinemaDNG of the older cameras is a folder a clip, its frames named like it.
"""

from __future__ import annotations

from posixpath import basename, dirname

from daemon.cards.base import (
    MOVIES,
    Tree,
    as_found,
    lone_movies,
    movie,
    no_accessory,
    no_index,
    sequences,
    stem,
    suffix,
)
from daemon.slate import FoundClip, Vendor


class Blackmagic:
    """Blackmagic's flat card."""

    vendor = Vendor.BLACKMAGIC
    flat = True
    missing = staticmethod(no_index)
    is_accessory = staticmethod(no_accessory)
    joined = staticmethod(as_found)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder of a `.braw`; of a clip's folder of CinemaDNG the one above."""
        folder = dirname(path)
        if suffix(path) == ".braw":
            return folder or "."
        if suffix(path) == ".dng" and folder and stem(path).startswith(f"{basename(folder)}_"):
            return dirname(folder) or "."
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips, each with the camera's own proxy where it kept one."""
        stills, taken = sequences(tree.paths)
        proxies = {stem(path).lower(): path for path in tree.under("Proxy") if suffix(path) in MOVIES}
        apart = taken | set(proxies.values())
        clips = []
        for clip in lone_movies(path for path in tree.paths if path not in apart):
            stand_in = proxies.pop(clip.name.lower(), None)
            clips.append(movie(clip.name, clip.files, clip.sidecars, [stand_in] if stand_in else []))
        return stills + clips + lone_movies(proxies.values())
