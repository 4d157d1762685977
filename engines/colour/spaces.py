"""Camera spaces: by which curve and in which gamut a camera wrote its picture, and how that is told.

Pure tables: the control process holds them without a colour library. A clip's space is the recipe's word, else the
configuration's for its camera, else what the camera says itself. A camera that speaks of a curve that is none of these,
or that records log and says nothing, is asked about; nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from engines.errors import UnknownSpace
from engines.media.essence import Essence


class Levels(StrEnum):
    """What 0 and 1 of a space's curve are in the file."""

    LEGAL = "legal"
    """64 and 940 of 10 bit: ARRI, Apple, Blackmagic and RED put log into video levels."""
    CODE = "code"
    """0 and 1023: Sony, Panasonic, Canon and DJI name code values themselves, in a file of video levels."""


@dataclass(frozen=True, slots=True)
class CameraSpace:
    """A space by nearset's name (`arri_logc4`) and by that of the OpenColorIO config; `ocio` empty for Rec.709.

    `aces` is what ACES calls the way from it to ACES2065-1, without what all such ids begin with; empty for none.
    """

    name: str
    ocio: str
    levels: Levels
    aces: str = ""

    @property
    def is_display(self) -> bool:
        """Whether the picture is made for a display already, so that no output transform belongs on it."""
        return not self.ocio


REC709 = CameraSpace("rec709", "", Levels.LEGAL)

SPACES = {
    space.name: space
    for space in (
        CameraSpace("arri_logc3", "ARRI LogC3 (EI800)", Levels.LEGAL, "Arri.LogC3_to_ACES.a2.v1"),
        CameraSpace("arri_logc4", "ARRI LogC4", Levels.LEGAL, "Arri.LogC4_to_ACES.a2.v1"),
        CameraSpace("slog3_sgamut3", "S-Log3 S-Gamut3", Levels.CODE, "Sony.SLog3_SGamut3_to_ACES.a2.v1"),
        CameraSpace("slog3_sgamut3cine", "S-Log3 S-Gamut3.Cine", Levels.CODE, "Sony.SLog3_SGamut3Cine_to_ACES.a2.v1"),
        CameraSpace(
            "slog3_venice_sgamut3", "S-Log3 Venice S-Gamut3", Levels.CODE, "Sony.Venice_SLog3_SGamut3_to_ACES.a2.v1"
        ),
        CameraSpace(
            "slog3_venice_sgamut3cine",
            "S-Log3 Venice S-Gamut3.Cine",
            Levels.CODE,
            "Sony.Venice_SLog3_SGamut3Cine_to_ACES.a2.v1",
        ),
        CameraSpace("vlog_vgamut", "V-Log V-Gamut", Levels.CODE, "Panasonic.VLog_VGamut_to_ACES.a2.v1"),
        CameraSpace("log3g10_rwg", "Log3G10 REDWideGamutRGB", Levels.LEGAL, "Red.Log3G10_RWG_to_ACES.a2.v1"),
        CameraSpace("clog2_cgamut", "CanonLog2 CinemaGamut D55", Levels.CODE, "Canon.CLog2_CGamut_to_ACES.a1.v1"),
        CameraSpace("clog3_cgamut", "CanonLog3 CinemaGamut D55", Levels.CODE, "Canon.CLog3_CGamut_to_ACES.a1.v1"),
        CameraSpace(
            "bmdfilm_gen5", "BMDFilm WideGamut Gen5", Levels.LEGAL, "Blackmagic.BMDFilm_WideGamut_Gen5_to_ACES.a2.v1"
        ),
        CameraSpace("davinci_intermediate", "DaVinci Intermediate WideGamut", Levels.LEGAL),
        CameraSpace("apple_log", "Apple Log", Levels.LEGAL, "Apple.AppleLog_BT2020_to_ACES.a2.v1"),
        CameraSpace("dlog_dgamut", "D-Log D-Gamut", Levels.CODE, "DJI.DLog_DGamut_to_ACES.a1.v1"),
        REC709,
    )
}

