"""Hardware: what this machine's card decodes and encodes, by trial on the very stream and never by its name.

H.264 and HEVC are decoded exactly, by their specifications; so a card counts only where its pictures are those of the
processor's decoder to the bit. What is tried is kept as long as the process lives. Whoever is refused here is told why,
and the processor does it. Owns no file and no stream: `decode.py` asks and goes on with the processor where it must.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import islice, zip_longest
from typing import Any, Protocol

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.frame import VideoFrame

from engines.errors import EngineError
from engines.gpu.device import gpu
from engines.media.essence import Essence, FieldOrder
from engines.media.faults import on_card
from engines.media.picture import NVENC, Coding, PictureOut
from engines.media.probe import main_video
from engines.media.proxy import ProxyCodec, ProxySpec, Rotation
from engines.media.semiplanar import fits, is_known, luma_decibels, planar, same
from engines.media.source import MediaFile, open_container, open_on_card

NVDEC, PROCESSOR = "NVDEC", "libavcodec"
_CODECS = frozenset({"h264", "hevc"})
_DECODING = "libnvcuvid.so.1"
"""The driver's library that decodes. A container may have CUDA without it; FFmpeg then finds damage in the stream."""
_TRIED_PICTURES = 16
"""Pictures that a trial compares: more than any camera's run of B pictures, and less than a second of the processor."""
_LEAST_DECIBELS = 34.0
"""Of a trial's encoded pictures, which are smooth: x264 at the preset's setting has over 40."""


class Declined(Exception):
    """A stream is not for the card, or not any more; `why` says it, and the processor goes on."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Damaged(Declined):
    """A card finds no pictures in the stream's bytes."""


class Card(Protocol):
    """What decodes and encodes beside the processor."""

    @property
    def name(self) -> str:
        """What it is, for records."""

    @property
    def codings(self) -> Mapping[ProxyCodec, Coding]:
        """What it encodes, by codec."""

    def open(self, file: MediaFile) -> InputContainer:
        """Return a movie whose picture the card decodes, or not at all; it comes semi-planar.

        Raises:
            Declined: the card's driver lacks what decodes.
        """


@dataclass(frozen=True, slots=True)
class Nvidia:
    """The first NVIDIA GPU: NVDEC and NVENC by FFmpeg, in a CUDA context of their own."""

    name: str
    codings: Mapping[ProxyCodec, Coding]

    def open(self, file: MediaFile) -> InputContainer:
        """Return a movie that NVDEC decodes."""
        if why := _unloadable(_DECODING):
            raise Declined(why)
        return open_on_card(file)


class Hardware:
    """A card and what was tried on it; without a card, `lacks` says why there is none."""

    def __init__(self, card: Card | None, lacks: str = "") -> None:
        self.card, self.lacks = card, lacks
        self._tried: dict[tuple[object, ...], str] = {}

    @property
    def name(self) -> str:
        """What decodes, for records."""
        return self.card.name if self.card else NVDEC

    def why_not_decode(self, file: MediaFile, essence: Essence) -> str:
        """Return why the processor decodes a file's picture; empty where the card gives the very same pictures.

        Raises:
            MediaError: not even the processor reads it.
        """
        if self.card is None:
            return self.lacks
        if why := _unfit(essence):
            return why
        kind = ("decode", essence.codec, essence.pixel_format, essence.width, essence.height, _parameters(file))
        if kind not in self._tried:
            self._tried[kind] = _told(self.card.name, _decoding(self.card, file, essence))
        return self._tried[kind]

    def coding(self, essence: Essence, spec: ProxySpec) -> tuple[Coding | None, str]:
        """Return what the card encodes a proxy by, None where the processor does, and why it does, empty if unasked."""
        if spec.codec not in NVENC:
            return None, ""
        if self.card is None:
            return None, self.lacks
        if essence.field_order is not FieldOrder.PROGRESSIVE and not spec.deinterlace:
            return None, "it is interlaced"
        coding = self.card.codings.get(spec.codec)
        if coding is None:
            return None, f"the card encodes no {spec.codec}"
        kind = ("encode", coding.encoder, spec.width, spec.height, essence.rate)
        if kind not in self._tried:
            self._tried[kind] = _told(coding.encoder, _encoding(coding, essence, spec))
        return (None if self._tried[kind] else coding), self._tried[kind]


@cache
def here() -> Hardware:
    """Return this machine's hardware, looked for once a process."""
    try:
        found = gpu()
    except EngineError as error:
        return Hardware(None, f"{error.code}: {error.why}")
    return Hardware(Nvidia(f"{NVDEC} ({found.name}, SM {found.sm}, driver {found.driver})", NVENC))


def concerns(essence: Essence) -> bool:
    """Return whether a clip's codec is one that cards decode at all."""
    return essence.codec in _CODECS


def pictures(packet: Packet[Any], essence: Essence) -> list[VideoFrame]:
    """Return the pictures that a card gives for a packet, as the processor's decoder has them.

    Raises:
        Declined: the stream is damaged here, or is another than it was. GpuFault: the card failed.
    """
    if packet.has_sidedata("new_extradata"):
        raise Declined("its parameters change")
    if packet.is_corrupt:
        raise Declined("it is damaged")
    with on_card("the card stopped decoding"):
        try:
            given = packet.decode()
        except InvalidDataError as error:
            raise Damaged(f"it is damaged ({error})") from error
    return [_checked(frame, essence) for frame in given if isinstance(frame, VideoFrame)]


