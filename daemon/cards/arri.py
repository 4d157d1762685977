"""ARRI: a roll folder of `A001C001_160102_R1JL.mxf` or `.mov` (or a folder of `.ari` a clip) with its own ALE.

Source: field guide (`A004C010_20100610_R1JL`, ALEXA 35 `A_0001C001_230202_052359_h12NR`).
"""

from __future__ import annotations

import re
from posixpath import dirname

from daemon.cards.base import Read, Tree, as_found, lone_movies, no_accessory, sequences, stem, suffix
from daemon.errors import NearsetError
from daemon.slate import FoundClip, Vendor

_CLIP = re.compile(r"^[A-Z]_?\d{3,4}C\d{3}_\d{6,8}_(\d{6}_)?[A-Za-z0-9]{4,5}$")


class Arri:
    """ARRI's roll folder."""

    vendor = Vendor.ARRI
    flat = True
    is_accessory = staticmethod(no_accessory)
    joined = staticmethod(as_found)

    def roll_folder(self, path: str) -> str | None:
        """Return the folder of an ARRI clip; of a folder of ARRIRAW frames the one above."""
        name = stem(path)
        if suffix(path) in {".mxf", ".mov"} and _CLIP.match(name):
            return dirname(path) or "."
        if suffix(path) in {".ari", ".arx"} and _CLIP.match(dirname(path).rsplit("/", 1)[-1]):
            return dirname(dirname(path)) or "."
        return None

    def clips(self, tree: Tree) -> list[FoundClip]:
        """Return the clips that carry ARRI names."""
        stills, taken = sequences([path for path in tree.paths if suffix(path) in {".ari", ".arx"}])
        rest = [path for path in tree.paths if path not in taken]
        return stills + [clip for clip in lone_movies(rest) if _CLIP.match(clip.name)]

    def missing(self, tree: Tree, read: Read) -> list[str]:
        """Return the clips that the roll's ALE names and the roll lacks."""
        there = {stem(path).lower() for path in tree.paths} | {
            dirname(path).rsplit("/", 1)[-1].lower() for path in tree.paths
        }
        named: list[str] = []
        for path in tree.paths:
            if suffix(path) == ".ale":
                named += _names(path, read)
        return [name for name in named if _CLIP.match(name) and name.lower() not in there]


def _names(path: str, read: Read) -> list[str]:
    """Return an ALE's clip names."""
    try:
        text = read(path).decode("utf-8", "replace")
    except NearsetError:
        return []  # an index that cannot be read says nothing about what is missing; the manifest still does
    lines = [line.strip("\n") for line in text.replace("\r", "\n").split("\n") if line.strip()]
    if "Data" not in lines:
        return []
    head, rows = lines[: lines.index("Data")], lines[lines.index("Data") + 1 :]
    columns = head[-1].split("\t") if "Column" in head else []
    at = columns.index("Name") if "Name" in columns else 0
    return [stem(cells[at]) for row in rows if len(cells := row.split("\t")) > at]
