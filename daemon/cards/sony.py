"""Sony: `XDROOT/Clip/*.MXF` and `M4ROOT/CLIP/*.MP4`, `…M01.XML` beside each, proxies in `Sub/`, MEDIAPRO.XML.

Source: field guide; card indexes of FX6 and FDR-AX100 as kept by their owners.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from daemon.cards.base import Read, Tree, as_found, before, movie, stem, suffix
from daemon.errors import NearsetError
from daemon.sidecars.sony import parse_index
from daemon.slate import FoundClip, Vendor

_PROXY = re.compile(r"S\d{2}$", re.IGNORECASE)
_META = re.compile(r"[MR]\d{2}$", re.IGNORECASE)
_RECORDINGS = frozenset({".mxf", ".mp4", ".mov"})


class Sony:
    """One of Sony's two structures."""

    flat = False
    joined = staticmethod(as_found)

    def __init__(self, vendor: Vendor, folder: str, parents: tuple[str, ...]) -> None:
        self.vendor, self._folder, self._parents = vendor, folder, parents

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds XDROOT, or PRIVATE/M4ROOT."""
        for parent in self._parents:
            if (roll := before(path, f"{parent}{self._folder}")) is not None:
                return roll
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each recording in the clip folder."""
        clips = []
        for base in self._bases(tree):
            files = tree.under(f"{base}/clip")
            proxies = _by_clip(_PROXY, (path for path in tree.under(f"{base}/sub") if suffix(path) in _RECORDINGS))
            metas = _by_clip(_META, (path for path in files if suffix(path) in {".xml", ".bim"}))
            for path in files:
                if suffix(path) in _RECORDINGS:
                    name = stem(path)
                    clips.append(movie(name, [path], metas.pop(name.lower(), ()), proxies.pop(name.lower(), ())))
        return clips

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the recordings that MEDIAPRO.XML names and the clip folder lacks."""
        absent: list[str] = []
        for base in self._bases(tree):
            there = {stem(path).lower() for path in tree.under(f"{base}/clip") if suffix(path) in _RECORDINGS}
            for path in tree.under(base):
                if path.lower() == f"{base}/mediapro.xml".lower():
                    absent += [name for name in _indexed(path, read) if name.lower() not in there]
        return absent

    def is_accessory(self, path: str) -> bool:
        """Return whether a file is a proxy; without its recording it is no clip."""
        return before(path, f"{self._folder}/Sub") is not None

    def _bases(self, tree: Tree) -> list[str]:
        return [base for parent in self._parents if tree.has(base := f"{parent}{self._folder}")]


def _by_clip(ending: re.Pattern[str], paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the paths by the clip, in lower case, that their names say they belong to."""
    by_clip: dict[str, list[str]] = {}
    for path in paths:
        by_clip.setdefault(ending.sub("", stem(path)).lower(), []).append(path)
    return by_clip


def _indexed(path: str, read: Read) -> list[str]:
    try:
        return [stem(material.path) for material in parse_index(read(path)).materials]
    except NearsetError:
        return []  # an index that cannot be read says nothing about what is missing; the manifest still does
