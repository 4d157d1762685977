"""Looks handed over beside the proxies: `.cdl` and AMF a clip, `.ccc` for the roll, and what LUTs and CLFs they need.

What is handed over makes the proxy's picture of the camera original again: camera space to working space by the config
that the record names, then the `.cdl`, then the `.cube`. Text only; the LUTs were made by the children.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from daemon.sidecars import amf
from daemon.sidecars.amf import Clf, Handed
from daemon.sidecars.cdl import compose_ccc, compose_cdl
from daemon.slate import ClipLook, Twin
from daemon.turnover.naming import safe_name
from daemon.turnover.roll import Roll, TurnoverClip
from engines.colour.look import CONFIG, Look, Working
from engines.colour.spaces import SPACES

FOLDER = "looks"


def look_files(roll: Roll, transforms: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the looks of a roll's clips by path in its folder; nothing for what was delivered as recorded.

    `transforms` are the LUTs and CLFs that were made for them, by file name; a clip whose AMF would name one that is
    not there has no AMF.
    """
    looks = {clip.file_name: look for clip in roll.clips if (look := look_of(clip))}
    files = {f"{FOLDER}/{name}.cdl": compose_cdl(name, look.look.cdl, _order(look)) for name, look in looks.items()}
    for clip in roll.clips:
        look = looks.get(clip.file_name)
        if look and (handed := _handed(clip, look.look, roll.written_at, transforms)):
            files[f"{FOLDER}/{clip.file_name}.amf"] = amf.compose(handed)
    if looks:
        grades = {name: look.look.cdl for name, look in looks.items()}
        order = "; ".join(dict.fromkeys(_order(look) for look in looks.values()))
        files[f"{FOLDER}/{safe_name(roll.name)}.ccc"] = compose_ccc(grades, order)
    return files


def transforms_of(roll: Roll) -> tuple[set[str], set[str]]:
    """Return the file names of the LUTs that a roll's looks end with, and of the CLFs that their AMFs would name."""
    looks = [look.look for clip in roll.clips if (look := look_of(clip))]
    clfs = {name for look in looks for name in (look.to_aces, look.from_aces)}
    return {look.output for look in looks} - {""}, clfs - {""}


def look_of(clip: TurnoverClip) -> ClipLook | None:
    """Return the look of a clip's current proxy; None where it was delivered as recorded."""
    plain = clip.current(Twin.PLAIN)
    return plain.look if plain else None


def _handed(clip: TurnoverClip, look: Look, written_at: str, transforms: Mapping[str, bytes]) -> Handed | None:
    """Return what an AMF says of a clip; None where it is no log, or a transform to be named is not there."""
    names = (look.to_aces, look.from_aces)
    if SPACES[look.space].is_display or any(name and name not in transforms for name in names):
        return None
    to_aces, output = (Clf(name, transforms[name]) if name else None for name in names)
    in_camera_log = look.working is Working.CAMERA
    first = PurePosixPath(clip.files[0].path).name
    return Handed(clip.file_name, first, written_at, SPACES[look.space], look.cdl, in_camera_log, to_aces, output)


def _order(look: ClipLook) -> str:
    return f"{' > '.join(look.look.steps)}; config {CONFIG}"
