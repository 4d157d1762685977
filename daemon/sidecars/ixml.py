"""iXML, what a recorder knows of a take: text to dataclass and back.

What it says of time is kept beside what `bext` says, and whoever reads both settles which one is right.
Source: iXML specification 2.10 (gallery.co.uk/ixml); files of Sound Devices, Zoom, Metacorder and Pro Tools.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.sax.saxutils import escape

from daemon.sidecars import xml

_LIMIT_BYTES = 16 << 20
_YES = frozenset({"true", "1", "yes"})
_MOST_TRACKS = 256


@dataclass(frozen=True, slots=True)
class Ixml:
    """What iXML says of a take; a field is empty, 0 or None where it says nothing that can be read.

    `tracks` are names by the number of the interleaved channel, from 1. `time_reference` is in samples since midnight
    at `timestamp_rate`. `speed` is the speed that it was recorded at over the one that it is meant for.
    """

    project: str = ""
    scene: str = ""
    take: str = ""
    tape: str = ""
    note: str = ""
    circled: bool = False
    family: str = ""
    location: str = ""
    file_rate: int = 0
    timestamp_rate: int = 0
    timecode_rate: Fraction | None = None
    drop_frame: bool = False
    speed: Fraction = Fraction(1)
    time_reference: int | None = None
    tracks: tuple[tuple[int, str], ...] = ()


def parse(data: bytes, source: str) -> Ixml:
    """Return what an `iXML` chunk says; its padding, of spaces or zeros, is passed over.

    Raises:
        SidecarError: it is no XML that is safe to read.
    """
    root = xml.parse(data.rstrip(b"\0 \t\r\n").lstrip(b"\0 \t\r\n"), _LIMIT_BYTES, source=f"iXML of {source}")
    speed = xml.child(root, "SPEED")
    family = xml.child(root, "FILE_SET")
    place = xml.child(root, "LOCATION")
    return replace(
        _timing(speed),
        project=xml.text(root, "PROJECT"),
        scene=xml.text(root, "SCENE"),
        take=xml.text(root, "TAKE"),
        tape=xml.text(root, "TAPE"),
        note=xml.text(root, "NOTE"),
        circled=xml.text(root, "CIRCLED").lower() in _YES,
        family="" if family is None else xml.text(family, "FAMILY_UID"),
        location="" if place is None else xml.text(place, "LOCATION_NAME"),
        tracks=_tracks(root),
    )


def compose(ixml: Ixml) -> bytes:
    """Return an `iXML` chunk's content, with what an editor's system reads of a take."""
    tracks = "".join(
        f"<TRACK><CHANNEL_INDEX>{number}</CHANNEL_INDEX><INTERLEAVE_INDEX>{number}</INTERLEAVE_INDEX>"
        f"<NAME>{escape(name)}</NAME></TRACK>"
        for number, name in ixml.tracks
    )
    rate = ixml.timecode_rate or Fraction(0)
    speed = (
        f"<MASTER_SPEED>{rate.numerator}/{rate.denominator}</MASTER_SPEED>"
        f"<CURRENT_SPEED>{rate.numerator}/{rate.denominator}</CURRENT_SPEED>"
        f"<TIMECODE_RATE>{rate.numerator}/{rate.denominator}</TIMECODE_RATE>"
        f"<TIMECODE_FLAG>{'DF' if ixml.drop_frame else 'NDF'}</TIMECODE_FLAG>"
        f"<FILE_SAMPLE_RATE>{ixml.file_rate}</FILE_SAMPLE_RATE>"
        f"<TIMESTAMP_SAMPLE_RATE>{ixml.timestamp_rate}</TIMESTAMP_SAMPLE_RATE>"
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>{(ixml.time_reference or 0) >> 32}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>"
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>{(ixml.time_reference or 0) & 0xFFFFFFFF}"
        "</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>"
    )
    words = (
        ("PROJECT", ixml.project),
        ("SCENE", ixml.scene),
        ("TAKE", ixml.take),
        ("TAPE", ixml.tape),
        ("NOTE", ixml.note),
        ("CIRCLED", "TRUE" if ixml.circled else "FALSE"),
    )
    told = "".join(f"<{name}>{escape(_plain(value))}</{name}>" for name, value in words)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML><IXML_VERSION>2.10</IXML_VERSION>'
        f"{told}<SPEED>{speed}</SPEED><FILE_SET><FAMILY_UID>{escape(_plain(ixml.family))}</FAMILY_UID></FILE_SET>"
        f"<LOCATION><LOCATION_NAME>{escape(_plain(ixml.location))}</LOCATION_NAME></LOCATION>"
        f"<TRACK_LIST><TRACK_COUNT>{len(ixml.tracks)}</TRACK_COUNT>{tracks}</TRACK_LIST></BWFXML>\n"
    ).encode()


def _plain(text: str) -> str:
    """Return text without what XML cannot hold."""
    return "".join(character if character.isprintable() else " " for character in text)


def _timing(speed: xml.Element | None) -> Ixml:
    """Return what the SPEED element says, nothing else in it."""
    if speed is None:
        return Ixml()
    master, current = _rate(xml.text(speed, "MASTER_SPEED")), _rate(xml.text(speed, "CURRENT_SPEED"))
    low, high = (_number(xml.text(speed, f"TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_{half}")) for half in ("LO", "HI"))
    return Ixml(
        file_rate=_number(xml.text(speed, "FILE_SAMPLE_RATE")) or 0,
        timestamp_rate=_number(xml.text(speed, "TIMESTAMP_SAMPLE_RATE")) or 0,
        timecode_rate=_rate(xml.text(speed, "TIMECODE_RATE")),
        drop_frame=xml.text(speed, "TIMECODE_FLAG").upper() == "DF",
        speed=current / master if master and current else Fraction(1),
        time_reference=None if low is None else (high or 0) % 2**32 << 32 | low % 2**32,
    )


def _tracks(root: xml.Element) -> tuple[tuple[int, str], ...]:
    """Return the names by interleaved channel; where a file's own numbers are double or missing, its order counts."""
    listed = xml.child(root, "TRACK_LIST")
    found = [] if listed is None else xml.children(listed, "TRACK")[:_MOST_TRACKS]
    numbers = [_number(xml.text(track, "INTERLEAVE_INDEX")) or 0 for track in found]
    if len(set(numbers)) < len(numbers) or any(number < 1 for number in numbers):
        numbers = list(range(1, len(found) + 1))
    return tuple(sorted((number, xml.text(track, "NAME")) for number, track in zip(numbers, found, strict=True)))


def _rate(text: str) -> Fraction | None:
    """Return a rate such as 24000/1001 or 25/1; None for what is none, 0/0 too."""
    with suppress(ValueError, ZeroDivisionError):
        rate = Fraction(text.replace(" ", ""))
        return rate if 1 <= rate <= 1000 else None  # noqa: PLR2004 - frames a second
    return None


def _number(text: str) -> int | None:
    """Return a whole number, negative ones as some recorders write what went past 31 bits; None for none."""
    with suppress(ValueError):
        return int(text) if len(text) <= 20 else None  # noqa: PLR2004 - digits of 64 bits
    return None
