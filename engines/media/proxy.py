"""What a proxy is asked to be: codec, raster, identity. Pure data and arithmetic, no encoder.

Source: rasters divide the source evenly so that an editor's reframes hold when the camera original is
relinked; half of the source, but no narrower than 960, is the field's usual proxy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engines.errors import EncodeFailed
from engines.media.essence import Essence, FieldOrder

MIN_WIDTH = 960
"""Proxies are not made narrower than this by default; a source that is narrower keeps its size."""
_MIN_RASTER = {"dnxhr_lb": (256, 120)}
"""Smallest raster of a codec. Source: FFmpeg 8.1, libavcodec/dnxhdenc.c (DNxHR), read 2026-11."""


class ProxyCodec(StrEnum):
    """The codecs of a proxy, all in MOV."""

    DNXHR_LB = "dnxhr_lb"
    PRORES_PROXY = "prores_proxy"
    PRORES_LT = "prores_lt"
    PRORES_HQ = "prores_hq"
    PRORES_4444 = "prores_4444"
    """With alpha: of mattes."""
    H264 = "h264"


class Rotation(StrEnum):
    """What becomes of a clip that was filmed turned: the tag is carried, or the picture is turned."""

    TAG = "tag"
    BAKE = "bake"


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """One proxy to make. `width` and `height` are of the delivered raster, after a baked rotation."""

    codec: ProxyCodec
    width: int
    height: int
    clip_name: str
    reel: str
    deinterlace: bool
    rotation: Rotation


def spec_for(
    essence: Essence,
    *,
    codec: ProxyCodec,
    width: int | None,
    clip_name: str,
    reel: str,
    deinterlace: bool = False,
    rotation: Rotation = Rotation.TAG,
) -> ProxySpec:
    """Return the spec of a clip's proxy; `width` None takes the default raster.

    DNxHR carries no fields, so an interlaced clip that stays interlaced becomes ProRes Proxy; `instead_of`
    says so to whoever reads the delivery.

    Raises:
        EncodeFailed: the codec cannot carry the raster.
    """
    turned = rotation is Rotation.BAKE and essence.rotation_degrees % 180 == 90  # noqa: PLR2004 - a quarter turn
    source = (essence.height, essence.width) if turned else (essence.width, essence.height)
    interlaced = essence.field_order is not FieldOrder.PROGRESSIVE and not deinterlace
    size = (_even(source[0]), _even(source[1])) if interlaced else raster(source, width)
    if interlaced and codec is ProxyCodec.DNXHR_LB:
        codec = ProxyCodec.PRORES_PROXY
    least = _MIN_RASTER.get(codec, (16, 16))
    if size[0] < least[0] or size[1] < least[1]:
        raise EncodeFailed(
            f"{clip_name} would be {size[0]}x{size[1]}, too small for {codec}",
            why=f"{codec} starts at {least[0]}x{least[1]}",
            fix="set proxy.codec of this clip to prores_proxy in the recipe",
        )
    return ProxySpec(codec, *size, clip_name, reel, deinterlace, rotation)


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
