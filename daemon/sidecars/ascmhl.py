"""ASC MHL 2.0: generations and chain files as dataclasses, and a history whose chain was checked.

Owns the format and what a chain proves. Directory hashes are not read: every file's own hash is demanded
anyway. Ignore patterns take nothing away that a generation lists; they only say what is not meant to be
listed. Opens no file: what it needs comes through `read`.
Source: ASC MHL specification 1.0 and its schemas, `ASCMHL.xsd` and `ASCMHLDirectory.xsd`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from lxml import etree
from pathspec import GitIgnoreSpec

from daemon.errors import BadManifest, SidecarError
from daemon.hashing import NULL, hash_bytes, well_formed
from daemon.sidecars import xml
from daemon.sidecars.mhl import relative_path

_T = TypeVar("_T")

FOLDER = "ascmhl"
CHAIN = "ascmhl_chain.xml"
NAMESPACE = "urn:ASC:MHL:v2.0"
_CHAIN_NAMESPACE = "urn:ASC:MHL:DIRECTORY:v2.0"
_FORMATS = ("c4", "md5", "sha1", "xxh128", "xxh3", "xxh64")
_MAX_WILDCARDS = 3
_ACTIONS = {"original", "verified", "failed", ""}


@dataclass(frozen=True, slots=True)
class RecordedHash:
    """One hash of one file in one generation; `action` is original, verified, failed, or not said."""

    algorithm: str
    value: str
    action: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a generation. Paths are relative to the history's folder, `/` separated."""

    path: str
    size_bytes: int | None
    hashes: tuple[RecordedHash, ...]
    previous_path: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A nested history's manifest, by path from this history's folder, and the C4 of its bytes."""

    path: str
    c4: str


@dataclass(frozen=True, slots=True)
class Generation:
    """One manifest of a history. `process` is in-place, transfer or flatten."""

    process: str
    created_at: str
    entries: tuple[Entry, ...]
    ignore: tuple[str, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One line of a chain file."""

    number: int
    path: str
    c4: str


@dataclass(frozen=True, slots=True)
class History:
    """All generations of a folder, oldest first; `folder` is relative to the root, empty for the root."""

    folder: str
    generations: tuple[Generation, ...]


@lru_cache(maxsize=32)
def ignore_spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    """Return a matcher of ASC MHL ignore patterns, which are gitignore's.

    A pattern that is none, or that has more wildcards than any real one (matching takes exponentially longer
    with each), covers nothing.
    """
    return GitIgnoreSpec.from_lines(pattern for pattern in patterns if _usable(pattern))


def parse_generation(data: bytes, *, source: str = "the generation") -> Generation:
    """Return a generation's content.

    Raises:
        SidecarError: it is not an ASC MHL 2.0 manifest, or an entry of it makes no sense.
    """
    root = _root(data, f"{{{NAMESPACE}}}hashlist", source)
    creator, process, hashes, references = (
        xml.child(root, name) for name in ("creatorinfo", "processinfo", "hashes", "references")
    )
    ignore = None if process is None else xml.child(process, "ignore")
    return Generation(
        process="" if process is None else xml.text(process, "process"),
        created_at="" if creator is None else xml.text(creator, "creationdate"),
        entries=tuple(_entry(found, source) for found in _listed(hashes, "hash")),
        ignore=tuple((found.text or "").strip() for found in _listed(ignore, "pattern")),
        references=tuple(
            Reference(relative_path(xml.text(found, "path"), source), xml.text(found, "c4"))
            for found in _listed(references, "hashlistreference")
        ),
    )


def parse_chain(data: bytes, *, source: str = "the chain") -> tuple[Link, ...]:
    """Return a chain file's links in order.

    Raises:
        SidecarError: it is not an ASC MHL chain, or a link of it makes no sense.
    """
    root = _root(data, f"{{{_CHAIN_NAMESPACE}}}ascmhldirectory", source)
    return tuple(_link(found, source) for found in xml.children(root, "hashlist"))


