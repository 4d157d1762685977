"""Cards: roll folders found among an offload root's files, by structure; one file a vendor.

A vendor's structure marks its roll folder wherever it lies. Else the folder right beneath `Camera Media` is a
roll, else one that a manifest lies in, else the folder that holds media. What lies in `Sound Media`, `Looks`
and `Proxy and Mezzanine media` is no camera card.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from posixpath import basename, dirname

from daemon.cards.arri import Arri
from daemon.cards.avchd import Avchd
from daemon.cards.base import MOVIES, RAW_FORMATS, STILLS, Read, Recogniser, Tree, suffix
from daemon.cards.blackmagic import Blackmagic
from daemon.cards.canon import Canon
from daemon.cards.dcim import Dcim
from daemon.cards.p2 import P2
from daemon.cards.plain import Plain
from daemon.cards.red import Red
from daemon.cards.sony import Sony
from daemon.slate import FoundCard, FoundClip, Vendor

RECOGNISERS: tuple[Recogniser, ...] = (
    Sony(Vendor.SONY_XDROOT, "XDROOT", ("",)),
    Sony(Vendor.SONY_M4ROOT, "M4ROOT", ("PRIVATE/", "")),
    P2(),
    Canon(),
    Avchd(),
    Dcim(),
    Red(),
    Arri(),
    Blackmagic(),
    Plain(),
)

_NOT_CAMERA = frozenset({"sound media", "looks", "proxy and mezzanine media"})
_CAMERA_MEDIA = "camera media"
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


def recognise(paths: Collection[str], read: Read, root_name: str) -> list[FoundCard]:
    """Return the cards among the files of a root (paths relative to it), in order of their folders.

    `read` gives the bytes of a small index file and may raise NearsetError; `root_name` labels a roll that is
    the root itself.
    """
    camera = [path for path in sorted(paths) if not _not_camera(path)]
    rolls = _roll_folders(camera)
    members: dict[str, list[str]] = {roll: [] for roll in rolls}
    for path in camera:
        if roll := _roll_of(path, rolls):
            members[roll].append(path)
    return [card for roll, files in sorted(members.items()) if (card := _card(roll, files, read, root_name))]


def is_manifest(path: str) -> bool:
    """Return whether a file is a manifest or of one's history, and so no card's."""
    return path.lower().endswith(".mhl") or "/ascmhl/" in f"/{path}"


def _not_camera(path: str) -> bool:
    return any(part.lower() in _NOT_CAMERA for part in path.split("/")[:-1])


def _is_media(path: str) -> bool:
    return suffix(path) in MOVIES or suffix(path) in RAW_FORMATS or suffix(path) in STILLS


def _roll_folders(paths: list[str]) -> frozenset[str]:
    """Return every roll folder; what lies inside a marked one is part of it, a plain folder keeps to itself."""
    seals = {seal for path in paths if is_manifest(path) and _may_seal(seal := _seal_folder(path))}
    marked: set[str] = set()
    plain: set[str] = set()
    for path in paths:
        if is_manifest(path):
            continue
        if (roll := _marked_folder(path, seals)) is not None:
            marked.add(roll)
        elif _is_media(path):
            plain.add(dirname(path) or ".")
    return frozenset(
        roll for roll in marked | plain if not any(_inside(roll, other) for other in marked if other != roll)
    )


def _marked_folder(path: str, seals: set[str]) -> str | None:
    """Return the roll folder that `Camera Media`, a vendor's structure or a manifest marks, None without one."""
    parts = path.split("/")
    lower = [part.lower() for part in parts[:-1]]
    if _CAMERA_MEDIA in lower[:-1]:
        return "/".join(parts[: lower.index(_CAMERA_MEDIA) + 2])
    for recogniser in RECOGNISERS:
        if (roll := recogniser.roll_folder(path)) is not None:
            return roll
    folder = dirname(path) or "."
    above = [seal for seal in seals if folder == seal or _inside(folder, seal)] if _is_media(path) else []
    return max(above, key=len) if above else None


def _may_seal(folder: str) -> bool:
    """Return whether a manifest in a folder can mean one roll: a root's or a shoot day's covers several."""
    return folder != "." and basename(folder).lower() != _CAMERA_MEDIA and not _DAY.fullmatch(basename(folder))


def _seal_folder(path: str) -> str:
    """Return the folder that a manifest seals."""
    inside = f"/{path}".find("/ascmhl/")
    return (path[:inside].rstrip("/") if inside >= 0 else dirname(path)) or "."


def _inside(folder: str, other: str) -> bool:
    return (other == "." and folder != ".") or folder.startswith(other + "/")


def _roll_of(path: str, rolls: frozenset[str]) -> str | None:
    folder = dirname(path)
    while folder:
        if folder in rolls:
            return folder
        folder = dirname(folder)
    return "." if "." in rolls else None


def _card(roll: str, paths: list[str], read: Read, root_name: str) -> FoundCard | None:
    prefix = "" if roll == "." else roll + "/"
    rest = [path.removeprefix(prefix) for path in paths if not is_manifest(path)]
    clips: list[FoundClip] = []
    missing: list[str] = []
    vendor = Vendor.PLAIN
    for recogniser in RECOGNISERS:
        tree = Tree(tuple(rest))
        marked = any(recogniser.roll_folder(path) is not None for path in rest)
        if not marked and recogniser.vendor is not Vendor.PLAIN:
            continue
        found = recogniser.clips(tree)
        missing += recogniser.missing(tree, lambda path: read(prefix + path))
        if found and vendor is Vendor.PLAIN:
            vendor = recogniser.vendor
        clips += found
        taken = {path for clip in found for path in (*clip.files, *clip.sidecars, *clip.stand_ins)}
        rest = [path for path in rest if path not in taken]
    if not clips and not missing:
        return None
    label = root_name if roll == "." else basename(roll)
    day = _day(roll)
    return FoundCard(roll, label, vendor, tuple(_named_apart(clips)), day, tuple(missing), tuple(rest))


def _day(roll: str) -> str:
    """Return the shoot day's YYYYMMDD that a roll lies in, empty where there is none."""
    for part in reversed(roll.split("/")[:-1]):
        if match := _DAY.search(part):
            year, month, day = match.groups()
            if "1990" <= year <= "2100" and "01" <= month <= "12" and "01" <= day <= "31":
                return year + month + day
    return ""


def _named_apart(clips: list[FoundClip]) -> list[FoundClip]:
    """Return the clips with names of their own: those that share one get their folder, then a number."""
    shared = {name for name, count in Counter(clip.name.lower() for clip in clips).items() if count > 1}
    named, used = [], set()
    for clip in clips:
        name = clip.name
        if name.lower() in shared:
            folder = dirname(clip.files[0]).replace("/", "_")
            name = f"{name}_{folder}" if folder else name
        base, number = name, 2
        while name.lower() in used:
            name, number = f"{base}_{number}", number + 1
        used.add(name.lower())
        named.append(replace(clip, name=name))
    return named
