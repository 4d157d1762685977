"""LUTs from strangers, `.cube` and `.clf`: looked through before a colour library may open them. Bytes in, nothing out.

A cube is handed on as the library reads it: OpenColorIO 2.6 takes no byte order mark, and of Resolve's kind no title.

Source: Adobe (Iridas) Cube LUT 1.0 and Resolve's with a shaper before the cube; SMPTE ST 2136-1 for CLF.
"""

from __future__ import annotations

import codecs
import re

from daemon.errors import SidecarError
from daemon.sidecars import xml

LIMIT_BYTES = 32 << 20
_MOST_1D, _MOST_3D = 65536, 65
"""Entries of a table and nodes a side of a cube; DITs' cubes have 17, 33 or 65."""
_OF_RESOLVE = re.compile(rb"^\s*LUT_[13]D_INPUT_RANGE\b", re.MULTILINE)
_TITLE = re.compile(rb"^[ \t]*TITLE\b[^\r\n]*\r?\n?", re.MULTILINE)
_VIDEO_RANGES = frozenset({"LUT_IN_VIDEO_RANGE", "LUT_OUT_VIDEO_RANGE"})
"""Resolve's words for a LUT between legal levels; no library here reads them, and unread they are another picture."""
_SIZES = {"LUT_1D_SIZE": _MOST_1D, "LUT_3D_SIZE": _MOST_3D}


def check(data: bytes, suffix: str, *, source: str) -> None:
    """Return nothing where the LUT can be handed on.

    Raises:
        SidecarError: it is of a kind that is not read, or its sizes, its numbers or its parts make no sense.
    """
    if len(data) > LIMIT_BYTES:
        raise _bad(source, f"it holds {len(data)} bytes, more than {LIMIT_BYTES}")
    if suffix == ".cube":
        _check_cube(data, source)
    elif suffix == ".clf":
        _check_clf(data, source)
    else:
        raise _bad(source, f"{suffix} is not read")


def as_read(data: bytes, suffix: str) -> bytes:
    """Return a LUT that was looked through as the library reads it: the same table."""
    if suffix != ".cube":
        return data
    data = data.removeprefix(codecs.BOM_UTF8)
    has_both = all(re.search(rb"^\s*%s\b" % size.encode(), data, re.MULTILINE) for size in _SIZES)
    return _TITLE.sub(b"", data) if has_both or _OF_RESOLVE.search(data) else data


def _check_cube(data: bytes, source: str) -> None:
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise _bad(source, "it is no text") from error
    lines = [line for line in lines if line and not line.startswith("#")]
    if said := next((line for line in lines if line in _VIDEO_RANGES), ""):
        raise _bad(source, f"it says {said}", fix="export it for full range, 0 to 1 from black to white")
    rows = [line for line in lines if line[0] in "+-.0123456789" or line[:3].lower() in {"nan", "inf"}]
    sizes = {word: _size(words, source) for line in lines if (words := line.split()) and (word := words[0]) in _SIZES}
    if not sizes:
        raise _bad(source, "it names neither LUT_1D_SIZE nor LUT_3D_SIZE")
    expected = sizes.get("LUT_1D_SIZE", 0) + sizes.get("LUT_3D_SIZE", 0) ** 3
    if len(rows) != expected:
        raise _bad(source, f"it holds {len(rows)} entries where {expected} are due")
    for row in rows:
        _check_row(row, source)


def _size(words: list[str], source: str) -> int:
    most = _SIZES[words[0]]
    number = int(words[1]) if len(words) == 2 and words[1].isdecimal() and len(words[1]) < 9 else 0  # noqa: PLR2004
    if not 2 <= number <= most:  # noqa: PLR2004 - black and white
        raise _bad(source, f"{' '.join(words)[:60]}: sizes go from 2 to {most}")
    return number


def _check_row(row: str, source: str) -> None:
    try:
        numbers = [float(word) for word in row.split()]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or not all(abs(number) < 1e6 for number in numbers):  # noqa: PLR2004 - red, green, blue
        raise _bad(source, f"the entry {row[:60]!r} is not three numbers")


def _check_clf(data: bytes, source: str) -> None:
    root = xml.parse(data, LIMIT_BYTES, source=source)
    if xml.local(root) != "ProcessList":
        raise _bad(source, f"it is <{xml.local(root)}>, no CLF")
    if any(xml.local(element) == "Reference" for element in root.iter("{*}Reference")):
        raise _bad(source, "it refers to another file")
    for array in root.iter("{*}Array"):
        if any(word.isdecimal() and int(word) > _MOST_1D for word in xml.attribute(array, "dim").split()[:4]):
            raise _bad(source, f"a table of {xml.attribute(array, 'dim')[:60]} is too large")


def _bad(source: str, why: str, fix: str = "export it as .cube of 33 or 65 nodes a side") -> SidecarError:
    return SidecarError(f"{source} is no LUT that can be used", why=why, fix=fix)
