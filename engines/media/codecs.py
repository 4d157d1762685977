"""Codecs that are needed here, each really opened: what presets are written with, and what cameras' clips are read by.

A build of FFmpeg may list a codec and still not open it, so nothing but opening it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import av
from av.codec.context import CodecContext

from engines.media.layout import FLOAT_PCM, PCM
from engines.media.picture import CODECS
from engines.media.preset import ProxyCodec, dnxhd_36_bits_a_second
from engines.media.source import KNOWN

_RATE = Fraction(25)
_CAMERAS = {
    "prores": "ProRes",
    "dnxhd": "DNxHD, DNxHR",
    "h264": "XAVC, AVC-Intra, AVCHD",
    "hevc": "H.265",
    "mpeg2video": "XDCAM, HDV",
    "mjpeg": "Motion JPEG",
    "dvvideo": "DV, DVCPRO",
    "v210": "uncompressed 4:2:2",
    "exr": "EXR",
    "aac": "AAC",
    "mp2": "MPEG sound",
    "pcm_s16le": "PCM",
    "pcm_s24le": "PCM",
    "pcm_bluray": "AVCHD's PCM",
    "s302m": "PCM in transport streams",
}
"""Decoders by name, and what cameras call what they read."""
_WRITTEN = ("mov", "mxf", "mxf_opatom")


@dataclass(frozen=True, slots=True)
class Opened:
    """A codec or a container: what it is for, and why it cannot be used here, empty where it can."""

    name: str
    what_for: str
    why_not: str


def opened() -> Iterator[Opened]:
    """Yield every codec and container that is needed, tried."""
    for codec in ProxyCodec:
        yield _tried(f"encoder {CODECS[codec].encoder}", codec.value, partial(_picture_encoder, codec))
    for name, form in dict([*PCM.values(), *FLOAT_PCM.values(), ("aac", "fltp")]).items():
        yield _tried(f"encoder {name}", "sound", partial(_sound_encoder, name, form))
    for name, what_for in _CAMERAS.items():
        yield _tried(f"decoder {name}", what_for, partial(_decoder, name))
    for _, name in KNOWN:
        yield _tried(f"demuxer {name}", "reading", partial(av.ContainerFormat, name, "r"))
    for name in _WRITTEN:
        yield _tried(f"muxer {name}", "delivering", partial(av.ContainerFormat, name, "w"))


def _tried(name: str, what_for: str, attempt: Callable[[], Any]) -> Opened:
    try:
        attempt()
    except (av.FFmpegError, ValueError) as error:
        return Opened(name, what_for, str(error))
    return Opened(name, what_for, "")


def _picture_encoder(codec: ProxyCodec) -> None:
    spec = CODECS[codec]
    context: Any = CodecContext.create(spec.encoder, "w")
    context.width, context.height, context.pix_fmt = 1920, 1080, spec.pixel_format
    context.time_base, context.framerate = 1 / _RATE, _RATE
    context.options = dict(spec.options)
    if codec is ProxyCodec.DNXHD_36:
        context.bit_rate = dnxhd_36_bits_a_second(_RATE)
    context.open()


def _sound_encoder(name: str, form: str) -> None:
    context: Any = CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = 48000, "mono", form
    context.open()


def _decoder(name: str) -> None:
    context: Any = CodecContext.create(name, "r")
    if context.type == "audio":
        context.sample_rate, context.layout = 48000, "mono"
    context.open()
