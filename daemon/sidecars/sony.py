"""Sony's card sidecars: a clip's NonRealTimeMeta (`C0001M01.XML`) and a card's index (`MEDIAPRO.XML`).

Bytes to dataclasses, nothing else: opens no file and believes nothing that makes no sense. Timecode is given
as the fields that the camera wrote; its arithmetic is elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath

from daemon.errors import SidecarError
from daemon.sidecars import xml

_LIMIT_BYTES = 16 << 20
_FIFTY_HERTZ = 25
_NTSC = Fraction(1000, 1001)


@dataclass(frozen=True, slots=True)
class Ltc:
    """One timecode as it was recorded. `second_field` marks the second frame of a pair above 30 frames/s."""

    hours: int
    minutes: int
    seconds: int
    frames: int
    drop_frame: bool
    second_field: bool

    def __str__(self) -> str:
        mark = ";" if self.drop_frame else ":"
        return f"{self.hours:02d}:{self.minutes:02d}:{self.seconds:02d}{mark}{self.frames:02d}"


@dataclass(frozen=True, slots=True)
class LtcChange:
    """Where the timecode starts, jumps or ends: the frame of the clip and the timecode there."""

    frame: int
    ltc: Ltc
    status: str


@dataclass(frozen=True, slots=True)
class ClipMeta:
    """One clip's NonRealTimeMeta.

    `start` is None where the clip has no timecode table. `ltc_base` is its nominal frames a second;
    `half_step` says that two frames share each number. `rate` is exact frames a second, None where the XML
    does not say; `interlaced` goes with it. `gamma` and `primaries` are Sony's words (`s-log3`, `rec709`). `iso` is
    the sensitivity that the sensor was set to and `kelvin` the white balance, 0 where the XML does not say; `scene` is
    what the crew called it.
    """

    duration_frames: int
    start: Ltc | None
    changes: tuple[LtcChange, ...]
    ltc_base: int
    half_step: bool
    rate: Fraction | None
    interlaced: bool
    video_codec: str
    created_at: str
    manufacturer: str
    model: str
    gamma: str
    primaries: str
    iso: int
    kelvin: int
    umid: str
    reel: str
    scene: str


@dataclass(frozen=True, slots=True)
class Material:
    """One clip of a card's index. Paths are relative to the folder of `MEDIAPRO.XML`."""

    name: str
    path: str
    umid: str
    duration_frames: int
    rate: Fraction | None
    interlaced: bool
    video_type: str
    proxies: tuple[str, ...]
    sidecars: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardIndex:
    """A card's `MEDIAPRO.XML`: which clips must be there."""

    camera: str
    media_id: str
    materials: tuple[Material, ...]


def parse_clip(data: bytes, *, source: str = "the clip's XML") -> ClipMeta:
    """Return what a clip's NonRealTimeMeta says.

    Raises:
        SidecarError: it is not NonRealTimeMeta, or a value in it makes no sense.
    """
    root = _root(data, "NonRealTimeMeta", source)
    table = xml.child(root, "LtcChangeTable")
    base = _number(table, "tcFps", source) if table is not None else 0
    changes = tuple(_change(found, base, source) for found in _listed(table, "LtcChange"))
    frame = _within(root, "VideoFormat", "VideoFrame")
    device = xml.child(root, "Device")
    rate, interlaced = parse_rate(_of(frame, "formatFps"), source)
    return ClipMeta(
        duration_frames=_number(xml.child(root, "Duration"), "value", source),
        start=next((change.ltc for change in changes if change.frame == 0), None),
        changes=changes,
        ltc_base=base,
        half_step=_of(table, "halfStep") == "true",
        rate=rate,
        interlaced=interlaced,
        video_codec=_of(frame, "videoCodec"),
        created_at=_of(xml.child(root, "CreationDate"), "value"),
        manufacturer=_of(device, "manufacturer"),
        model=_of(device, "modelName"),
        gamma=_acquired(root, "CaptureGammaEquation"),
        primaries=_acquired(root, "CaptureColorPrimaries"),
        iso=_whole(_acquired(root, "ISOSensitivity")),
        kelvin=_whole(_acquired(root, "WhiteBalance")),
        umid=_of(xml.child(root, "TargetMaterial"), "umidRef"),
        reel=_described(root, "Reel"),
        scene=_described(root, "Scene"),
    )


def parse_index(data: bytes, *, source: str = "MEDIAPRO.XML") -> CardIndex:
    """Return what a card's index lists.

    Raises:
        SidecarError: it is not a MediaProfile, or a value in it makes no sense.
    """
    root = _root(data, "MediaProfile", source)
    return CardIndex(
        camera=_of(_within(root, "Properties", "System"), "systemKind"),
        media_id=_of(_within(root, "Properties", "Attached"), "mediaId"),
        materials=tuple(_material(found, source) for found in _listed(xml.child(root, "Contents"), "Material")),
    )