def _checked(frame: VideoFrame, essence: Essence) -> VideoFrame:
    """Return a card's picture in planes; a card crops at right and bottom alone."""
    if (frame.width, frame.height) != (essence.width, essence.height):
        raise Declined(
            f"the card gives {frame.width}x{frame.height} for {essence.width}x{essence.height}: "
            "it is cropped at the left or the top, or changes its raster"
        )
    if not fits(frame.format.name, essence.pixel_format):
        raise Declined(f"the card gives {frame.format.name} for {essence.pixel_format}")
    if frame.is_corrupt:
        raise Declined("it is damaged")
    return planar(frame, essence.pixel_format)


def _unfit(essence: Essence) -> str:
    """Return why no card is tried on a clip."""
    if essence.codec not in _CODECS:
        return f"cards decode no {essence.codec}"
    if essence.field_order is not FieldOrder.PROGRESSIVE:
        return "it is interlaced"
    if not is_known(essence.pixel_format):
        return f"cards decode no {essence.pixel_format}"
    if essence.width % 2 or essence.height % 2:
        return f"{essence.width}x{essence.height} is odd"
    return ""


def _parameters(file: MediaFile) -> str:
    """Return the digest of a stream's parameter sets: with the same ones, another clip is the same to a card."""
    with open_container(file) as container:
        return hashlib.sha256(main_video(container, file.name).codec_context.extradata or b"").hexdigest()


def _unloadable(library: str) -> str:
    """Return why a library of the driver's cannot be used; empty where it can."""
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return f"the driver's library {library} cannot be loaded ({error})"
    return ""


def _told(name: str, why: str) -> str:
    """Return why something is not used; it is told once, since it is kept."""
    if why:
        logging.getLogger(__name__).warning("media.instead: %s is not used: %s", name, why)
    return why


def _decoding(card: Card, file: MediaFile, essence: Essence) -> str:
    """Return why a card does not decode a file's first pictures as the processor does; empty if it does."""
    with open_container(file) as container:
        video = main_video(container, file.name)
        truth = list(islice(container.decode(video), _TRIED_PICTURES))
    try:
        with card.open(file) as movie:
            given = list(islice(_by_card(movie, file, essence), len(truth)))
    except (FFmpegError, EngineError, RuntimeError, Damaged) as error:  # the processor found nothing damaged here
        return (
            f"the card does not decode {essence.codec} {essence.pixel_format} of this size ({error.__cause__ or error})"
        )
    except Declined as declined:
        return declined.why
    for number, (right, got) in enumerate(zip_longest(truth, given)):
        if got is None:
            return f"the card gives {number} pictures for {len(truth)}"
        if not same(right, got):
            return f"the card decodes wrongly: its picture {number} is not the processor's"
    return ""


def _by_card(movie: InputContainer, file: MediaFile, essence: Essence) -> Iterator[VideoFrame]:
    for packet in movie.demux(main_video(movie, file.name)):
        yield from pictures(packet, essence)


def _encoding(coding: Coding, essence: Essence, spec: ProxySpec) -> str:
    """Return why an encoder is not used for a raster and rate; empty if it writes what was given to it."""
    if coding.library and (why := _unloadable(coding.library)):
        return why
    bare = replace(
        spec, placement=None, burn_in=None, guide=None, pixel_aspect=Fraction(1), rotation=Rotation.BAKE, reel=""
    )
    like = replace(
        essence, width=spec.width, height=spec.height, rotation_degrees=0, field_order=FieldOrder.PROGRESSIVE
    )
    shown = [pattern(spec.width, spec.height, number) for number in range(_TRIED_PICTURES)]
    try:
        back = list(_read_back(_written(coding, like, bare, shown)))
    except (FFmpegError, EngineError, RuntimeError, ValueError) as error:
        return f"the card does not encode {spec.width}x{spec.height} ({error.__cause__ or error})"
    if len(back) != len(shown):
        return f"the card writes {len(back)} pictures for {len(shown)}"
    for number, (given, read) in enumerate(zip(shown, back, strict=True)):
        if read.pts is None or read.time_base is None or read.pts * read.time_base != number / essence.rate:
            return f"the card writes picture {number} at another time"
        found = luma_decibels(given.reformat(format=read.format.name), read)
        if found < _LEAST_DECIBELS:
            return f"the card encodes wrongly: its picture {number} is {found:.0f} dB off"
    return ""


def _written(coding: Coding, essence: Essence, spec: ProxySpec, shown: list[VideoFrame]) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        muxed: Any = container.mux
        out = PictureOut(container, essence, spec, "", muxed, coding)
        for number, frame in enumerate(shown):
            frame.pts, frame.time_base = number, 1 / essence.rate
            out.write(frame)
        out.close()
    return file.getvalue()


def _read_back(movie: bytes) -> Iterator[VideoFrame]:
    with av.open(io.BytesIO(movie), "r", format="mov") as container:
        yield from container.decode(video=0)


def pattern(width: int, height: int, number: int) -> VideoFrame:
    """Return a working frame: light and colour in slow waves that move."""
    frame = VideoFrame(width, height, "yuv422p10le")
    for plane, (middle, swing) in zip(frame.planes, ((500, 350), (512, 150), (512, 150)), strict=True):
        across = np.sin((np.arange(plane.width) + 3 * number) * (12 / plane.width))
        down = np.cos((np.arange(plane.height) + number) * (9 / plane.height))
        rows = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, plane.line_size // 2)
        rows[:, : plane.width] = np.rint(middle + swing * down[:, None] * across[None])
    return frame
