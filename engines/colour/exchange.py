"""Transforms to and from ACES2065-1 as Common LUT Format: what an AMF names by file, where ACES has no name for it.

Exact where the space's curve is a formula. CLF cannot say the way into a space whose curve is a table; nothing is baked
in its stead. Source: Academy S-2014-006, Common LUT Format; our runs of OpenColorIO 2.6, 2026-11-27.
"""

from __future__ import annotations

from pathlib import Path

from PyOpenColorIO import INTERP_TETRAHEDRAL, ColorSpaceTransform, FileTransform, GroupTransform, Transform
from PyOpenColorIO import Exception as OcioError

from engines.colour.look import ACESCCT, Look, Working
from engines.colour.spaces import SPACES
from engines.colour.transform import config

_ACES = "ACES2065-1"
_FORMAT = "Academy/ASC Common LUT Format"


def clfs(look: Look, luts: Path) -> dict[str, str]:
    """Return the CLF files that an AMF of a look would name, by file name; none that CLF cannot say."""
    space = SPACES[look.space]
    inside = ACESCCT if look.working is Working.ACESCCT else space.ocio
    wanted: dict[str, list[Transform]] = {}
    if look.to_aces:
        wanted[look.to_aces] = [ColorSpaceTransform(space.ocio, _ACES)]
    if look.from_aces:
        table = FileTransform(str(luts / look.lut), interpolation=INTERP_TETRAHEDRAL)
        wanted[look.from_aces] = [ColorSpaceTransform(_ACES, inside), table]
    return {name: text for name, steps in wanted.items() if (text := _clf(steps))}


def _clf(steps: list[Transform]) -> str:
    """Return steps as CLF; empty where it has no words for one of them."""
    group = GroupTransform(steps)
    try:
        text: str = config().getProcessor(group).createGroupTransform().write(_FORMAT, config())
    except OcioError:
        return ""
    return text
