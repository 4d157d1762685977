"""Canon XF: `CONTENTS/CLIPS001/A001C001_…_CANON.MXF`, spanned as `…_01.MXF`, `…_02.MXF`. Source: field guide."""

from __future__ import annotations

import re
from posixpath import dirname

from daemon.cards.base import MOVIES, RAW_FORMATS, Tree, movie, no_accessory, no_index, stem, suffix
from daemon.slate import FoundClip, Vendor

_CLIPS = re.compile(r"(^|/)CONTENTS/CLIPS\d{3}/", re.IGNORECASE)
_PART = re.compile(r"_(\d{2,3})$")


class Canon:
    """Canon's XF structure."""

    vendor = Vendor.CANON
    flat = False
    missing = staticmethod(no_index)
    is_accessory = staticmethod(no_accessory)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder that holds CONTENTS/CLIPSnnn."""
        found = _CLIPS.search(path)
        return (path[: found.start()] or ".") if found else None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return a clip for each recording, its parts in order."""
        parts: dict[tuple[str, str, str], list[str]] = {}
        metas: dict[tuple[str, str], list[str]] = {}
        for path in tree.paths:
            if not _CLIPS.search(path):
                continue
            key = (dirname(path), _PART.sub("", stem(path)))
            if suffix(path) in MOVIES or suffix(path) in RAW_FORMATS:
                parts.setdefault((*key, suffix(path)), []).append(path)
            elif suffix(path) in {".xml", ".cif", ".cpf"}:
                metas.setdefault(key, []).append(path)
        return [
            movie(name, sorted(files), metas.pop((folder, name), ()))
            for (folder, name, _), files in sorted(parts.items())
        ]
