"""Blackmagic: a flat folder of `.braw` (or `.mov` beside them), with a `Proxy` folder the camera may keep."""

from __future__ import annotations

from posixpath import dirname

from daemon.cards.base import MOVIES, Tree, lone_movies, movie, no_index, stem, suffix
from daemon.slate import FoundClip, Vendor


class Blackmagic:
    """Blackmagic's flat card."""

    vendor = Vendor.BLACKMAGIC
    missing = staticmethod(no_index)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder of a `.braw`."""
        return dirname(path) or "." if suffix(path) == ".braw" else None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips, each with the camera's own proxy where it kept one."""
        proxies = {stem(path).lower(): path for path in tree.under("Proxy") if suffix(path) in MOVIES}
        rest = [path for path in tree.paths if path not in set(proxies.values())]
        clips = []
        for clip in lone_movies(rest):
            stand_in = proxies.pop(clip.name.lower(), None)
            clips.append(movie(clip.name, clip.files, clip.sidecars, [stand_in] if stand_in else []))
        return clips + lone_movies(proxies.values())
