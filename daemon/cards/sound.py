"""Sound rolls: `Sound Media/<roll>`, or any folder of sound files that is no camera roll's. By names alone.

Each sound file is a clip of its roll; which ones are one take is said inside them. Takes that a recorder keeps in
folders of their own (`Scene_1-T001.TAKE`) belong to the roll above.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from posixpath import basename, dirname

from daemon.cards.base import is_day, stem, suffix
from daemon.cards.rolls import is_manifest, shoot_day
from daemon.slate import ClipKind, FoundCard, FoundClip, Vendor

SOUNDS = frozenset({".wav", ".bwf", ".w64", ".rf64"})
_FOLDER = "sound media"
_TAKE = ".take"
_NO_SOUND = frozenset({"looks", "proxy and mezzanine media"})


def sound_cards(paths: Sequence[str]) -> list[FoundCard]:
    """Return the sound rolls among paths that lie in no camera roll, in order of their folders."""
    seals = frozenset(_seal(path) for path in paths if is_manifest(path))
    members: dict[str, list[str]] = {}
    for path in paths:
        if suffix(path) in SOUNDS and not is_manifest(path) and (roll := _roll(path, seals)):
            members.setdefault(roll, [])
    for path in paths:
        if not is_manifest(path) and (found := _nearest(path, members)):
            members[found].append(path.removeprefix(f"{found}/"))
    return [_card(roll, files) for roll, files in sorted(members.items())]


def _card(roll: str, files: Sequence[str]) -> FoundCard:
    clips = tuple(FoundClip(stem(path), ClipKind.SOUND, (path,)) for path in files if suffix(path) in SOUNDS)
    others = tuple(path for path in files if suffix(path) not in SOUNDS)
    return FoundCard(roll, basename(roll), Vendor.SOUND, clips, shoot_day(roll), (), others)


def _roll(path: str, seals: frozenset[str]) -> str:
    """Return the roll folder of a sound file, empty where it lies where only rolls may lie or no sound roll does."""
    parts = path.split("/")
    lower = [part.lower() for part in parts[:-1]]
    if _FOLDER in lower[:-1]:
        return "/".join(parts[: lower.index(_FOLDER) + 2])
    if _NO_SOUND.intersection(lower):
        return ""
    folder = next((above for above in _above(path) if above in seals and not is_day(basename(above))), dirname(path))
    while folder.lower().endswith(_TAKE):
        folder = dirname(folder)
    return "" if is_day(basename(folder)) else folder


def _seal(path: str) -> str:
    """Return the folder that a manifest seals."""
    inside = f"/{path}".find("/ascmhl/")
    return path[:inside].rstrip("/") if inside >= 0 else dirname(path)


def _nearest(path: str, rolls: Container[str]) -> str:
    """Return the nearest roll that a path lies in, empty where it lies in none."""
    return next((above for above in _above(path) if above in rolls), "")


def _above(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the nearest first, the root left out."""
    while path := dirname(path):
        yield path