def parse_ltc(value: str, base: int, source: str = "the clip's XML") -> Ltc:
    """Return a timecode from eight hex digits: frames, seconds, minutes, hours in BCD, with flag bits.

    Source: SMPTE ST 12-1: drop-frame is bit 10; the field mark is bit 27, or bit 59 on a base of 25.

    Raises:
        SidecarError: a digit is no decimal, or a field is out of range.
    """
    if not re.fullmatch("[0-9A-Fa-f]{8}", value, re.ASCII):
        raise _nonsense(source, f"the timecode is {value!r}")
    frames, seconds, minutes, hours = bytes.fromhex(value)
    field_mark = hours if base == _FIFTY_HERTZ else seconds
    fields = (hours & 0x3F, minutes & 0x7F, seconds & 0x7F, frames & 0x3F)
    digits = "".join(f"{found:02x}" for found in fields)
    if not digits.isdecimal():
        raise _nonsense(source, f"the timecode {value} is not BCD")
    hour, minute, second, frame = (int(digits[at : at + 2]) for at in range(0, 8, 2))
    if hour >= 24 or minute >= 60 or second >= 60 or frame >= base:  # noqa: PLR2004 - a day's own numbers
        raise _nonsense(source, f"the timecode {value} is out of range on a base of {base}")
    return Ltc(hour, minute, second, frame, bool(frames & 0x40), bool(field_mark & 0x80))


def parse_rate(value: str, source: str = "the clip's XML") -> tuple[Fraction | None, bool]:
    """Return exact frames a second and whether interlaced, from words like `29.97p`, `59.94i` (fields).

    None where nothing is said.

    Raises:
        SidecarError: the words are not a rate.
    """
    if not value:
        return None, False
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)(p|i|psf)", value.lower(), re.ASCII)
    if not found or not (rate := _exact(Fraction(found[1]))):
        raise _nonsense(source, f"the frame rate is {value!r}")
    interlaced = found[2] == "i"
    return (rate / 2 if interlaced else rate), interlaced


def _exact(written: Fraction) -> Fraction:
    """Return the rate that a rounded figure stands for: 23.98 is 24000/1001."""
    if written.denominator == 1:
        return written
    ntsc = round(written / _NTSC) * _NTSC
    return ntsc if abs(ntsc - written) < Fraction(1, 100) else written


def _change(element: xml.Element, base: int, source: str) -> LtcChange:
    return LtcChange(
        frame=_number(element, "frameCount", source),
        ltc=parse_ltc(_of(element, "value"), base, source),
        status=_of(element, "status"),
    )


def _material(element: xml.Element, source: str) -> Material:
    path = _path(element, source)
    rate, interlaced = parse_rate(_of(element, "fps"), source)
    return Material(
        name=PurePosixPath(path).stem,
        path=path,
        umid=_of(element, "umid"),
        duration_frames=_number(element, "dur", source),
        rate=rate,
        interlaced=interlaced,
        video_type=_of(element, "videoType"),
        proxies=tuple(_path(found, source) for found in xml.children(element, "Proxy")),
        sidecars=tuple(_path(found, source) for found in xml.children(element, "RelevantInfo")),
    )


def _path(element: xml.Element, source: str) -> str:
    uri = _of(element, "uri")
    parts = [part for part in uri.split("/") if part not in {"", "."}]
    if not parts or uri.startswith("/") or ".." in parts or ":" in parts[0]:
        raise _nonsense(source, f"the path {uri!r} does not lead to a file of the card")
    return "/".join(parts)


def _acquired(root: xml.Element, name: str) -> str:
    record = xml.child(root, "AcquisitionRecord")
    items = (found for group in _listed(record, "Group") for found in xml.children(group, "Item"))
    return _named(items, name, "value")


def _whole(word: str) -> int:
    """Return a whole number, 0 for what is none."""
    return int(word) if re.fullmatch("[0-9]{1,7}", word, re.ASCII) else 0


def _described(root: xml.Element, name: str) -> str:
    return _named(iter(_listed(xml.child(root, "UserDescriptiveMetadata"), "Meta")), name, "content")


def _named(elements: Iterator[xml.Element], name: str, attribute: str) -> str:
    return next((_of(found, attribute) for found in elements if _of(found, "name") == name), "")


def _within(root: xml.Element, outer: str, inner: str) -> xml.Element | None:
    found = xml.child(root, outer)
    return None if found is None else xml.child(found, inner)


def _listed(parent: xml.Element | None, name: str) -> list[xml.Element]:
    return [] if parent is None else xml.children(parent, name)


def _of(element: xml.Element | None, attribute: str) -> str:
    return "" if element is None else xml.attribute(element, attribute).strip()


def _number(element: xml.Element | None, attribute: str, source: str) -> int:
    value = _of(element, attribute)
    if not re.fullmatch("[0-9]{1,9}", value, re.ASCII):
        raise _nonsense(source, f"{attribute} is {value!r}")
    return int(value)


def _root(data: bytes, name: str, source: str) -> xml.Element:
    root = xml.parse(data, _LIMIT_BYTES, source=source)
    if xml.local(root) != name:
        raise _nonsense(source, f"it is <{xml.local(root)}>, not <{name}>")
    return root


def _nonsense(source: str, why: str) -> SidecarError:
    return SidecarError(
        f"{source} cannot be used",
        why=why,
        fix="copy it again from the card; without it the clip's own container is asked",
    )
