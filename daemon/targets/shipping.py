"""Shipping: a complete folder of the delivery goes to a target, media first, sidecars next, `.complete` last.

What is sent is what the folder's `.complete` vouches for, and every revision that its record lists. While sidecars are
replaced there is no `.complete` at the target: nobody is told that something is whole which is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from daemon.beneath import read_small
from daemon.errors import DeliveryError
from daemon.hashing import hash_bytes
from daemon.slate import Shipped
from daemon.targets.base import Medium, Target
from daemon.turnover.record import files_of, sidecars_of
from daemon.worker import Progress

_COMPLETE, _RECORD = ".complete", "nearset.json"
_SIDECAR_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Shipment:
    """A folder of the production's delivery at `home`, in the version whose `.complete` has the xxh128 `seal`."""

    home: Path
    folder: str
    seal: str


def ship(shipment: Shipment, target: Target, progress: Progress) -> Shipped:
    """Bring a folder to the target, and return what was sent.

    Raises:
        TargetAway: it cannot be reached; what arrived is kept and gone on with. NameTaken, DeliveryError.
    """
    folder = shipment.home / shipment.folder
    complete = read_small(folder, _COMPLETE, _SIDECAR_BYTES)
    if hash_bytes("xxh128", complete) != shipment.seal:
        return Shipped(0, moved_on=True)
    at = f"{shipment.folder}/{_COMPLETE}"
    if target.read(at) == complete:
        return Shipped(0)
    listed = _vouched(complete)
    media = _media(shipment, folder)
    apart = {medium.here for medium in media}
    own = (path for path in listed if folder / path not in apart and not path.endswith(f"/{_COMPLETE}"))
    sidecars = {path: listed[path] for path in own}  # a day's seal lists those of its rolls, which went before it
    sent = sum(target.put_media(medium, progress) for medium in media)
    texts = {path: read_small(folder, path, _SIDECAR_BYTES) for path in sidecars}
    if any(hash_bytes("xxh128", text) != sidecars[path] for path, text in texts.items()):
        return Shipped(sent, moved_on=True)
    before = sidecars_of(target.read(f"{shipment.folder}/{_RECORD}") or b"")
    target.remove(at)
    for path, text in texts.items():
        target.put(f"{shipment.folder}/{path}", text)
        progress(0, 0)
    for path in before.keys() - listed.keys():
        there = target.read(f"{shipment.folder}/{path}")
        if there is not None and hash_bytes("xxh128", there) == before[path]:  # else it is somebody else's by now
            target.remove(f"{shipment.folder}/{path}")
    target.put(at, complete)
    return Shipped(sent + sum(map(len, texts.values())) + len(complete))


def _vouched(complete: bytes) -> dict[str, str]:
    """Return the xxh128 of each file that a `.complete` vouches for.

    Raises:
        DeliveryError: it was damaged here.
    """
    try:
        return {str(path): str(xxh128) for path, xxh128 in json.loads(complete)["xxh128"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(
            f"{_COMPLETE} cannot be read",
            why=f"it is not as it was written: {error}",
            fix="`nearset verify` tells what else is damaged; move the roll's delivery away and deliver it again",
        ) from error


def _media(shipment: Shipment, folder: Path) -> list[Medium]:
    """Return every revision that a roll's record lists, oldest first; a day has none of its own."""
    record = json.loads(read_small(folder, _RECORD, _SIDECAR_BYTES))
    found = [
        Medium(f"{shipment.folder}/{file['path']}", folder / file["path"], file["xxh128"], file["bytes"])
        for clip in record.get("clips", [])
        for proxy in clip["proxies"]
        for file in files_of(proxy)
    ]
    if missing := next((medium for medium in found if not medium.here.is_file()), None):
        raise DeliveryError(
            f"{missing.path} was not delivered",
            why="the record lists it, and it is not in the delivery folder any more",
            fix="`nearset verify` tells what is missing",
        )
    return found
