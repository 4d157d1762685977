"""What all manifests together expect of a roll: which files, with which hashes.

Finds the manifests that apply to a roll, reads them through `read`, and merges them. Whatever any of them
vouches for must hold; none overrides another:

- several lists add up (a resumed offload writes a second one with only the new files);
- the same hash format with two values for one file is a contradiction, and no date decides it: nothing is
  expected of that file, and `trouble` says which manifests contradict each other;
- a hash recorded as `failed` is what was found wrong, so it is never expected; the earlier one still is;
- ignore patterns take nothing away that is listed, and nothing is expected of what no manifest lists.

Hashes no media itself and holds no state.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from daemon.errors import BadManifest
from daemon.hashing import hash_bytes
from daemon.sidecars import ascmhl, mhl

_NAMESPACE_BYTES = ascmhl.NAMESPACE.encode()
_HEAD_BYTES = 4096


class ManifestKind(StrEnum):
    """How a manifest is kept."""

    HISTORY = "history"
    """An `ascmhl` folder with its chain."""
    LIST = "list"
    """A single `.mhl` file."""


@dataclass(frozen=True, slots=True)
class ManifestSource:
    """A manifest that applies to a roll: `names` are its files; its paths start at `folder` (empty: root)."""

    kind: ManifestKind
    folder: str
    names: tuple[str, ...]

    def path(self) -> str:
        """Return where it lies, relative to the root: the `ascmhl` folder or the list itself."""
        return _join(self.folder, ascmhl.FOLDER if self.kind is ManifestKind.HISTORY else self.names[0])


@dataclass(frozen=True, slots=True)
class Claim:
    """One hash that one manifest vouches for; `source` names the manifest."""

    algorithm: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class FoundManifest:
    """A manifest that was read: claims by path from the root, oldest first.

    `failed` are files whose latest check is recorded as failed. `patterns` are ignored beneath `folder`.
    """

    source: str
    folder: str
    claims: dict[str, tuple[Claim, ...]]
    failed: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The merged expectation for a roll, paths relative to the roll; an empty one expects nothing.

    `files` are the hashes by path and algorithm. `failed` are files whose latest recorded check failed.
    `troubles` are the files about which manifests contradict each other. `sources` are the manifests.
    `roll` is the roll's folder from the root, and `ignore` the patterns of each folder there.
    """

    files: dict[str, dict[str, str]] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()
    troubles: dict[str, BadManifest] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    roll: str = ""
    ignore: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def expected(self, path: str) -> dict[str, str]:
        """Return the hashes of a file by algorithm; empty if none is vouched for, or if `trouble` has it."""
        return dict(self.files.get(path, {}))

    def names(self) -> set[str]:
        """Return every file that a manifest lists, whatever it says of it."""
        return set(self.files)

    def trouble(self, path: str) -> BadManifest | None:
        """Return why nothing can be expected of a file that is listed; None where all is well."""
        return self.troubles.get(path)

    def ignored(self, path: str) -> bool:
        """Return whether no manifest lists a file because an ignore pattern covers it."""
        full = _join(self.roll, path)
        return path not in self.files and any(
            _holds(folder, full) and ascmhl.ignore_spec(patterns).match_file(_beneath(folder, full))
            for folder, patterns in self.ignore
        )

    def digest(self) -> str:
        """Return a text that differs where what is expected differs."""
        troubles = {path: str(trouble) for path, trouble in self.troubles.items()}
        content = json.dumps([self.files, sorted(self.failed), troubles], sort_keys=True)
        return hash_bytes("xxh128", content.encode())


def find(tree: Iterable[str], roll: str) -> list[ManifestSource]:
    """Return the manifests that apply to a roll, of all files' paths from the root; `.` is the root itself.

    These are `ascmhl` folders and `.mhl` lists in the roll, anywhere beneath it, and in every folder above.
    """
    roll = "" if roll == "." else roll
    histories: dict[str, list[str]] = defaultdict(list)
    lists: list[ManifestSource] = []
    for path in sorted(tree):
        folder, _, name = path.rpartition("/")
        outer, _, inner = folder.rpartition("/")
        if inner == ascmhl.FOLDER and _applies(outer, roll):
            histories[outer].append(name)
        elif inner != ascmhl.FOLDER and _is_list(name) and _applies(folder, roll):
            lists.append(ManifestSource(ManifestKind.LIST, folder, (name,)))
    found = [ManifestSource(ManifestKind.HISTORY, folder, tuple(names)) for folder, names in histories.items()]
    return found + lists


def load(tree: Iterable[str], roll: str, read: Callable[[str], bytes]) -> Manifest:
    """Return what the manifests of a root expect of a roll; `read` returns a file's bytes by path from there.

    Raises:
        BadManifest: a chain is broken.
        SidecarError: a manifest makes no sense.
    """
    there = frozenset(tree)
    roll = "" if roll == "." else roll
    found = [_read(source, there, roll, read) for source in find(there, roll)]
    return merge([_spelled_as_on_disk(manifest, there) for manifest in found], roll)


