"""ASC MHL over a roll's media: what is new gets a generation, as the chain of a card's offload does.

Media never changes, so that its first hash stays true. Sidecars do, with each revision: `.complete` vouches for those,
and the history does not ask for them. A revision that was let go stays in its generation and is not asked for any
more. Pure: folder listing and bytes come in, files go out.
Source: ASC MHL specification 1.0, sections on generations, chain and ignore patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from daemon import __version__
from daemon.errors import BadManifest, DeliveryError, SidecarError
from daemon.hashing import hash_bytes
from daemon.sidecars import ascmhl
from daemon.sidecars.ascmhl import CHAIN, FOLDER, Entry, Generation, History, Link, RecordedHash
from daemon.slate import DeliveredFile

_IGNORED = (
    ".DS_Store",
    "ascmhl",
    "ascmhl/",
    ".complete",
    "nearset.json",
    "report/",
    "looks/",
    "provenance/",
    "current/",
    "current.txt",
    *(f"*.{suffix}" for suffix in ("ale", "otio", "fcpxml", "xml", "aaf", "edl")),
)


def sealed(
    names: Collection[str],
    read: Callable[[str], bytes],
    media: Collection[DeliveredFile],
    *,
    roll: str,
    moment: datetime,
    hostname: str,
) -> dict[str, bytes]:
    """Return the files of a roll's `ascmhl` folder by name, the chain last: those of before, and what is new.

    `names` are what lies in the folder, `read` takes paths from the roll's folder.

    Raises:
        DeliveryError: the history that is there cannot be trusted.
    """
    history, files = _history(names, read)
    due = _generation(history, media, moment)
    if due is None:
        return {**files, CHAIN: read(f"{FOLDER}/{CHAIN}")}
    name = f"{len(files) + 1:04d}_{roll}_{moment:%Y-%m-%d_%H%M%S}Z.mhl"
    files[name] = ascmhl.compose_generation(due, tool="nearset", version=__version__, hostname=hostname)
    links = (Link(number, name, hash_bytes("c4", data)) for number, (name, data) in enumerate(files.items(), 1))
    return {**files, CHAIN: ascmhl.compose_chain(links)}


def _history(names: Collection[str], read: Callable[[str], bytes]) -> tuple[History, dict[str, bytes]]:
    """Return the history and the bytes of its generations by name; a generation that no chain names is left out."""
    if CHAIN not in names:
        return History("", ()), {}
    try:
        links = ascmhl.parse_chain(read(f"{FOLDER}/{CHAIN}"))
        history = ascmhl.load("", {CHAIN, *(link.path for link in links)}, read)
    except (BadManifest, SidecarError) as error:
        raise DeliveryError(
            f"the ASC MHL history of the delivered roll cannot be continued: {error.what}",
            why=error.why,
            fix="put its ascmhl folder back as it was, or move it away to begin another; it is tried again",
        ) from error
    return history, {link.path: read(f"{FOLDER}/{link.path}") for link in links}


def _generation(history: History, media: Collection[DeliveredFile], moment: datetime) -> Generation | None:
    """Return the generation that is due; None where the history says all there is to say.

    It lists what the history does not know yet, and asks no more for what is not among the media.
    """
    known = {entry.path for generation in history.generations for entry in generation.entries}
    new = [file for file in media if file.path not in known]
    ignore = (*_IGNORED, *(f"**/{path}" for path in sorted(known - {file.path for file in media})))
    latest = history.generations[-1].ignore if history.generations else ()
    if not new and set(ignore) <= set(latest):
        return None
    entries = tuple(
        Entry(file.path, file.size_bytes, (RecordedHash("xxh128", file.xxh128, "original"),), "") for file in new
    )
    return Generation("in-place", moment.isoformat(timespec="seconds"), entries, ignore, ())
