"""What a proxy is asked to be: codec, wrapper, raster, identity. Pure data and arithmetic, no encoder.

A clip is decoded and enhanced once, at its *working raster*, and every proxy is cut and scaled from that.
Source: rasters divide the source evenly so that an editor's reframes hold when the camera original is
relinked; half of the source, but no narrower than 960, is the field's usual proxy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from engines.errors import EncodeFailed
from engines.media.essence import AudioTrack, Essence, FieldOrder
from engines.media.preset import BurnIn, Fit, Preset, ProxyCodec, SoundRule, Wrapper

__all__ = [
    "Framing",
    "Placement",
    "ProxyCodec",
    "ProxySpec",
    "Rect",
    "Rotation",
    "Wanted",
    "instead_of",
    "is_turned",
    "pixel_aspect",
    "raster",
    "rotation_of",
    "spec_of",
    "working_of",
]

MIN_WIDTH = 960
"""Proxies are not made narrower than this by default; a source that is narrower keeps its size."""
_MIN_RASTER = {ProxyCodec.DNXHR_LB: (256, 120)}
"""Smallest raster of a codec. Source: FFmpeg 8.1, libavcodec/dnxhdenc.c (DNxHR), read 2026-11."""
_ONLY_RASTER = {ProxyCodec.DNXHD_36: (1920, 1080)}
"""The one raster of a codec. Source: SMPTE ST 2019-1, compression ID 1253."""
_MXF_RATES = frozenset(
    {
        *map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120)),
        *(Fraction(thousandths, 1001) for thousandths in (24000, 30000, 48000, 60000)),
    }
)
"""Rates that MXF's writer keeps; others come back as another (72, 75, 90, 96, 119.88) or are refused.

Source: our measurement with FFmpeg 8.1, 2026-11-27.
"""
_SLACK = 2
"""Pixels that a working raster may lack: rasters are rounded to even sides."""


class Rotation(StrEnum):
    """What becomes of a clip that was filmed turned: the tag is carried, or the picture is turned."""

    TAG = "tag"
    BAKE = "bake"


@dataclass(frozen=True, slots=True)
class Rect:
    """A part of a picture in its pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Framing:
    """A framing decision as shares of the upright picture, 0-1: the part that is meant to be seen."""

    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction


