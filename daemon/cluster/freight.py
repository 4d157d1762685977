"""Freight: the small files that a job needs of a production's state, and those that it makes there.

Weights, LUTs and the key that signs are not on the shared volume. What a task's own words, or what is active, name of
them goes with it, by the SHA-256 of its bytes: a node asks for what it has not got, and believes none that has another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.errors import BadFreight
from daemon.publish import make_folders, replace

MODELS, LUTS, CERTIFICATES = "models", "luts", "certificates"
_POINTER = "active.json"
_MOST_BYTES = 256 << 20
"""More than any of these files has; a larger one is no file of ours."""

Freight = Mapping[str, str]
"""SHA-256 of files, by their paths in the production's folder of state."""


@dataclass(slots=True)
class Store:
    """The head's side: which files a task needs, and their bytes."""

    state: Path
    _known: dict[Path, tuple[tuple[int, int], str]] = field(default_factory=dict)

    def freight_of(self, task: str) -> dict[str, str]:
        """Return what a task needs of the state, by what its JSON names."""
        return {path.relative_to(self.state).as_posix(): self._digest(path) for path in self._needed(task)}

    def data(self, path: str, digest: str) -> bytes | None:
        """Return the bytes of a file that still has a digest; None where it has not."""
        data = (self.state / path).read_bytes()
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def _needed(self, task: str) -> list[Path]:
        found: list[Path] = []
        if self._names(task, MODELS) and (pointer := self.state / MODELS / _POINTER).is_file():
            told = pointer.read_text(encoding="utf-8") + task  # a part names the weights that its clip was begun with
            weights = (path for path in pointer.parent.iterdir() if path.stem in told and path.suffix == ".safetensors")
            found += [*sorted(weights), pointer]  # the pointer last: what it names is there then
        if self._names(task, LUTS) and (folder := self.state / LUTS).is_dir():
            found += [path for path in sorted(folder.iterdir()) if path.is_file() and path.name in task]
        if self._names(task, CERTIFICATES) and (folder := self.state / CERTIFICATES).is_dir():
            found += [path for path in sorted(folder.iterdir()) if path.is_file()]
        return found

    def _names(self, task: str, folder: str) -> bool:
        return json.dumps(str(self.state / folder), ensure_ascii=False) in task

    def _digest(self, path: Path) -> str:
        seen = path.stat()
        mark = seen.st_mtime_ns, seen.st_size
        if self._known.get(path, (None, ""))[0] != mark:
            self._known[path] = mark, hashlib.sha256(path.read_bytes()).hexdigest()
        return self._known[path][1]


def lay(home: Path, freight: Freight, fetch: Callable[[str], bytes]) -> int:
    """Put what is not here yet into a production's folder on this node, whole; return how many files came.

    Raises:
        BadFreight: its bytes are others than were told.
    """
    came = 0
    for path, digest in freight.items():
        target = _place(home, path)
        if target.is_file() and _digest_of(target.read_bytes()) == digest:
            continue
        data = fetch(digest)
        if _digest_of(data) != digest:
            raise BadFreight(
                f"{path} did not arrive whole",
                why=f"its SHA-256 is {_digest_of(data)[:12]}…, and {digest[:12]}… was told",
                fix="the job is tried again; if it repeats, look at the node's memory and network",
            )
        make_folders(target.parent, mode=0o700)
        replace(data, target, target.parent)
        target.chmod(0o600)
        came += 1
    return came


def made_since(home: Path, before: frozenset[str]) -> dict[str, bytes]:
    """Return the LUTs that a job made here, by their paths in the production's folder; `before` are those of before."""
    return {path: (home / path).read_bytes() for path in sorted(made_here(home) - before)}


def made_here(home: Path) -> frozenset[str]:
    """Return which LUTs are here, by their paths in the production's folder."""
    folder = home / LUTS
    return frozenset(f"{LUTS}/{path.name}" for path in (folder.iterdir() if folder.is_dir() else ()) if path.is_file())


def take(state: Path, path: str, data: bytes) -> None:
    """Put a LUT that a node made into the production's state on the head; one that is there stays.

    Raises:
        BadFreight: it is none.
    """
    target = _place(state, path)
    if target.parent.name != LUTS or len(data) > _MOST_BYTES:
        raise BadFreight(f"a node sent {path}", why="nodes make LUTs, and nothing else", fix="look at the node's log")
    if not target.exists():
        make_folders(target.parent, mode=0o700)
        replace(data, target, target.parent)


def _place(home: Path, path: str) -> Path:
    folder, slash, name = path.partition("/")
    if folder not in {MODELS, LUTS, CERTIFICATES} or not slash or "/" in name or name in {"", ".", ".."}:
        raise BadFreight(f"{path!r} is no file of ours", why="it leads elsewhere", fix="look at the other side's log")
    return home / folder / name


def _digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
