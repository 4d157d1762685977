"""AVCHD: `PRIVATE/AVCHD/BDMV/STREAM/00000.MTS`, one recording a stream file.

Files that a camera split at its file system's limit (exactly full, numbered on) are one clip. Source: field
guide; the 2 and 4 GB limits of FAT32 as cameras use them.
"""

from __future__ import annotations

import re

from daemon.cards.base import Tree, before, movie, no_index, stem
from daemon.slate import FoundClip, Vendor

_STREAM = re.compile(r"(^|/)BDMV/STREAM/[^/]+\.(mts|m2ts)$", re.IGNORECASE)


class Avchd:
    """The consumer card of Panasonic and Sony."""

    vendor = Vendor.AVCHD
    missing = staticmethod(no_index)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds PRIVATE/AVCHD or AVCHD."""
        for folder in ("PRIVATE/AVCHD/BDMV/STREAM", "AVCHD/BDMV/STREAM"):
            if (roll := before(path, folder)) is not None:
                return roll
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each stream file."""
        return [movie(stem(path), [path]) for path in tree.paths if _STREAM.search(path)]
