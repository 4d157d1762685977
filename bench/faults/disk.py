"""A disk whose power is cut: what a recording of changes may have left on it, by the least that a filesystem promises.

What a flush of a file covered is there: its bytes, not its name. What a flush of a folder covered is there: its names.
All else may be there, be missing, be torn at a sector, or read as zeros where it was beyond the flushed end of the
file, in any order. A rename within a folder is whole or was not; one between folders may leave both names, never none.
Source: POSIX fsync and rename; Pillai et al., All File Systems Are Not Created Equal, OSDI 2014, section 3.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

_HEAD = struct.Struct("=IIIIQq")
_SECTOR_BYTES = 512
Tree = dict[str, bytes | str | None]
"""What lies in a folder by path: bytes of files, targets of links, None for folders."""


class Op(IntEnum):
    """What was done; as in `shim.c`."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    RENAME = 4
    LINK = 5
    UNLINK = 6
    MKDIR = 7
    SYNC = 8
    SYMLINK = 9


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a recording: the inode's number where it has one, paths, and bytes at an offset."""

    op: Op
    first: str
    second: str
    data: bytes
    inode: int
    offset: int


def changes(journal: bytes) -> list[Change]:
    """Return what was recorded."""
    found, at = [], 0
    while at < len(journal):
        op, first, second, data, inode, offset = _HEAD.unpack_from(journal, at)
        at += _HEAD.size
        texts = journal[at : at + first], journal[at + first : at + first + second]
        at += first + second
        paths = [os.fsdecode(text).removesuffix(" (deleted)") for text in texts]
        found.append(Change(Op(op), *paths, journal[at : at + data], inode, offset))
        at += data
    return found


@dataclass(slots=True)
class Write:
    """Bytes at an offset; with none, the file's length becomes the offset."""

    offset: int
    data: bytes


@dataclass(slots=True, eq=False)
class Node:
    """A file, a link (with its target) or a folder: what is on the disk for certain, and what may be."""

    is_folder: bool = False
    target: str = ""
    bytes_: bytes = b""
    writes: list[Write] = field(default_factory=list)
    names: dict[str, Node] = field(default_factory=dict)
    renames: list[Rename] = field(default_factory=list)
    live: dict[str, Node] = field(default_factory=dict)

    def flush(self) -> None:
        """Make all that was done so far certain."""
        if self.is_folder:
            for change in self.renames:
                (change.behind or change).is_certain = True
            self.names, self.renames = dict(self.live), []
        else:
            self.bytes_, self.writes = _written(self.bytes_, self.writes), []


@dataclass(slots=True, eq=False)
class Rename:
    """A change of names in one folder; `behind` must be there before it may be, and is where this one was flushed."""

    names: dict[str, Node | None]
    behind: Rename | None = None
    is_certain: bool = False


def _written(before: bytes, writes: list[Write]) -> bytes:
    content = bytearray(before)
    for write in writes:
        if not write.data:
            del content[write.offset :]
        content.extend(bytes(max(0, write.offset + len(write.data) - len(content))))
        content[write.offset : write.offset + len(write.data)] = write.data
    return bytes(content)


@dataclass(frozen=True, slots=True)
class Luck:
    """How a cut goes: the chance that a write is kept whole, and that it is torn, and that a name is kept."""

    whole: float
    torn: float
    name: float


LUCKS = (Luck(0, 0, 0), Luck(0, 0, 1), Luck(1, 0, 0), Luck(0.5, 0.25, 0.5), Luck(0.8, 0.1, 0.8), Luck(0.2, 0.4, 0.9))
"""All is lost; names are kept and bytes are not; bytes and no names; and what lies between."""


