"""AVCHD: `PRIVATE/AVCHD/BDMV/STREAM/00000.MTS`, one clip a stream file.

A recording that the camera split at 2 or 4 GB is one clip where the card's playlist says that a stream goes on from the
one before; names alone do not tell it from several recordings. Source: field guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from daemon.cards.base import Read, Tree, before, movie, no_accessory, stem
from daemon.errors import NearsetError
from daemon.sidecars import mpls
from daemon.sidecars.mpls import PlayItem
from daemon.slate import FoundClip, Vendor

_STREAM = re.compile(r"(^|/)BDMV/STREAM/[^/]+\.(mts|m2ts)$", re.IGNORECASE)

_PLAYLIST = re.compile(r"(^|/)BDMV/PLAYLIST/[^/]+\.(mpl|mpls)$", re.IGNORECASE)


class Avchd:
    """The consumer card of Panasonic and Sony."""

    vendor = Vendor.AVCHD
    flat = False
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

    def joined(self, clips: list[FoundClip], tree: Tree, read: Read) -> list[FoundClip]:
        """Return the clips, those joined that a playlist plays without a seam."""
        by_name = {clip.name: clip for clip in clips}
        for items in _playlists(tree, read):
            for before_, item in pairwise(items):
                first, more = by_name.get(before_.stream), by_name.get(item.stream)
                if item.continues and first and more and first is not more:
                    whole = replace(first, files=first.files + more.files)
                    by_name |= dict.fromkeys((name for name, clip in by_name.items() if clip in (first, more)), whole)
        return list(dict.fromkeys(by_name.values()))

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the streams that a playlist names and the card lacks."""
        there = {stem(path) for path in tree.paths if _STREAM.search(path)}
        named = (item.stream for items in _playlists(tree, read) for item in items)
        return [name for name in dict.fromkeys(named) if name not in there]


def _playlists(tree: Tree, read: Read) -> Iterator[tuple[PlayItem, ...]]:
    """Yield what each playlist plays; one that cannot be read says nothing."""
    for path in tree.paths:
        if _PLAYLIST.search(path):
            with suppress(NearsetError):
                yield mpls.parse(read(path), path)
