"""Sound rolls: `Sound Media/<roll>`, or any folder of sound files that is no camera roll's. By names alone.

Each sound file is a clip of its roll; which ones are one take is said inside them. Takes that a recorder keeps in
folders of their own (`Scene_1-T001.TAKE`) belong to the roll above.
"""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import basename, dirname

from daemon.cards.base import is_day, stem, suffix
from daemon.cards.rolls import is_manifest, shoot_day
from daemon.slate import ClipKind, FoundCard, FoundClip, Vendor

SOUNDS = frozenset({".wav", ".bwf", ".w64", ".rf64"})
_FOLDER = "sound media"
_TAKE = ".take"


def sound_cards(paths: Sequence[str]) -> list[FoundCard]:
    """Return the sound rolls among paths that lie in no camera roll, in order of their folders."""
    rolls = sorted({roll for path in paths if suffix(path) in SOUNDS and (roll := _roll(path, paths))})
    found = []
    for roll in rolls:
        files = [
            path.removeprefix(f"{roll}/") for path in paths if path.startswith(f"{roll}/") and not is_manifest(path)
        ]
        files = [path for path in files if not _in_another(f"{roll}/{path}", roll, rolls)]
        sounds = [path for path in files if suffix(path) in SOUNDS]
        others = tuple(path for path in files if suffix(path) not in SOUNDS)
        found.append(FoundCard(roll, basename(roll), Vendor.SOUND, _clips(sounds), shoot_day(roll), (), others))
    return found


def _clips(sounds: Sequence[str]) -> tuple[FoundClip, ...]:
    """Return a clip for each sound file; names that two share get their folders, too."""
    names = [stem(path) for path in sounds]
    shared = {name.lower() for name in names if [other.lower() for other in names].count(name.lower()) > 1}
    return tuple(
        FoundClip(path.replace("/", "_") if name.lower() in shared else name, ClipKind.SOUND, (path,))
        for path, name in zip(sounds, names, strict=True)
    )


def _roll(path: str, paths: Sequence[str]) -> str:
    """Return the roll folder of a sound file, empty where it lies where only rolls may lie."""
    parts = path.split("/")
    lower = [part.lower() for part in parts[:-1]]
    if _FOLDER in lower[:-1]:
        return "/".join(parts[: lower.index(_FOLDER) + 2])
    folder = _sealed(path, paths) or dirname(path)
    while folder.lower().endswith(_TAKE):
        folder = dirname(folder)
    return "" if is_day(basename(folder)) else folder


def _sealed(path: str, paths: Sequence[str]) -> str:
    """Return the folder above a sound file that a manifest seals, empty where none does; no day's, nor the root."""
    folder = dirname(path)
    while folder and not is_day(basename(folder)):
        if any(other.startswith((f"{folder}/ascmhl/",)) for other in paths):
            return folder
        folder = dirname(folder)
    return ""


def _in_another(path: str, roll: str, rolls: Sequence[str]) -> bool:
    """Return whether a path lies in a roll inside this one."""
    return any(other != roll and other.startswith(f"{roll}/") and path.startswith(f"{other}/") for other in rolls)
