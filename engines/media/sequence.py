"""Image sequences: one EXR a frame, scene-linear, shown through the BT.709 curve for the cut.

Owns what an EXR header says of rate, timecode and reel, and decoding. Other stills (DNG, ARI) are camera raw
and never come here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from fractions import Fraction

from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from engines.errors import Unreadable, VariableRate
from engines.media.cadence import snapped
from engines.media.essence import CodeRange, Essence, FieldOrder, TimecodeSource
from engines.media.faults import translated
from engines.media.source import MediaFile, MediaFiles
from engines.media.timecode import Timecode, may_drop

CONTAINER = "exr"
_MAGIC = b"\x76\x2f\x31\x01"
_HEADER_BYTES = 64 * 1024
_MAX_STILL_BYTES = 1 << 30


def is_sequence(file: MediaFile) -> bool:
    """Return whether the file is an EXR still."""
    return os.pread(file.fd, 4, 0) == _MAGIC


def probe_sequence(files: MediaFiles, rate: Fraction | None) -> Essence:
    """Return the essence of stills in order; `rate` is the recipe's word, else the header's.

    Raises:
        Unreadable: the first still does not decode. VariableRate: nothing names a rate.
    """
    name = files[0].name
    header = attributes(os.pread(files[0].fd, _HEADER_BYTES, 0))
    rate = rate or _rate(header)
    if rate is None:
        raise VariableRate(
            f"{name} is a sequence without a frame rate",
            why="its header has no framesPerSecond",
            fix='name a rate for the clip in the recipe: `source: {rate: "24000/1001"}`',
        )
    first = next(decoded([files[0]]), None)
    if first is None:
        raise Unreadable(f"{name} holds no picture", why="it is damaged", fix="copy the clip again from the card")
    start = _timecode(header, rate)
    return Essence(
        container=CONTAINER,
        codec="exr",
        profile="",
        width=first.width,
        height=first.height,
        pixel_aspect=_pixel_aspect(header),
        pixel_format=first.format.name,
        bits=32,
        frames=len(files),
        rate=rate,
        variable_rate=False,
        field_order=FieldOrder.PROGRESSIVE,
        rotation_degrees=0,
        code_range=CodeRange.FULL,
        matrix="rgb",
        primaries="bt709",
        transfer="bt709",
        start_frame=start.frame if start else 0,
        drop_frame=bool(start and start.drop),
        timecode_source=TimecodeSource.CONTAINER if start else TimecodeSource.ZERO,
        reel=_text(header, "reelName"),
        camera=" ".join(filter(None, (_text(header, "cameraMake"), _text(header, "cameraModel")))),
        created="",
        audio=(),
        notes=("scene-linear EXR, shown through the BT.709 curve",),
    )


def decoded(files: MediaFiles) -> Iterator[VideoFrame]:
    """Yield one R'G'B' frame a still, in order.

    Raises:
        Unreadable: a still is damaged.
    """
    context = CodecContext.create("exr", "r")
    assert isinstance(context, VideoCodecContext)
    context.options = {"apply_trc": "bt709"}
    context.thread_type = "SLICE"  # frame threads want the interpreter while it waits for them to end: a deadlock
    for file in files:
        with translated(file.name):
            yield from context.decode(_packet(file))
    with translated(files[-1].name):
        yield from context.decode(None)


def _packet(file: MediaFile) -> Packet[Stream]:
    size = os.fstat(file.fd).st_size
    if not is_sequence(file) or size > _MAX_STILL_BYTES:
        raise Unreadable(
            f"{file.name} is not a still of its sequence",
            why="it is no EXR, or too large to be one",
            fix="check that the offload is complete; copy the clip again from the card",
        )
    return Packet(os.pread(file.fd, size, 0))


def attributes(head: bytes) -> dict[str, bytes]:
    """Return the header's attributes by name; those after a damaged one are left out.

    Source: OpenEXR file layout, "Header": name, type, size, value, until an empty name.
    """
    found: dict[str, bytes] = {}
    position = 8
    while (name_end := head.find(b"\0", position)) > position:
        type_end = head.find(b"\0", name_end + 1)
        if type_end < 0 or type_end + 5 > len(head):
            break
        (size,) = struct.unpack_from("<I", head, type_end + 1)
        value = head[type_end + 5 : type_end + 5 + size]
        if len(value) < size:
            break
        found[head[position:name_end].decode("ascii", "replace")] = value
        position = type_end + 5 + size
    return found


def _rate(header: dict[str, bytes]) -> Fraction | None:
    value = header.get("framesPerSecond", b"")
    if len(value) != 8:  # noqa: PLR2004 - a rational is two numbers of four bytes
        return None
    numerator, denominator = struct.unpack("<iI", value)
    return snapped(Fraction(numerator, denominator)) if numerator > 0 and denominator else None


def _timecode(header: dict[str, bytes], rate: Fraction) -> Timecode | None:
    """Return the timecode attribute. Source: OpenEXR, TimeCode in TV60 packing: BCD fields and flags."""
    value = header.get("timeCode", b"")
    if len(value) != 8:  # noqa: PLR2004 - two words
        return None
    (packed,) = struct.unpack_from("<I", value)
    frames, seconds, minutes, hours = ((packed >> shift) & mask for shift, mask in _FIELDS)
    drop = bool(packed & 0x40) and may_drop(rate)
    try:
        return Timecode.parse(f"{hours:02x}:{minutes:02x}:{seconds:02x}:{frames:02x}", rate, drop=drop)
    except ValueError:
        return None


_FIELDS = ((0, 0x3F), (8, 0x7F), (16, 0x7F), (24, 0x3F))
"""Shift and mask of frames, seconds, minutes and hours."""


def _pixel_aspect(header: dict[str, bytes]) -> Fraction:
    value = header.get("pixelAspectRatio", b"")
    ratio = struct.unpack("<f", value)[0] if len(value) == 4 else 1.0  # noqa: PLR2004 - one float
    return Fraction(ratio).limit_denominator(1000) if 0.1 < ratio < 10 else Fraction(1)  # noqa: PLR2004 - a lens


def _text(header: dict[str, bytes], name: str) -> str:
    return header.get(name, b"").decode("utf-8", "replace").strip("\0 ")