def compose_generation(generation: Generation, *, tool: str, version: str, hostname: str) -> bytes:
    """Return a generation's file; `parse_generation` reads the same generation back."""
    root = _document(NAMESPACE, "hashlist", version="2.0")
    creator = _put(root, "creatorinfo")
    _put(creator, "creationdate", generation.created_at)
    _put(creator, "hostname", hostname)
    _put(creator, "tool", tool, version=version)
    process = _put(root, "processinfo")
    _put(process, "process", generation.process)
    _put_all(process, "ignore", generation.ignore, lambda to, pattern: _put(to, "pattern", pattern))
    _put_all(root, "hashes", generation.entries, _put_entry)
    _put_all(root, "references", generation.references, _put_reference)
    return _written(root)


def compose_chain(links: Iterable[Link]) -> bytes:
    """Return a chain's file; `parse_chain` reads the same links back."""
    root = _document(_CHAIN_NAMESPACE, "ascmhldirectory")
    for link in links:
        line = _put(root, "hashlist", sequencenr=str(link.number))
        _put(line, "path", link.path)
        _put(line, "c4", link.c4)
    return _written(root)


def load(folder: str, names: Iterable[str], read: Callable[[str], bytes]) -> History:
    """Return the history whose `ascmhl` folder holds these names; `read` takes paths from the root.

    Raises:
        BadManifest: the chain is absent, or a generation is missing, changed, unnamed or out of sequence.
        SidecarError: a manifest makes no sense.
    """
    base = f"{folder}/{FOLDER}" if folder else FOLDER
    there = set(names)
    if CHAIN not in there:
        raise _broken(base, f"{CHAIN} is missing, so nothing vouches for its generations")
    links = parse_chain(read(f"{base}/{CHAIN}"), source=f"{base}/{CHAIN}")
    _check_sequence(base, links)
    strangers = {name for name in there if _is_manifest(name)} - {link.path for link in links}
    if strangers:
        raise _broken(base, f"{min(strangers)} is not in its chain")
    return History(folder, tuple(_generation(base, link, there, read) for link in links))


def check_references(
    history: History, there: Collection[str], concerns: Callable[[str], bool], read: Callable[[str], bytes]
) -> None:
    """Return nothing if the nested manifests that a history vouches for are there and what they were.

    Only references whose path from the root `concerns` the caller are looked at.

    Raises:
        BadManifest: a nested manifest is missing, or differs from the C4 that the outer history has for it.
    """
    for reference in (found for generation in history.generations for found in generation.references):
        path = f"{history.folder}/{reference.path}" if history.folder else reference.path
        if not concerns(path):
            continue
        if path not in there:
            raise _broken(history.folder or ".", f"the nested manifest {path}, which it refers to, is missing")
        if hash_bytes("c4", read(path)) != reference.c4:
            raise _broken(history.folder or ".", f"the nested manifest {path} was changed: its C4 differs")


def _generation(base: str, link: Link, there: set[str], read: Callable[[str], bytes]) -> Generation:
    if link.path not in there:
        raise _broken(base, f"generation {link.number} ({link.path}) is missing")
    data = read(f"{base}/{link.path}")
    got = hash_bytes("c4", data)
    if got != link.c4:
        why = f"generation {link.number} ({link.path}) was changed: C4 expected {link.c4}, got {got}"
        raise _broken(base, why)
    return parse_generation(data, source=f"{base}/{link.path}")


def _check_sequence(base: str, links: tuple[Link, ...]) -> None:
    if not links:
        raise _broken(base, "its chain names no generation")
    for number, link in enumerate(links, start=1):
        if link.number != number:
            raise _broken(base, f"its chain goes to generation {link.number} where {number} is due")


def _usable(pattern: str) -> bool:
    if len(re.findall(r"\*+|\?", pattern)) > _MAX_WILDCARDS:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # a set in a set: what it means is not settled
            GitIgnoreSpec.from_lines([pattern])
    except (ValueError, re.error, FutureWarning):
        return False
    return True


def _is_manifest(name: str) -> bool:
    return name.endswith(".mhl") and not name.startswith(".")


def _document(space: str, name: str, **attributes: str) -> xml.Element:
    default = {None: space}
    return etree.Element(f"{{{space}}}{name}", attributes, default)  # type: ignore[arg-type] # stubs lack None


