"""A clip's look: what is done to the camera's picture, and in which order. Pure data, no colour library.

Camera space -> working space -> CDL -> show LUT or ACES output transform -> Rec.709. A picture that is made for a
display already (Rec.709) gets the CDL alone, in its own encoding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from engines.colour.cdl import NEUTRAL, Cdl
from engines.colour.spaces import SPACES
from engines.media.essence import Essence

CONFIG = "studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
"""The pinned OpenColorIO config, by its full name: what is called default changes with each release."""
ACESCCT = "ACEScct"
DISPLAY = "Rec.1886 Rec.709 - Display"
VIEW = "ACES 2.0 - SDR 100 nits (Rec.709)"
_REC709 = "bt709"


class Working(StrEnum):
    """The space that a show's CDLs are written in, and that its LUT takes."""

    ACESCCT = "acescct"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class Look:
    """A look for one clip: camera space by name, working space, grade, and a LUT by its file name, empty for none.

    The LUT goes from the working space to Rec.709 on a display; it is named by the digest of its bytes.
    """

    space: str
    working: Working = Working.ACESCCT
    cdl: Cdl = NEUTRAL
    lut: str = ""

    @property
    def changes_nothing(self) -> bool:
        """Whether the picture stays bit for bit what it is."""
        return SPACES[self.space].is_display and self.cdl.is_neutral and not self.lut

    @property
    def keeps_encoding(self) -> bool:
        """Whether a display's picture stays in the encoding it was recorded in, HLG and PQ too: no LUT leads out."""
        return SPACES[self.space].is_display and not self.lut

    @property
    def output(self) -> str:
        """File name of the LUT from the working space to Rec.709: the show's, the output transform's, or empty."""
        space = SPACES[self.space]
        if self.lut or space.is_display:
            return self.lut
        return f"aces2_rec709_from_{ACESCCT.lower() if self.working is Working.ACESCCT else space.name}.cube"

    @property
    def to_aces(self) -> str:
        """File name of the CLF from the camera's space to ACES2065-1; empty where ACES names that itself."""
        space = SPACES[self.space]
        return "" if space.is_display or space.aces else f"{space.name}_to_aces.clf"

    @property
    def from_aces(self) -> str:
        """File name of the CLF from ACES2065-1 through the working space and the show's LUT; empty without a LUT."""
        if SPACES[self.space].is_display or not self.lut:
            return ""
        inside = ACESCCT.lower() if self.working is Working.ACESCCT else self.space
        return f"{self.lut.partition('.')[0]}_from_aces_by_{inside}.clf"

    @property
    def steps(self) -> tuple[str, ...]:
        """The order of operations, in words."""
        space = SPACES[self.space]
        grade = () if self.cdl.is_neutral else ("ASC CDL, not clamped",)
        if space.is_display:
            return ("as recorded, for a display", *grade, *((f"LUT {self.lut}",) if self.lut else ()))
        working = (ACESCCT,) if self.working is Working.ACESCCT else ()
        output = f"LUT {self.lut}" if self.lut else f"{VIEW} on {DISPLAY} ({self.output})"
        return (f"{space.ocio}, {space.levels} levels", *working, *grade, output, "Rec.709, legal levels")


def as_shown(essence: Essence, look: Look | None) -> Essence:
    """Return a clip's essence with the colour that its picture has under a look: Rec.709, or its own encoding still."""
    if look is None or look.keeps_encoding:
        return essence
    return replace(essence, matrix=_REC709, primaries=_REC709, transfer=_REC709)