_SIGNS: tuple[tuple[str, str], ...] = (
    (r"log-?c-?4", "arri_logc4"),
    (r"log-?c", "arri_logc3"),
    (r"s-?log-?3.*venice.*s-?gamut3.?cine", "slog3_venice_sgamut3cine"),
    (r"s-?log-?3.*venice.*s-?gamut3", "slog3_venice_sgamut3"),
    (r"s-?log-?3.*s-?gamut3.?cine|s-?log-?3.?cine", "slog3_sgamut3cine"),
    (r"s-?log-?3.*s-?gamut3", "slog3_sgamut3"),
    (r"v-?log\b", "vlog_vgamut"),
    (r"log3g10", "log3g10_rwg"),
    (r"(canon |c-?)log-?2", "clog2_cgamut"),
    (r"(canon |c-?)log-?3", "clog3_cgamut"),
    (r"blackmagic (design )?film.*(gen|generation) ?5|(gen|generation) ?5.*blackmagic (design )?film", "bmdfilm_gen5"),
    (r"davinci intermediate", "davinci_intermediate"),
    (r"(apple.|com\.apple\.)log\b(?!.?2)", "apple_log"),
    (r"\bd[-_ ]?log\b(?![-_ ]?m)", "dlog_dgamut"),
    (r"rec.?709|bt.?709|bt.?1886|srgb|bt.?601|smpte.?170m|rec.?2100|hlg|\bpq\b|st.?2084", "rec709"),
)
"""What a camera's words mean, the most exact first. A display encoding of any kind stays as it is, tags and all."""
_DISPLAY_TRANSFERS = frozenset(
    {"bt709", "smpte170m", "gamma22", "gamma28", "iec61966-2-4", "iec61966-2-1", "bt2020-10", "bt2020-12"}
    | {"smpte2084", "arib-std-b67"}
)
_LOG_MAKERS = re.compile(r"\b(arri|red|blackmagic|alexa|amira)\b", re.IGNORECASE)
"""Cameras that record log unless they are told otherwise, so that silence is no answer."""


def camera_space(essence: Essence, *, word: str | None, cameras: dict[str, str]) -> CameraSpace:
    """Return a clip's space; `word` is the recipe's, `cameras` the configuration's by camera, with wildcards.

    Raises:
        UnknownSpace: the camera records log, or speaks of a curve that is not known here; the message says what to add.
    """
    named = word or _configured(essence.camera, cameras)
    if named:
        return SPACES[named]
    if essence.gamma:
        return _told(essence)
    if _looks_like_apple_log(essence):
        return SPACES["apple_log"]
    if essence.transfer not in _DISPLAY_TRANSFERS and _LOG_MAKERS.search(essence.camera):
        raise _unknown(essence, f"{essence.camera} may record log, and the clip names neither curve nor display")
    return REC709


def _configured(camera: str, cameras: dict[str, str]) -> str | None:
    """Return the space of the most exact pattern that the camera's name matches."""
    matching = [name for name in cameras if fnmatchcase(camera.lower(), name.lower())]
    return cameras[max(matching, key=lambda name: len(name.replace("*", "")))] if matching else None


def _told(essence: Essence) -> CameraSpace:
    for pattern, name in _SIGNS:
        if re.search(pattern, essence.gamma.lower()):
            return SPACES[name]
    raise _unknown(essence, f"its metadata says {essence.gamma!r}")


def _looks_like_apple_log(essence: Essence) -> bool:
    """Return whether a phone's clip is Apple Log: BT.2020 primaries and no transfer, which no display encoding has."""
    return essence.camera.startswith("Apple") and essence.primaries == "bt2020" and not essence.transfer


def _unknown(essence: Essence, why: str) -> UnknownSpace:
    camera = essence.camera or "*"
    return UnknownSpace(
        "in which colour space the clip was recorded is not known",
        why=why,
        fix=f'add to the configuration `colour: {{cameras: {{"{camera}": NAME}}}}`, where NAME is one of '
        f"{', '.join(SPACES)}; rec709 passes the picture as it is",
    )