class Disk:
    """A folder as it was when its recording began, and what became of it since."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inodes: dict[int, Node] = {}
        self._top = self._read(root)

    def do(self, change: Change) -> None:
        """Take in a change."""
        match change.op:
            case Op.CREATE | Op.MKDIR | Op.SYMLINK:
                made = Node(is_folder=change.op is Op.MKDIR, target=change.second)
                self._inodes[change.inode] = made
                self._name(change.first, made)
            case Op.WRITE | Op.TRUNCATE:
                if node := self._inodes.get(change.inode):
                    node.writes.append(Write(change.offset, change.data))
            case Op.LINK:
                self._name(change.second, self._at(change.first))
            case Op.RENAME:
                self._rename(change)
            case Op.UNLINK:
                self._name(change.first, None)
            case Op.SYNC:
                if node := self._inodes.get(change.inode):
                    node.flush()

    def calm(self) -> Tree:
        """Return what lies there if nothing is lost."""
        return dict(_listed(self._top, "", lambda node: _written(node.bytes_, node.writes), lambda node: node.live))

    def cut(self, chance: random.Random, luck: Luck) -> Tree:
        """Return what may lie there after a cut now."""
        files: dict[int, bytes] = {}
        kept = _Kept(chance, luck)

        def content(node: Node) -> bytes:
            if id(node) not in files:
                files[id(node)] = _after(node, chance, luck)
            return files[id(node)]

        return dict(_listed(self._top, "", content, kept.names))

    def _read(self, path: Path) -> Node:
        seen = path.lstat()
        node = self._inodes.setdefault(seen.st_ino, Node(is_folder=path.is_dir() and not path.is_symlink()))
        if path.is_symlink():
            node.target = str(path.readlink())
        elif node.is_folder:
            node.names = {entry.name: self._read(entry) for entry in sorted(path.iterdir())}
            node.live = dict(node.names)
        else:
            node.bytes_ = path.read_bytes()
        return node

    def _at(self, path: str) -> Node | None:
        node: Node | None = self._top
        for part in Path(path).relative_to(self._root).parts:
            node = node.live.get(part) if node else None
        return node

    def _name(self, path: str, node: Node | None, behind: Rename | None = None) -> Rename | None:
        folder, name = os.path.split(path)
        parent = self._at(folder)
        if parent is None:
            return None
        change = Rename({name: node}, behind)
        parent.renames.append(change)
        _apply(parent.live, change)
        return change

    def _rename(self, change: Change) -> None:
        (old_folder, old), (new_folder, new) = os.path.split(change.first), os.path.split(change.second)
        node = self._at(change.first) if Path(change.first).is_relative_to(self._root) else None
        if old_folder != new_folder:
            added = self._name(change.second, node)
            self._name(change.first, None, behind=added)
            return
        parent = self._at(new_folder)
        assert parent is not None
        both = Rename({old: None, new: node})
        parent.renames.append(both)
        _apply(parent.live, both)


def _apply(names: dict[str, Node], change: Rename) -> None:
    for name, node in change.names.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class _Kept:
    """Which changes of names a cut leaves: each folder is asked once, and what stands behind another comes first."""

    def __init__(self, chance: random.Random, luck: Luck) -> None:
        self._chance, self._luck = chance, luck
        self._told: dict[int, bool] = {}

    def names(self, folder: Node) -> dict[str, Node]:
        """Return the names that are in a folder."""
        there = dict(folder.names)
        for change in folder.renames:
            if self._is_kept(change):
                _apply(there, change)
        return there

    def _is_kept(self, change: Rename) -> bool:
        if id(change) not in self._told:
            is_drawn = self._chance.random() < self._luck.name and (not change.behind or self._is_kept(change.behind))
            self._told[id(change)] = change.is_certain or is_drawn
        return self._told[id(change)]


def _after(node: Node, chance: random.Random, luck: Luck) -> bytes:
    """Return a file's bytes after a cut."""
    kept = []
    for write in node.writes:
        draw = chance.random()
        if draw < luck.whole:
            kept.append(write)
        elif draw < luck.whole + luck.torn and write.data:
            kept.extend(_torn(write, chance, len(node.bytes_)))
    return _written(node.bytes_, kept)


def _torn(write: Write, chance: random.Random, flushed_bytes: int) -> Iterator[Write]:
    """Yield what is left of a write that the cut fell into: some sectors; beyond the flushed end, zeros for others."""
    first = write.offset // _SECTOR_BYTES
    last = (write.offset + len(write.data) - 1) // _SECTOR_BYTES
    for sector in range(first, last + 1):
        begin = max(sector * _SECTOR_BYTES, write.offset)
        end = min((sector + 1) * _SECTOR_BYTES, write.offset + len(write.data))
        if chance.random() < 0.5:
            yield Write(begin, write.data[begin - write.offset : end - write.offset])
        elif begin >= flushed_bytes:
            yield Write(begin, bytes(end - begin))


def _listed(
    node: Node, path: str, content: Callable[[Node], bytes], names: Callable[[Node], dict[str, Node]]
) -> Iterator[tuple[str, bytes | str | None]]:
    for name, inner in sorted(names(node).items()):
        at = f"{path}/{name}" if path else name
        if inner.is_folder:
            yield at, None
            yield from _listed(inner, at, content, names)
        else:
            yield at, inner.target or content(inner)


def laid_out(folder: Path) -> Tree:
    """Return what really lies in a folder."""
    return Disk(folder).calm()


def put(tree: Tree, folder: Path) -> None:
    """Lay a tree out in a folder, in place of what is there."""
    for entry in folder.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for path, content in tree.items():
        if content is None:
            (folder / path).mkdir()
        elif isinstance(content, str):
            (folder / path).symlink_to(content)
        else:
            (folder / path).write_bytes(content)
