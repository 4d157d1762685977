"""Panasonic P2: `CONTENTS/CLIP/0001AB.XML` names a clip; `VIDEO/0001AB.MXF` and `AUDIO/0001AB00.MXF` are it.

A clip's files are its video, then its audio tracks in order. Source: field guide.
"""

from __future__ import annotations

from daemon.cards.base import Read, Tree, before, movie, stem, suffix
from daemon.slate import FoundClip, Vendor


class P2:
    """Panasonic's professional card."""

    vendor = Vendor.P2

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds CONTENTS/VIDEO or CONTENTS/CLIP."""
        for folder in ("CONTENTS/VIDEO", "CONTENTS/CLIP"):
            if (roll := before(path, folder)) is not None:
                return roll
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each video file."""
        clips = []
        sound = [path for path in tree.under("CONTENTS/AUDIO") if suffix(path) == ".mxf"]
        metas = {stem(path).lower(): path for path in tree.under("CONTENTS/CLIP") if suffix(path) == ".xml"}
        for path in tree.under("CONTENTS/VIDEO"):
            if suffix(path) == ".mxf":
                name = stem(path)
                tracks = [track for track in sound if stem(track).lower().startswith(name.lower())]
                meta = metas.get(name.lower())
                clips.append(movie(name, [path, *tracks], [meta] if meta else []))
        return clips

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the clips whose XML is there and whose video is not."""
        del read
        there = {stem(path).lower() for path in tree.under("CONTENTS/VIDEO")}
        named = [stem(path) for path in tree.under("CONTENTS/CLIP") if suffix(path) == ".xml"]
        return [name for name in named if name.lower() not in there]
