"""What a clip's files hold, as measured: the plain record that a probe returns.

Owns the facts of the relink contract. Pure data, so that the control process can hold it without a
decoder. Must not open anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class FieldOrder(StrEnum):
    """How a frame's lines were taken."""

    PROGRESSIVE = "progressive"
    TOP_FIRST = "top_first"
    BOTTOM_FIRST = "bottom_first"


class CodeRange(StrEnum):
    """Which code values are black and white: legal 64-940 or full 0-1023 (in 10 bit)."""

    LEGAL = "legal"
    FULL = "full"


class TimecodeSource(StrEnum):
    """Where the start timecode was found."""

    TMCD = "tmcd"
    MXF = "mxf"
    RTMD = "rtmd"
    XML = "xml"
    CONTAINER = "container"
    TIME_OF_DAY = "time_of_day"
    """Made from the recording's creation time: not a timecode that the camera wrote."""
    ZERO = "zero"
    """Nothing to go by: counts from 00:00:00:00."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio stream of a clip, in the source's order.

    `samples` counts presented samples (priming removed, edit list applied) of one channel. `language` is an
    ISO 639-2 code and `name` the track's own name, empty where the source has none. `starts_seconds` is when its
    first sample is heard, from the first frame on.
    """

    index: int
    codec: str
    channels: int
    sample_rate: int
    bits: int
    samples: int
    layout: str
    lossless: bool
    language: str = ""
    name: str = ""
    starts_seconds: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a clip was filmed and what its camera was set to.

    `scene` is the scene's name, else the place by its coordinates, empty where neither is told. `iso` is the
    sensitivity and `kelvin` the white balance, 0 where the clip does not say.
    """

    scene: str = ""
    iso: int = 0
    kelvin: int = 0


@dataclass(frozen=True, slots=True)
class Essence:
    """One clip as presented: picture, timecode, sound.

    `frames` counts presented frames after edit lists, over all files of a span. `start_frame` is the start
    timecode as a frame count at `timecode_rate` labels (see timecode.Timecode). `variable_rate` means that
    no constant rate was found; `rate` is then the average and must not be used without a recipe's word.
    `rotation_degrees` is clockwise, as the picture must be turned to stand upright. `camera` reads like
    `Sony ILCE-7M3`, empty where unknown; `gamma` is what it says of its curve and gamut (`s-log3 s-gamut3-cine`),
    empty where it says nothing. `created` is the recording's ISO 8601 time, empty where unknown.
    """

    container: str
    codec: str
    profile: str
    width: int
    height: int
    pixel_aspect: Fraction
    pixel_format: str
    bits: int
    frames: int
    rate: Fraction
    variable_rate: bool
    field_order: FieldOrder
    rotation_degrees: int
    code_range: CodeRange
    matrix: str
    primaries: str
    transfer: str
    start_frame: int
    drop_frame: bool
    timecode_source: TimecodeSource
    reel: str
    camera: str
    created: str
    audio: tuple[AudioTrack, ...]
    notes: tuple[str, ...] = ()
    gamma: str = ""
    setting: Setting = Setting()

    @property
    def is_rgb(self) -> bool:
        """Whether the picture is R'G'B' (or X'Y'Z'), not Y'CbCr."""
        return self.pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "xyz"))

    @property
    def seconds(self) -> float:
        """Presented length, for display and estimates only."""
        return float(self.frames / self.rate) if self.rate else 0.0


@dataclass(frozen=True, slots=True)
class SidecarTimecode:
    """A start timecode that a camera wrote beside the clip: its label and whether it drops."""

    label: str
    drop_frame: bool