def _put(parent: xml.Element, name: str, text: str = "", **attributes: str) -> xml.Element:
    """Return a new child in its parent's namespace."""
    space = str(parent.tag).partition("}")[0]
    element = etree.SubElement(parent, f"{space}}}{name}", attributes)
    element.text = text or None
    return element


def _put_all(parent: xml.Element, name: str, content: Sequence[_T], put: Callable[[xml.Element, _T], object]) -> None:
    """Put a list's element, which the schema forbids to be empty."""
    element = _put(parent, name) if content else parent
    for one in content:
        put(element, one)


def _put_entry(parent: xml.Element, entry: Entry) -> None:
    element = _put(parent, "hash")
    size = {} if entry.size_bytes is None else {"size": str(entry.size_bytes)}
    _put(element, "path", entry.path, **size)
    # The schema wants the formats in the order of their names.
    for found in sorted(entry.hashes, key=lambda found: found.algorithm):
        action = {"action": found.action} if found.action else {}
        _put(element, found.algorithm, found.value, **action)
    if entry.previous_path:
        _put(element, "previousPath", entry.previous_path)


def _put_reference(parent: xml.Element, reference: Reference) -> None:
    element = _put(parent, "hashlistreference")
    _put(element, "path", reference.path)
    _put(element, "c4", reference.c4)


def _written(root: xml.Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _root(data: bytes, tag: str, source: str) -> xml.Element:
    root = xml.parse(data, source=source)
    if root.tag != tag:
        raise _nonsense(source, f"it is <{root.tag}>, not <{tag}>")
    return root


def _listed(parent: xml.Element | None, name: str) -> list[xml.Element]:
    return [] if parent is None else xml.children(parent, name)


def _entry(element: xml.Element, source: str) -> Entry:
    found = xml.child(element, "path")
    path = relative_path("" if found is None else (found.text or "").strip(), source)
    size = "" if found is None else xml.attribute(found, "size")
    if size and not well_formed(NULL, size):
        raise _nonsense(source, f"the size of {path} is {size!r}")
    hashes = tuple(
        _recorded(child, path, source) for child in element.iterchildren("{*}*") if xml.local(child) in _FORMATS
    )
    if not hashes:
        raise _nonsense(source, f"{path} has no hash of a known format")
    previous = xml.text(element, "previousPath")
    return Entry(path, int(size) if size else None, hashes, relative_path(previous, source) if previous else "")


def _recorded(element: xml.Element, path: str, source: str) -> RecordedHash:
    algorithm, value = xml.local(element), (element.text or "").strip()
    value = value if algorithm == "c4" else value.lower()
    action = xml.attribute(element, "action")
    if action not in _ACTIONS:
        raise _nonsense(source, f"the action of {path} is {action!r}")
    if not well_formed(algorithm, value):
        raise _nonsense(source, f"the {algorithm} of {path} is {value!r}")
    return RecordedHash(algorithm, value, action)


def _link(element: xml.Element, source: str) -> Link:
    path, c4 = xml.text(element, "path"), xml.text(element, "c4")
    number = xml.attribute(element, "sequencenr")
    if not re.fullmatch("[0-9]{1,9}", number, re.ASCII):
        raise _nonsense(source, f"a generation's number is {number!r}")
    if "/" in path or not _is_manifest(path):
        raise _nonsense(source, f"generation {number} is {path!r}, not a manifest in its folder")
    if not well_formed("c4", c4):
        raise _nonsense(source, f"the C4 of generation {number} is {c4!r}")
    return Link(int(number), path, c4)


def _broken(where: str, why: str) -> BadManifest:
    return BadManifest(
        f"the ASC MHL history in {where} cannot be trusted",
        why=why,
        fix="copy the ascmhl folder again from the card's first copy; do not edit what lies in it",
    )


def _nonsense(source: str, why: str) -> SidecarError:
    return SidecarError(
        f"{source} cannot be used as a manifest",
        why=why,
        fix="copy it again, or have the offload tool write it anew",
    )
