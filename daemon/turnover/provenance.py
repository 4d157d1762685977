"""Signatures handed over beside the media: the root's certificate, and statements that are not inside their files."""

from __future__ import annotations

from daemon.slate import Published
from daemon.turnover.roll import Roll

FOLDER = "provenance"
ROOT = f"{FOLDER}/root.pem"
EMBEDDED = "c2pa"


def files(roll: Roll) -> dict[str, bytes]:
    """Return certificate and signed statements by path in the roll's folder; nothing where nothing was signed."""
    signed = [proxy for clip in roll.clips for proxy in clip.published if proxy.signed]
    beside = {place: proxy.signed.encode() for proxy in signed if (place := place_of(proxy)) and place != EMBEDDED}
    return beside | {ROOT: roll.root} if signed else {}


def place_of(proxy: Published) -> str | None:
    """Return where a file's signed statement is: `c2pa` inside it, a path in the roll's folder, None without one."""
    if proxy.signed in {"", EMBEDDED}:
        return proxy.signed or None
    return f"{FOLDER}/{proxy.path.replace('/', '_')}.json"
