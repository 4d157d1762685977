"""A plain folder: movies, camera raw and image sequences wherever they lie in it. Takes what no vendor took."""

from __future__ import annotations

from daemon.cards.base import Tree, as_found, lone_movies, no_accessory, no_index, sequences
from daemon.slate import FoundClip, Vendor


class Plain:
    """No vendor's structure."""

    vendor = Vendor.PLAIN
    flat = False
    missing = staticmethod(no_index)
    is_accessory = staticmethod(no_accessory)
    joined = staticmethod(as_found)

    def roll_folder(self, path: str) -> str | None:
        """Return None: a plain folder gives nothing away."""
        del path
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each movie and each sequence."""
        stills, taken = sequences(tree.paths)
        return stills + lone_movies(path for path in tree.paths if path not in taken)
