"""Looks handed over beside the proxies: `.cdl` and AMF a clip, `.ccc` for the roll, and which LUTs they go with.

What is handed over makes the proxy's picture of the camera original again: camera space to working space by the config
that the record names, then the `.cdl`, then the `.cube`. Text only; the LUTs were made by the children.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from daemon.sidecars import amf
from daemon.sidecars.amf import Handed
from daemon.sidecars.cdl import compose_ccc, compose_cdl
from daemon.slate import ClipLook, Twin
from daemon.turnover.naming import safe_name
from daemon.turnover.roll import Roll, TurnoverClip
from engines.colour.look import CONFIG, Look, Working
from engines.colour.spaces import SPACES

FOLDER = "looks"


def look_files(roll: Roll) -> dict[str, bytes]:
    """Return the looks of a roll's clips by path in its folder; nothing for what was delivered as recorded."""
    looks = {clip.file_name: look for clip in roll.clips if (look := look_of(clip))}
    files = {f"{FOLDER}/{name}.cdl": compose_cdl(name, look.look.cdl, _order(look)) for name, look in looks.items()}
    for clip in roll.clips:
        look = looks.get(clip.file_name)
        if look and _is_of_aces(look.look):
            first = PurePosixPath(clip.files[0].path).name
            handed = Handed(clip.file_name, first, roll.written_at, SPACES[look.look.space], look.look.cdl)
            files[f"{FOLDER}/{clip.file_name}.amf"] = amf.compose(handed)
    if looks:
        grades = {name: look.look.cdl for name, look in looks.items()}
        order = "; ".join(dict.fromkeys(_order(look) for look in looks.values()))
        files[f"{FOLDER}/{safe_name(roll.name)}.ccc"] = compose_ccc(grades, order)
    return files


def luts_of(roll: Roll) -> set[str]:
    """Return the file names of the LUTs that a roll's looks end with."""
    looks = (look_of(clip) for clip in roll.clips)
    return {look.look.output for look in looks if look and look.look.output}


def look_of(clip: TurnoverClip) -> ClipLook | None:
    """Return the look of a clip's current proxy; None where it was delivered as recorded."""
    plain = clip.current(Twin.PLAIN)
    return plain.look if plain else None


def _is_of_aces(look: Look) -> bool:
    """Return whether an AMF can say all of a look: ACES names its space, works in ACEScct and ends in its output."""
    return bool(SPACES[look.space].aces) and look.working is Working.ACESCCT and not look.lut


def _order(look: ClipLook) -> str:
    return f"{' > '.join(look.look.steps)}; config {CONFIG}"
