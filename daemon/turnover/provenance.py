"""Signatures handed over beside the media: the root's certificate, and statements that are not inside their files."""

from __future__ import annotations

from daemon.slate import DeliveredFile
from daemon.turnover.roll import Roll

FOLDER = "provenance"
ROOT = f"{FOLDER}/root.pem"
EMBEDDED = "c2pa"


def files(roll: Roll) -> dict[str, bytes]:
    """Return certificate and signed statements by path in the roll's folder; nothing where nothing was signed."""
    media = [file for clip in roll.clips for proxy in clip.published for file in proxy.files]
    signed = [file for file in media if file.signed]
    beside = {place: file.signed.encode() for file in signed if (place := place_of(file)) and place != EMBEDDED}
    return beside | {ROOT: roll.root} if signed else {}


def place_of(file: DeliveredFile) -> str | None:
    """Return where a file's signed statement is: `c2pa` inside it, a path in the roll's folder, None without one."""
    if file.signed in {"", EMBEDDED}:
        return file.signed or None
    return f"{FOLDER}/{file.path.replace('/', '_')}.json"
