"""Transforms of a look by OpenColorIO: the direct path, which is exact, and the LUT that is baked of it.

The LUT's sides are R'G'B' code values 0-1023, so that super-whites and what lies below black are inside of it. ACES 2
costs 305 ms a 1080p frame on the direct path (our measurement, 2026-11); a baked one takes 0.3 s once.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PyOpenColorIO import (
    CDL_NO_CLAMP,
    INTERP_TETRAHEDRAL,
    PROCESSOR_CACHE_OFF,
    CDLTransform,
    ColorSpaceTransform,
    Config,
    CPUProcessor,
    DisplayViewTransform,
    FileTransform,
    GroupTransform,
    Transform,
)
from PyOpenColorIO import Exception as OcioError

from engines.colour.cdl import Values
from engines.colour.look import ACESCCT, CONFIG, DISPLAY, VIEW, Look, Working
from engines.colour.spaces import SPACES, Levels
from engines.errors import BadLook
from engines.media.essence import CodeRange
from engines.media.frames import CODE_MAX
from engines.media.ycbcr import BLACK, LUMA_SPAN, codes_of

GRID = 65
"""Nodes a side of the LUT."""
_CARRIED = (4, 1019)
"""Codes that an interface carries: BT.709-6, item 4.6, keeps the rest for synchronisation."""


@cache
def config() -> Config:
    """Return the pinned config."""
    pinned = Config.CreateFromBuiltinConfig(CONFIG)
    pinned.setProcessorCacheFlags(PROCESSOR_CACHE_OFF)  # it takes two LUTs of one size for the same
    return pinned


def opens(lut: Path) -> None:
    """Return nothing where the pinned config is there and a LUT can be read with it.

    Raises:
        BadLook: it cannot be read.
    """
    try:
        config().getProcessor(FileTransform(str(lut)))
    except OcioError as error:
        raise _bad_lut(lut.name, lut.parent, error) from error


def _bad_lut(name: str, folder: Path, error: Exception) -> BadLook:
    """Return what to tell of a LUT by its name alone: the folder is where it is kept, and nobody laid it there."""
    return BadLook(
        f"the look with {name or 'no LUT'} cannot be made",
        why=" ".join(str(error).split()).replace(f"{folder}/", ""),
        fix="have the LUT exported again, as .cube or .clf",
    )


def direct(look: Look, luts: Path) -> CPUProcessor:
    """Return what takes a camera's values (R'G'B' as its curve gives them) to Rec.709 on a display, 0-1.

    Raises:
        BadLook: the LUT cannot be read.
    """
    group = GroupTransform()
    for step in _steps(look, luts):
        group.appendTransform(step)
    try:
        return config().getProcessor(group).getDefaultCPUProcessor()
    except OcioError as error:
        raise _bad_lut(look.lut, luts, error) from error


def _steps(look: Look, luts: Path) -> list[Transform]:
    space = SPACES[look.space]
    grade = CDLTransform()
    grade.setSlope(look.cdl.slope)
    grade.setOffset(look.cdl.offset)
    grade.setPower(look.cdl.power)
    grade.setSat(look.cdl.saturation)
    grade.setStyle(CDL_NO_CLAMP)
    lut = [FileTransform(str(luts / look.lut), interpolation=INTERP_TETRAHEDRAL)] if look.lut else []
    if space.is_display:
        return [grade, *lut]
    inside = ACESCCT if look.working is Working.ACESCCT else space.ocio
    into = [ColorSpaceTransform(space.ocio, inside)]
    return [*into, grade, *(lut or [DisplayViewTransform(inside, DISPLAY, VIEW)])]


def camera_values(legal: Values, look: Look, code_range: CodeRange) -> Values:
    """Return a camera's values from R'G'B' of a picture of legal levels, black 0 and white 1.

    A source of full range was brought to legal before, so that its 0 and 1 are black and white in either case.
    """
    if SPACES[look.space].levels is Levels.CODE and code_range is CodeRange.LEGAL:
        return (legal * np.float32(LUMA_SPAN) + np.float32(BLACK)) / np.float32(CODE_MAX)
    return legal


@lru_cache(maxsize=8)
def baked(look: Look, luts: Path, code_range: CodeRange, matrix: str) -> Values:
    """Return the look as a LUT from R'G'B' code values 0-1023 to Y'CbCr ones. Shape: `[R, G, B, 3]`.

    They are legal ones of Rec.709; where the look keeps the picture's own encoding they are those of `matrix`, and what
    was recorded beyond black and white stays beyond it, so that a grade takes no highlights away.

    The clips of a roll have few looks, so the last ones are kept; a LUT is named by its bytes.

    Raises:
        BadLook: the LUT cannot be read.
    """
    side = np.linspace(0, CODE_MAX, GRID, dtype=np.float32)
    nodes = np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)
    legal = (nodes - np.float32(BLACK)) / np.float32(LUMA_SPAN)
    values = np.ascontiguousarray(camera_values(legal, look, code_range))
    direct(look, luts).applyRGB(values)
    codes = codes_of(values, matrix).clip(*_CARRIED) if look.keeps_encoding else codes_of(values.clip(0, 1))
    made = codes.reshape(GRID, GRID, GRID, 3)
    made.setflags(write=False)
    return made


@lru_cache(maxsize=8)
def output_cube(look: Look) -> str:
    """Return the output transform of a look as the text of a `.cube`, from the working space to Rec.709."""
    inside = ACESCCT if look.working is Working.ACESCCT else SPACES[look.space].ocio
    side = np.linspace(0, 1, GRID, dtype=np.float32)
    blue, green, red = np.meshgrid(side, side, side, indexing="ij")  # red goes fastest
    values = np.ascontiguousarray(np.stack([red, green, blue], -1).reshape(-1, 3))
    config().getProcessor(DisplayViewTransform(inside, DISPLAY, VIEW)).getDefaultCPUProcessor().applyRGB(values)
    rows = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in values.tolist())
    return f'TITLE "{inside} to {VIEW}, {DISPLAY}"\nLUT_3D_SIZE {GRID}\n{rows}\n'
