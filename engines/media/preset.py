"""Presets: what a delivered proxy is, as a spec sheet has it: codec, wrapper, raster, fit, sound, marks in the picture.

The table at the end is the whole choice; a name of it is what `delivery.presets` takes. Pure data, no encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction


class ProxyCodec(StrEnum):
    """The codecs of a proxy."""

    DNXHR_LB = "dnxhr_lb"
    DNXHD_36 = "dnxhd_36"
    PRORES_PROXY = "prores_proxy"
    PRORES_LT = "prores_lt"
    PRORES_HQ = "prores_hq"
    PRORES_4444 = "prores_4444"
    """With alpha: of mattes."""
    H264 = "h264"


class Wrapper(StrEnum):
    """The file that picture and sound lie in."""

    MOV = "mov"
    """QuickTime: all tracks in one file."""
    OP1A = "op1a"
    """MXF OP1a (SMPTE ST 378): all tracks in one file, interleaved frame by frame."""
    OPATOM = "opatom"
    """MXF OP-Atom (SMPTE ST 390): a file a track, as Avid manages its media."""

    @property
    def is_mxf(self) -> bool:
        """Whether it is MXF, which has no edit lists and no rotation."""
        return self is not Wrapper.MOV

    @property
    def suffix(self) -> str:
        """Ending of its files' names."""
        return ".mxf" if self.is_mxf else ".mov"


class Fit(StrEnum):
    """How a picture of another shape fills a raster that is given."""

    LETTERBOX = "letterbox"
    """All of it is seen, between black bars."""
    CROP = "crop"
    """The raster is full, what stands over is cut off."""


class SoundRule(StrEnum):
    """What becomes of the source's sound."""

    AS_RECORDED = "as_recorded"
    """PCM bit for bit; what was compressed becomes PCM."""
    MXF = "mxf"
    """PCM of 48 kHz and 16 or 24 bit, as long as the picture: MXF takes no other, and its tracks have one length."""
    AAC = "aac"
    """Compressed, to be listened to; what AAC cannot carry stays PCM."""


class Place(StrEnum):
    """Where words stand."""

    TOP_LEFT = "top_left"
    TOP = "top"
    TOP_RIGHT = "top_right"
    BOTTOM_LEFT = "bottom_left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom_right"


@dataclass(frozen=True, slots=True)
class BurnIn:
    """What is burnt in.

    `words` are by place; `{timecode}` in them is each frame's own and `{mark}` what says that a picture is enhanced.
    `watermark` goes across the middle. `frame_lines` are the shapes, width by height, that lines are drawn for,
    centred; `framed` is one more as shares of the picture (x, y, width, height), None where no framing decision counts.
    """

    words: tuple[tuple[Place, str], ...]
    watermark: str = ""
    frame_lines: tuple[Fraction, ...] = ()
    framed: tuple[Fraction, Fraction, Fraction, Fraction] | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """One line of the spec sheet.

    `raster` is fixed width and height, None for the source's divided evenly; `width` alone keeps the shape.
    `desqueeze` makes square pixels of an anamorphic picture, by the file's word or the recipe's; a fixed raster always
    has them. `framing` cuts to the recipe's framing decision (ASC FDL); where words are burnt in, its lines are drawn
    instead. `guide_mix` says that the guide mix is a track behind the camera's own, once the clip has one: not by
    default, since Premiere refuses a proxy whose audio layout is another.
    """

    name: str
    codec: ProxyCodec
    wrapper: Wrapper = Wrapper.MOV
    raster: tuple[int, int] | None = None
    width: int | None = None
    fit: Fit = Fit.LETTERBOX
    desqueeze: bool = False
    framing: bool = False
    sound: SoundRule = SoundRule.AS_RECORDED
    burn_in: bool = False
    guide_mix: bool = False

    def cells(self) -> tuple[str, ...]:
        """Return its line of the spec sheet: name, codec, wrapper, raster, fit, pixels, framing, sound, burn-ins."""
        framed = "lines" if self.burn_in else "cut"
        return (
            self.name,
            self.codec,
            self.wrapper,
            "x".join(map(str, self.raster)) if self.raster else "source, divided evenly",
            self.fit if self.raster else "as the source",
            "square" if self.raster or self.desqueeze else "as the source",
            framed if self.framing else "whole",
            _SOUNDS[self.sound] + (", guide mix" if self.guide_mix else ""),
            "yes" if self.burn_in else "no",
        )


_SOUNDS = {
    SoundRule.AS_RECORDED: "PCM as recorded",
    SoundRule.MXF: "PCM 48 kHz, 16 or 24 bit",
    SoundRule.AAC: "AAC",
}


def derived(codec: ProxyCodec, width: int | None) -> Preset:
    """Return the preset that `proxy.codec` and `proxy.width` speak of, where no presets are named."""
    return Preset("", codec, width=width)


def dnxhd_36_bits_a_second(rate: Fraction) -> int:
    """Return the bit rate that the DNxHD 36 family has at a frame rate. Source: Avid, DNxHD family table."""
    families = ((25, 36), (30, 45), (50, 75), (60, 90))
    return next((megabits for most, megabits in families if rate <= most), 90) * 1_000_000


_HD = (1920, 1080)

_GUIDE = "-guide"
_SHEET = {
    preset.name: preset
    for preset in (
        Preset("avid-dnxhr-lb-mov", ProxyCodec.DNXHR_LB),
        Preset("avid-dnxhr-lb-op1a", ProxyCodec.DNXHR_LB, Wrapper.OP1A, sound=SoundRule.MXF),
        Preset("avid-dnxhr-lb-opatom", ProxyCodec.DNXHR_LB, Wrapper.OPATOM, sound=SoundRule.MXF),
        Preset("avid-dnxhd36-op1a", ProxyCodec.DNXHD_36, Wrapper.OP1A, raster=_HD, framing=True, sound=SoundRule.MXF),
        Preset(
            "avid-dnxhd36-opatom", ProxyCodec.DNXHD_36, Wrapper.OPATOM, raster=_HD, framing=True, sound=SoundRule.MXF
        ),
        Preset("prores-proxy-mov", ProxyCodec.PRORES_PROXY),
        Preset("prores-lt-mov", ProxyCodec.PRORES_LT),
        Preset("prores-hq-mov", ProxyCodec.PRORES_HQ),
        Preset("h264-review", ProxyCodec.H264, desqueeze=True, framing=True, sound=SoundRule.AAC, burn_in=True),
    )
}
_WITH_GUIDE = ("avid-dnxhr-lb-op1a", "avid-dnxhr-lb-opatom", "prores-proxy-mov", "h264-review")
PRESETS = _SHEET | {
    f"{name}{_GUIDE}": replace(_SHEET[name], name=f"{name}{_GUIDE}", guide_mix=True) for name in _WITH_GUIDE
}
"""What `delivery.presets` may name."""