@dataclass(frozen=True, slots=True)
class Placement:
    """Which part of the upright source is seen, in its pixels, and where it lies in the delivered raster."""

    seen: Rect
    placed: Rect


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """One proxy to make. `width` and `height` are of the delivered raster, after a baked rotation.

    `placement` is None where all of the source fills all of the raster, `pixel_aspect` where the source's is kept.
    `guide` is one more sound track behind the source's own.
    """

    codec: ProxyCodec
    width: int
    height: int
    clip_name: str
    reel: str
    deinterlace: bool
    rotation: Rotation
    preset: str = ""
    wrapper: Wrapper = Wrapper.MOV
    sound: SoundRule = SoundRule.AS_RECORDED
    placement: Placement | None = None
    pixel_aspect: Fraction | None = None
    burn_in: BurnIn | None = None
    guide: AudioTrack | None = None

    @property
    def area(self) -> Rect:
        """Where the picture lies in the raster."""
        return self.placement.placed if self.placement else Rect(0, 0, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a clip's proxies have in common: identity, and the recipe's words on its picture.

    `squeeze` is the lens's where the file does not say it, None for the file's own pixel aspect. `fit` is there instead
    of that of presets with a fixed raster. `guide` is the guide mix as a track, for presets that hold it.
    """

    clip_name: str
    reel: str
    deinterlace: bool = False
    rotation: Rotation = Rotation.TAG
    squeeze: Fraction | None = None
    framing: Framing | None = None
    burn_in: BurnIn | None = None
    fit: Fit | None = None
    guide: AudioTrack | None = None


def rotation_of(presets: Collection[Preset], wanted: Wanted) -> Rotation:
    """Return how a clip that was filmed turned is delivered: baked where one of its presets cannot carry a tag."""
    tagged = all(not preset.wrapper.is_mxf and preset.raster is None and not preset.burn_in for preset in presets)
    return wanted.rotation if tagged else Rotation.BAKE


def spec_of(essence: Essence, preset: Preset, wanted: Wanted) -> ProxySpec:
    """Return the spec of a clip's proxy under a preset.

    DNxHR carries no fields, so an interlaced clip that stays interlaced becomes ProRes Proxy in MOV; `instead_of`
    says so to whoever reads the delivery.

    Raises:
        EncodeFailed: the preset cannot carry the clip.
    """
    upright = _upright(essence, wanted.rotation)
    interlaced = _stays_interlaced(essence, wanted)
    codec = preset.codec
    if interlaced and codec is ProxyCodec.DNXHR_LB and not preset.wrapper.is_mxf:
        codec = ProxyCodec.PRORES_PROXY
    if interlaced and (preset.wrapper.is_mxf or preset.raster):
        raise EncodeFailed(
            f"{wanted.clip_name} is interlaced, which {preset.name} cannot carry",
            why=f"{codec} in {preset.wrapper} holds whole frames",
            fix="deinterlace the clip in the recipe (source.deinterlace), or choose a preset in MOV",
        )
    if preset.wrapper.is_mxf and essence.rate not in _MXF_RATES:
        raise EncodeFailed(
            f"{wanted.clip_name} has {float(essence.rate):.3f} frames a second, which {preset.name} cannot carry",
            why="MXF knows the rates of film and television alone",
            fix="choose a preset in MOV for this clip (proxy.presets in the recipe)",
        )
    size, placement, aspect = _placed(upright, _aspect(essence, wanted.rotation), preset, wanted, interlaced=interlaced)
    _check_raster(size, codec, wanted.clip_name)
    return ProxySpec(
        codec,
        *size,
        wanted.clip_name,
        wanted.reel,
        wanted.deinterlace,
        wanted.rotation,
        preset.name,
        preset.wrapper,
        preset.sound,
        placement,
        aspect,
        wanted.burn_in if preset.burn_in else None,
        wanted.guide if preset.guide_mix else None,
    )


def _check_raster(size: tuple[int, int], codec: ProxyCodec, clip_name: str) -> None:
    least = _MIN_RASTER.get(codec, (16, 16))
    if size[0] < least[0] or size[1] < least[1]:
        raise EncodeFailed(
            f"{clip_name} would be {size[0]}x{size[1]}, too small for {codec}",
            why=f"{codec} starts at {least[0]}x{least[1]}",
            fix="choose ProRes for this clip in the recipe: proxy.codec, or a preset in proxy.presets",
        )
    only = _ONLY_RASTER.get(codec, size)
    if size != only:
        raise EncodeFailed(
            f"{clip_name} would be {size[0]}x{size[1]}, which {codec} cannot be",
            why=f"{codec} is {only[0]}x{only[1]} only",
            fix="choose a preset of DNxHR, which takes any raster",
        )


def _placed(
    upright: tuple[int, int], aspect: Fraction, preset: Preset, wanted: Wanted, *, interlaced: bool
) -> tuple[tuple[int, int], Placement | None, Fraction | None]:
    """Return the delivered raster, the placement in it and the pixel aspect; None for both where they are the source's.

    Fields are never scaled down the lines, so an interlaced picture stays as large as it is.
    """
    whole = Rect(0, 0, *upright)
    if interlaced:
        return (_even(upright[0]), _even(upright[1])), None, None
    seen = _seen(upright, wanted.framing) if preset.framing and not preset.burn_in else whole
    squeeze = (wanted.squeeze or aspect or Fraction(1)) if preset.desqueeze or preset.raster else Fraction(1)
    if preset.raster:
        seen, placed = _fitted(seen, squeeze, preset.raster, wanted.fit or preset.fit)
        is_whole = upright == preset.raster and seen == whole and squeeze == 1
        return preset.raster, None if is_whole else Placement(seen, placed), Fraction(1)
    size = raster((seen.width, seen.height), preset.width)
    if squeeze == 1 and seen == whole:
        return size, None, None
    size = _even(round(size[0] * squeeze)), size[1]
    return size, Placement(seen, Rect(0, 0, *size)), Fraction(1) if preset.desqueeze else None


def _seen(upright: tuple[int, int], framing: Framing | None) -> Rect:
    if framing is None:
        return Rect(0, 0, *upright)
    width, height = upright
    x, y = _even(round(framing.x * width)), _even(round(framing.y * height))
    return Rect(x, y, _even(round(framing.width * width)), _even(round(framing.height * height)))


def _fitted(seen: Rect, squeeze: Fraction, size: tuple[int, int], fit: Fit) -> tuple[Rect, Rect]:
    """Return what is seen of a picture in a raster of another shape, and where it lies there."""
    width, height = seen.width * squeeze, Fraction(seen.height)
    if fit is Fit.CROP:
        scale = max(size[0] / width, size[1] / height)
        kept = _even(min(seen.width, round(size[0] / scale / squeeze))), _even(min(seen.height, round(size[1] / scale)))
        x, y = seen.x + _even((seen.width - kept[0]) // 2), seen.y + _even((seen.height - kept[1]) // 2)
        return Rect(x, y, *kept), Rect(0, 0, *size)
    scale = min(size[0] / width, size[1] / height)
    inner = min(size[0], _nearest_even(width * scale)), min(size[1], _nearest_even(height * scale))
    return seen, Rect(_even((size[0] - inner[0]) // 2), _even((size[1] - inner[1]) // 2), *inner)


def working_of(essence: Essence, specs: Sequence[ProxySpec]) -> ProxySpec:
    """Return the first spec at the raster that the clip is decoded and enhanced at: the least that serves all of them.

    One proxy of the whole picture is made at its own raster; more of them at the largest's.
    """
    first = specs[0]
    upright = _upright(essence, first.rotation)
    plain = [(spec.width, spec.height) for spec in specs if spec.placement is None]
    if len(plain) < len(specs) or len(set(plain)) > 1:
        plain = [*plain, raster(upright, None), (_even(upright[0]), _even(upright[1]))]
    need = max(_need(spec, upright) for spec in specs)
    least = upright[0] * need - _SLACK, upright[1] * need - _SLACK
    enough = [size for size in plain if size[0] >= least[0] and size[1] >= least[1]]
    width, height = min(enough, key=_pixels) if enough else max(plain, key=_pixels)
    return replace(first, width=width, height=height, placement=None, pixel_aspect=None, burn_in=None, guide=None)


def _need(spec: ProxySpec, upright: tuple[int, int]) -> Fraction:
    """Return the share of the source's raster that a proxy has a use for, at most 1 but where it is asked for."""
    if spec.placement is None:
        return max(Fraction(spec.width, upright[0]), Fraction(spec.height, upright[1]))
    seen, placed = spec.placement.seen, spec.placement.placed
    return min(Fraction(1), max(Fraction(placed.height, seen.height), Fraction(1, 16)))


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _upright(essence: Essence, rotation: Rotation) -> tuple[int, int]:
    """Return width and height of the source as it is shown, after a baked rotation."""
    return (essence.height, essence.width) if is_turned(essence, rotation) else (essence.width, essence.height)


def _aspect(essence: Essence, rotation: Rotation) -> Fraction:
    aspect = essence.pixel_aspect or Fraction(1)
    return 1 / aspect if is_turned(essence, rotation) else aspect


def is_turned(essence: Essence, rotation: Rotation) -> bool:
    """Return whether a quarter turn is baked."""
    return rotation is Rotation.BAKE and essence.rotation_degrees % 180 == 90  # noqa: PLR2004 - a quarter turn


def pixel_aspect(essence: Essence, spec: ProxySpec) -> Fraction:
    """Return the proxy's pixel aspect: the source's, unless the preset has another."""
    if spec.pixel_aspect:
        return spec.pixel_aspect
    turned = is_turned(essence, spec.rotation)
    return 1 / essence.pixel_aspect if turned and essence.pixel_aspect else essence.pixel_aspect


def _stays_interlaced(essence: Essence, wanted: Wanted) -> bool:
    return essence.field_order is not FieldOrder.PROGRESSIVE and not wanted.deinterlace


def instead_of(asked: ProxyCodec, spec: ProxySpec) -> str:
    """Return why a proxy has another codec than was asked for, empty where it has that one."""
    return "" if spec.codec is asked else f"{spec.codec} instead of {asked}, which carries no fields"


def raster(source: tuple[int, int], width: int | None) -> tuple[int, int]:
    """Return the proxy's width and height, both even.

    By default the source's divided by two where that is at least 960 wide and goes evenly, else the source's
    own. A width that is asked for is taken as it is, the height keeps the shape.
    """
    if width is not None:
        return _even(width), max(2, round(source[1] * width / source[0] / 2) * 2)
    if source[0] % 4 == 0 and source[1] % 4 == 0 and source[0] // 2 >= MIN_WIDTH:
        return source[0] // 2, source[1] // 2
    return _even(source[0]), _even(source[1])


def _even(side: int) -> int:
    return side - side % 2


def _nearest_even(side: Fraction) -> int:
    return max(2, round(side / 2) * 2)