def merge(found: Iterable[FoundManifest], roll: str = "") -> Manifest:
    """Return the merged expectation of several manifests, as the module's first lines lay down."""
    manifests = list(found)
    claims: dict[str, list[Claim]] = defaultdict(list)
    for manifest in manifests:
        for path, vouched in manifest.claims.items():
            if _holds(roll, path):
                claims[_beneath(roll, path)] += vouched
    troubles = {path: trouble for path in claims if (trouble := _contradiction(path, claims[path]))}
    return Manifest(
        files={path: {} if path in troubles else _hashes(claims[path]) for path in claims},
        failed=_failed(manifests, roll),
        troubles=troubles,
        sources=tuple(manifest.source for manifest in manifests),
        roll=roll,
        ignore=tuple((manifest.folder, manifest.patterns) for manifest in manifests if manifest.patterns),
    )


def _is_list(name: str) -> bool:
    return name.lower().endswith(".mhl") and not name.startswith(".")


def _applies(folder: str, roll: str) -> bool:
    return _holds(folder, roll) or _holds(roll, folder)


def _holds(outer: str, inner: str) -> bool:
    """Return whether a folder is another or lies above it."""
    return not outer or inner == outer or inner.startswith(f"{outer}/")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _beneath(folder: str, path: str) -> str:
    return path.removeprefix(f"{folder}/") if folder else path


def _history_folder(path: str) -> str:
    """Return the folder that a manifest in an `ascmhl` folder speaks for."""
    return path.rpartition(f"/{ascmhl.FOLDER}/")[0]


def _read(source: ManifestSource, there: frozenset[str], roll: str, read: Callable[[str], bytes]) -> FoundManifest:
    if source.kind is ManifestKind.HISTORY:
        history = ascmhl.load(source.folder, source.names, read)
        ascmhl.check_references(history, there, lambda path: _applies(_history_folder(path), roll), read)
        return _of_history(source.path(), history)
    data = read(source.path())
    if _NAMESPACE_BYTES in data[:_HEAD_BYTES]:
        # A packing list: a generation that travels alone, without a chain.
        alone = ascmhl.parse_generation(data, source=source.path())
        return _of_history(source.path(), ascmhl.History(source.folder, (alone,)))
    return _of_list(source.path(), source.folder, mhl.parse(data, source=source.path()))


def _of_list(source: str, folder: str, found: mhl.LegacyList) -> FoundManifest:
    claims: dict[str, tuple[Claim, ...]] = {}
    for entry in found.entries:
        path = _join(folder, entry.path)
        new = tuple(Claim(algorithm, value, source) for algorithm, value in entry.hashes.items())
        claims[path] = claims.get(path, ()) + new
    return FoundManifest(source, folder, claims)


def _of_history(source: str, history: ascmhl.History) -> FoundManifest:
    claims: dict[str, tuple[Claim, ...]] = {}
    failed: set[str] = set()
    for number, generation in enumerate(history.generations, start=1):
        for entry in generation.entries:
            path = _join(history.folder, entry.path)
            before = claims.pop(_join(history.folder, entry.previous_path), ()) if entry.previous_path else ()
            claims[path] = claims.get(path, ()) + before + _vouched(entry, f"{source} generation {number}")
            bad = any(found.action == "failed" for found in entry.hashes)
            (failed.add if bad else failed.discard)(path)
    patterns = history.generations[-1].ignore
    return FoundManifest(source, history.folder, claims, frozenset(failed & claims.keys()), patterns)


def _vouched(entry: ascmhl.Entry, source: str) -> tuple[Claim, ...]:
    return tuple(Claim(found.algorithm, found.value, source) for found in entry.hashes if found.action != "failed")


def _hashes(claims: list[Claim]) -> dict[str, str]:
    return {claim.algorithm: claim.value for claim in claims}


def _contradiction(path: str, claims: list[Claim]) -> BadManifest | None:
    first: dict[str, Claim] = {}
    for claim in claims:
        other = first.setdefault(claim.algorithm, claim)
        if other.value != claim.value:
            return BadManifest(
                f"two manifests contradict each other about {path}",
                why=f"{claim.algorithm} {other.value} in {other.source}, {claim.value} in {claim.source}",
                fix="find out which copy is the camera's, and take the other manifest out of the offload",
            )
    return None


def _failed(manifests: list[FoundManifest], roll: str) -> frozenset[str]:
    failed = {path for manifest in manifests for path in manifest.failed}
    return frozenset(_beneath(roll, path) for path in failed if _holds(roll, path))


def _spelled_as_on_disk(manifest: FoundManifest, there: frozenset[str]) -> FoundManifest:
    """Return the manifest with its paths in the Unicode form that the folder has them in.

    A copy through another file system may compose accents or take them apart; only where exactly one file
    fits is it taken.
    """
    absent = [path for path in manifest.claims if path not in there and not path.isascii()]
    if not absent:
        return manifest
    spellings: dict[str, set[str]] = defaultdict(set)
    for path in there - manifest.claims.keys():
        spellings[unicodedata.normalize("NFC", path)].add(path)
    names = {path: _only(spellings[unicodedata.normalize("NFC", path)], path) for path in absent}
    return FoundManifest(
        manifest.source,
        manifest.folder,
        {names.get(path, path): claims for path, claims in manifest.claims.items()},
        frozenset(names.get(path, path) for path in manifest.failed),
        manifest.patterns,
    )


def _only(spellings: set[str], path: str) -> str:
    return next(iter(spellings)) if len(spellings) == 1 else path
