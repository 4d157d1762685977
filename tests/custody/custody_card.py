"""A small card on a disk, sealed by hand: enough XML to tell a story, no tool needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from daemon.beneath import open_beneath, read_small
from daemon.hashing import hash_bytes, hash_file
from daemon.manifests import Manifest, load


@dataclass
class Line:
    """One file's line in an ASC MHL generation."""

    path: str
    value: str
    algorithm: str = "xxh128"
    action: str = "original"
    previous: str = ""


@dataclass
class Seal:
    """What one generation says."""

    lines: list[Line]
    ignore: list[str] = field(default_factory=lambda: [".DS_Store", "ascmhl", "ascmhl/"])
    references: list[tuple[str, str]] = field(default_factory=list)


def put(root: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def _line_xml(line: Line) -> str:
    value = f'<{line.algorithm} action="{line.action}">{line.value}</{line.algorithm}>'
    previous = f"<previousPath>{line.previous}</previousPath>" if line.previous else ""
    return f'<hash><path size="1">{line.path}</path>{value}{previous}</hash>'


def generation_xml(seal: Seal) -> bytes:
    lines = "".join(_line_xml(line) for line in seal.lines)
    ignore = "".join(f"<pattern>{pattern}</pattern>" for pattern in seal.ignore)
    references = "".join(
        f"<hashlistreference><path>{path}</path><c4>{c4}</c4></hashlistreference>" for path, c4 in seal.references
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">'
        "<creatorinfo><creationdate>2026-03-02T18:00:00Z</creationdate></creatorinfo>"
        f"<processinfo><process>in-place</process><ignore>{ignore}</ignore></processinfo>"
        f"<hashes>{lines}</hashes><references>{references}</references></hashlist>"
    ).encode()


def chain_xml(links: Iterable[tuple[int, str, str]]) -> bytes:
    body = "".join(
        f'<hashlist sequencenr="{number}"><path>{path}</path><c4>{c4}</c4></hashlist>' for number, path, c4 in links
    )
    return (
        f'<?xml version="1.0"?><ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">{body}</ascmhldirectory>'
    ).encode()


def seal(folder: Path, *generations: Seal) -> None:
    """Write an `ascmhl` folder with a good chain."""
    links = []
    for number, generation in enumerate(generations, start=1):
        name, data = f"{number:04d}_{folder.name}_2026-03-02_180000Z.mhl", generation_xml(generation)
        put(folder, {f"ascmhl/{name}": data})
        links.append((number, name, hash_bytes("c4", data)))
    put(folder, {"ascmhl/ascmhl_chain.xml": chain_xml(links)})


def legacy_xml(*lines: tuple[str, str, str]) -> bytes:
    body = "".join(
        f"<hash><file>{path}</file><size>1</size><{name}>{value}</{name}></hash>" for path, name, value in lines
    )
    return f'<?xml version="1.0"?><hashlist version="1.1">{body}</hashlist>'.encode()


def tree(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]


def reader(root: Path) -> Callable[[str], bytes]:
    return lambda path: read_small(root, path, 1 << 20)


def manifest_of(root: Path, roll: str = ".") -> Manifest:
    return load(tree(root), roll, reader(root))


def differing(root: Path, manifest: Manifest, roll: str = ".") -> set[tuple[str, str]]:
    """Return path and algorithm of each hash that does not hold."""
    bad = set()
    for path in manifest.names():
        expected = manifest.expected(path)
        with open_beneath(root / roll, path) as file:
            got = hash_file(file, expected, progress=lambda _: None)
        bad |= {(path, algorithm) for algorithm in expected if got[algorithm] != expected[algorithm]}
    return bad
