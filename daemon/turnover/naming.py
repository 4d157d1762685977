"""Names that every cutting room's systems take: `[A-Za-z0-9._-]`, never a path, never hidden, never twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import count

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_AS_REVISION = re.compile(r"(_r\d+|\.a\d+)$", re.IGNORECASE)
_NAME_LENGTH = 96
_REEL_LENGTH = 32
"""Longest reel name. Source: field guide (Avid's tape name)."""
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))})
"""Names that Windows keeps for devices."""


def safe_name(name: str, length: int = _NAME_LENGTH) -> str:
    """Return a name of safe characters, never empty, never longer than `length`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = _UNSAFE.sub("_", plain).strip("._-")[:length].rstrip("._-")
    if not safe:
        safe = "clip"
    return f"{safe[: length - 1]}_" if safe.split(".")[0].lower() in _RESERVED else safe


def reel_name(name: str) -> str:
    """Return a reel name of safe characters and at most 32 of them."""
    return safe_name(name, _REEL_LENGTH)


def reels(roll: str, clip: str) -> Iterator[str]:
    """Yield reel names for a clip that has none, the best first: its name, with its roll's, then numbered."""
    yield reel_name(clip)
    base = reel_name(f"{roll}_{clip}")
    yield base
    for number in count(2):
        ending = f"-{number}"
        yield base[: _REEL_LENGTH - len(ending)] + ending


def unique(names: Sequence[str]) -> list[str]:
    """Return safe names in the same order, no two alike in any case; an earlier name keeps its form.

    A name that ends as a revision or a track does (`A_r2`, `A.A1`) gets `-1`, or it would be taken for one of `A`.
    """
    taken: set[str] = set()
    result = []
    for name in names:
        base = safe_name(name)
        if _AS_REVISION.search(base):
            base = f"{base[: _NAME_LENGTH - 2]}-1"
        candidate = base
        number = 2
        while candidate.lower() in taken:
            ending = f"-{number}"
            candidate, number = base[: _NAME_LENGTH - len(ending)] + ending, number + 1
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def revision_name(clip: str, revision: int, suffix: str = ".mov", sound: int = 0) -> str:
    """Return the file name of a proxy: `<clip>.mov`, from the second revision on `<clip>_r2.mov`.

    A sound track with a file of its own is `<clip>.A1.mxf`, counted from 1.
    """
    ending = "" if revision == 1 else f"_r{revision}"
    return f"{clip}{ending}{f'.A{sound}' if sound else ''}{suffix}"
