"""AVCHD: `PRIVATE/AVCHD/BDMV/STREAM/00000.MTS`, one clip a stream file.

A recording that the camera split at 2 or 4 GB is several clips here: names alone do not tell it from several
recordings. Source: field guide.
"""

from __future__ import annotations

import re

from daemon.cards.base import Tree, before, movie, no_accessory, no_index, stem
from daemon.slate import FoundClip, Vendor

_STREAM = re.compile(r"(^|/)BDMV/STREAM/[^/]+\.(mts|m2ts)$", re.IGNORECASE)


class Avchd:
    """The consumer card of Panasonic and Sony."""

    vendor = Vendor.AVCHD
    flat = False
    missing = staticmethod(no_index)
    is_accessory = staticmethod(no_accessory)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds PRIVATE/AVCHD or AVCHD."""
        for folder in ("PRIVATE/AVCHD/BDMV/STREAM", "AVCHD/BDMV/STREAM"):
            if (roll := before(path, folder)) is not None:
                return roll
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each stream file."""
        return [movie(stem(path), [path]) for path in tree.paths if _STREAM.search(path)]
