"""Legacy MHL 1.0 and 1.1: bytes to a flat list of files and hashes, spelled as nearset spells them.

Owns the traps of the format: `xxhash64` is little-endian hex and `xxhash64be` the usual big-endian one,
`xxhash` is 32 bits in decimal, `null` vouches for a size alone. Opens no file and checks none.
Source: mediahashlist.org, and the reference tool's own test lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.errors import SidecarError
from daemon.hashing import NULL, well_formed
from daemon.sidecars import xml

_VERSIONS = {"1.0", "1.1"}
_NAMES = {
    "md5": "md5",
    "sha1": "sha1",
    "xxhash": "xxhash",
    "xxhash64": "xxh64",
    "xxhash64be": "xxh64",
    "xxhash128": "xxh128",
    "xxhash3_64": "xxh3",
    "null": NULL,
}
"""From a list's element names to nearset's algorithms."""


@dataclass(frozen=True, slots=True)
class LegacyEntry:
    """One file of a list. `path` is relative to the list's folder, `/` separated; hashes by algorithm."""

    path: str
    size_bytes: int | None
    hashes: dict[str, str]
    hashed_at: str


@dataclass(frozen=True, slots=True)
class LegacyList:
    """One legacy MHL."""

    version: str
    tool: str
    entries: tuple[LegacyEntry, ...]


def parse(data: bytes, *, source: str = "the MHL") -> LegacyList:
    """Return a legacy MHL's content.

    Raises:
        SidecarError: it is not a legacy MHL, or an entry of it makes no sense.
    """
    root = xml.parse(data, source=source)
    version = xml.attribute(root, "version")
    if xml.local(root) != "hashlist" or version not in _VERSIONS:
        raise _nonsense(source, f"it is <{xml.local(root)}> version {version or 'unknown'}, not an MHL 1.0 or 1.1")
    creator = xml.child(root, "creatorinfo")
    tool = "" if creator is None else xml.text(creator, "tool")
    return LegacyList(version, tool, tuple(_entry(entry, source) for entry in xml.children(root, "hash")))


def relative_path(path: str, source: str) -> str:
    """Return a manifest's path with its `./` and doubled slashes taken out.

    Raises:
        SidecarError: it is empty, absolute, or leads upwards.
    """
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if not parts or path.startswith("/") or ".." in parts or re.match("[A-Za-z]:$", parts[0]):
        raise _nonsense(source, f"the path {path!r} does not lead to a file beneath it")
    return "/".join(parts)


def _entry(element: xml.Element, source: str) -> LegacyEntry:
    # Lists written on Windows may separate with backslashes; no camera has one in a name.
    path = relative_path(xml.text(element, "file").replace("\\", "/"), source)
    size = xml.text(element, "size")
    if size and not well_formed(NULL, size):
        raise _nonsense(source, f"the size of {path} is {size!r}")
    size_bytes = int(size) if size else None
    hashes: dict[str, str] = {}
    for found in element.iterchildren("{*}*"):
        if algorithm := _NAMES.get(xml.local(found)):
            value = _value(found, algorithm, size_bytes, path, source)
            if hashes.setdefault(algorithm, value) != value:
                raise _nonsense(source, f"two {algorithm} hashes of {path} differ")
    if not hashes:
        raise _nonsense(source, f"{path} has no hash of a known format")
    return LegacyEntry(path, size_bytes, hashes, xml.text(element, "hashdate"))


def _value(element: xml.Element, algorithm: str, size_bytes: int | None, path: str, source: str) -> str:
    raw = (element.text or "").strip().lower()
    if algorithm == NULL:
        raw = "" if size_bytes is None else str(size_bytes)
    elif xml.local(element) == "xxhash":
        raw = raw.zfill(10)
    if not well_formed(algorithm, raw):
        raise _nonsense(source, f"the {xml.local(element)} of {path} is {element.text!r}")
    return _reversed_bytes(raw) if xml.local(element) == "xxhash64" else raw


def _reversed_bytes(digits: str) -> str:
    return bytes.fromhex(digits)[::-1].hex()


def _nonsense(source: str, why: str) -> SidecarError:
    return SidecarError(
        f"{source} cannot be used as a manifest",
        why=why,
        fix="have the offload tool write it anew, or take it out of the offload if it is not one",
    )
