"""RED: `A007.RDM/A007_C001_0124UA.RDC/A007_C001_0124UA_001.R3D`; the parts of an RDC folder are one clip.

Source: field guide.
"""

from __future__ import annotations

import re
from posixpath import dirname

from daemon.cards.base import Tree, movie, no_index, stem, suffix
from daemon.slate import FoundClip, Vendor

_RDM = re.compile(r"(^|/)[^/]+\.RDM/", re.IGNORECASE)
_RDC = re.compile(r"(^|/)[^/]+\.RDC/", re.IGNORECASE)
_PART = re.compile(r"_\d{3}$")


class Red:
    """RED's magazine."""

    vendor = Vendor.RED
    missing = staticmethod(no_index)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds the RDM, or the RDC where there is no RDM."""
        for pattern in (_RDM, _RDC):
            if found := pattern.search(path):
                return path[: found.start()] or "."
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each RDC folder, its parts in order; ProRes or DNx recordings too."""
        parts: dict[tuple[str, str], list[str]] = {}
        beside: dict[tuple[str, str], list[str]] = {}
        for path in tree.paths:
            key = (dirname(path), _PART.sub("", stem(path)))
            if suffix(path) == ".r3d":
                parts.setdefault(key, []).append(path)
            elif suffix(path) in {".rmd", ".wav", ".mov", ".mxf"} and _RDC.search(path):
                beside.setdefault((dirname(path), _PART.sub("", stem(path))), []).append(path)
        return [
            movie(
                key[1],
                sorted(files),
                [path for path in beside.get(key, []) if suffix(path) in {".rmd", ".wav"}],
                [path for path in beside.get(key, []) if suffix(path) in {".mov", ".mxf"}],
            )
            for key, files in sorted(parts.items())
        ]
