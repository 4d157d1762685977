"""Cards: roll folders found among an offload root's files, by structure; one file a vendor.

A vendor's structure marks its roll folder wherever it lies. Else the folder right beneath `Camera Media` is a
roll, else one that a manifest lies in, else the folder that holds media. What lies in `Sound Media`, `Looks`
and `Proxy and Mezzanine media` is no camera card; sound files that lie in none are a sound roll's (`sound.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from posixpath import basename, dirname

from daemon.cards.arri import Arri
from daemon.cards.avchd import Avchd
from daemon.cards.base import Read, Recogniser, Tree
from daemon.cards.blackmagic import Blackmagic
from daemon.cards.canon import Canon
from daemon.cards.dcim import Dcim
from daemon.cards.p2 import P2
from daemon.cards.plain import Plain
from daemon.cards.red import Red, magazine
from daemon.cards.rolls import is_camera, is_manifest, roll_folders, roll_of, shoot_day
from daemon.cards.sony import Sony
from daemon.cards.sound import sound_cards
from daemon.slate import FoundCard, FoundClip, Vendor

__all__ = ["RECOGNISERS", "is_index", "is_manifest", "recognise"]

_INDEX = re.compile(r"(^|/)(MEDIAPRO\.XML|[^/]+\.ALE|CONTENTS/CLIP/[^/]+\.XML|PLAYLIST/[^/]+\.MPLS?)$", re.IGNORECASE)

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


def is_index(path: str) -> bool:
    """Return whether a file is a card's own index, by which clips are joined or missed."""
    return bool(_INDEX.search(path))


def recognise(paths: Collection[str], read: Read, root_name: str) -> list[FoundCard]:
    """Return the cards among the files of a root (paths relative to it), in order of their folders.

    `read` gives the bytes of a small index file and may raise NearsetError; `root_name` labels a roll that is
    the root itself.
    """
    camera = [path for path in sorted(paths) if is_camera(path)]
    rolls = roll_folders(camera, RECOGNISERS)
    members: dict[str, list[str]] = {roll: [] for roll in rolls}
    for path in camera:
        if roll := roll_of(path, rolls):
            members[roll].append(path)
    cards = [card for roll, files in sorted(members.items()) if (card := _card(roll, files, read, root_name))]
    apart = [path for path in sorted(paths) if not is_camera(path) or roll_of(path, rolls) is None]
    sounds = [replace(card, clips=tuple(_named_apart(list(card.clips)))) for card in sound_cards(apart)]
    return sorted([*cards, *sounds], key=lambda card: card.path)


def _card(roll: str, paths: list[str], read: Read, root_name: str) -> FoundCard | None:
    prefix = "" if roll == "." else roll + "/"
    rest = [path.removeprefix(prefix) for path in paths if not is_manifest(path)]
    others: list[str] = []
    clips: list[FoundClip] = []
    missing: list[str] = []
    vendor = Vendor.PLAIN
    for recogniser in RECOGNISERS:
        for base in _bases(recogniser, rest):
            tree = _beneath(base, rest)
            index = _reader(read, prefix + base)
            found = [_placed(clip, base) for clip in recogniser.joined(recogniser.clips(tree), tree, index)]
            missing += recogniser.missing(tree, index)
            vendor = recogniser.vendor if found and vendor is Vendor.PLAIN else vendor
            clips += found
            taken = {path for clip in found for path in (*clip.files, *clip.sidecars, *clip.stand_ins)}
            left = {base + path for path in tree.paths if recogniser.is_accessory(path)} - taken
            others += left
            rest = [path for path in rest if path not in taken and path not in left]
    if not clips and not missing:
        return None
    label = root_name if roll == "." else magazine(basename(roll))
    named = tuple(_named_apart(clips))
    return FoundCard(roll, label, vendor, named, shoot_day(roll), tuple(missing), tuple(sorted(others + rest)))


def _bases(recogniser: Recogniser, paths: list[str]) -> list[str]:
    """Return where in a card a vendor's structure begins, as prefixes; one of flat names is looked for in it all."""
    folders = {folder for path in paths if (folder := recogniser.roll_folder(path)) is not None}
    if recogniser.vendor is Vendor.PLAIN or (recogniser.flat and folders):
        return [""]
    return sorted("" if folder == "." else folder + "/" for folder in folders)


def _reader(read: Read, prefix: str) -> Read:
    return lambda path: read(prefix + path)


def _beneath(base: str, paths: list[str]) -> Tree:
    return Tree(tuple(path.removeprefix(base) for path in paths if path.startswith(base)))


def _placed(clip: FoundClip, base: str) -> FoundClip:
    """Return a clip found beneath a prefix with paths of the card."""
    files, sidecars, stand_ins = (
        tuple(base + path for path in paths) for paths in (clip.files, clip.sidecars, clip.stand_ins)
    )
    return replace(clip, files=files, sidecars=sidecars, stand_ins=stand_ins)


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
