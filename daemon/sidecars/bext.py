"""`bext`, the Broadcast Audio Extension of a sound file: bytes to dataclass and back.

Recorders leave uninitialised memory behind a text's end, write no text as UTF-8 for sure, and dates with any of four
separators. Source: EBU Tech 3285 v2, 2.3.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from daemon.errors import SidecarError

_HEAD = struct.Struct("<256s32s32s10s8sIIH")
_FIXED_BYTES = 602
_DATE = re.compile(r"(\d{4})[-:_. /](\d{2})[-:_. /](\d{2})")
_TIME = re.compile(r"(\d{2})[-:_. /](\d{2})[-:_. /](\d{2})")
_WORD = re.compile(r"^\s*[a-z]?([A-Z][A-Z0-9_]*)=(.*)$")
"""`sSCENE=12A`: a line of its own that a recorder writes into the description; the letter is the maker's."""


@dataclass(frozen=True, slots=True)
class Bext:
    """What `bext` says; `time_reference` in samples since midnight, `date` and `time` ISO 8601 or empty."""

    description: str = ""
    originator: str = ""
    originator_reference: str = ""
    date: str = ""
    time: str = ""
    time_reference: int = 0
    version: int = 1
    coding_history: str = ""

    def word(self, name: str) -> str:
        """Return what a line `sNAME=…` of the description says, empty where there is none."""
        found = (match for line in self.description.splitlines() if (match := _WORD.match(line)))
        return next((match[2].strip() for match in found if match[1] == name), "")


def parse(data: bytes, source: str) -> Bext:
    """Return what a `bext` chunk says.

    Raises:
        SidecarError: it is shorter than its fixed part.
    """
    if len(data) < _FIXED_BYTES:
        raise SidecarError(
            f"bext of {source} cannot be read",
            why=f"it has {len(data)} bytes, less than {_FIXED_BYTES}",
            fix="copy the file again from the recorder; without it the file has no timecode",
        )
    description, originator, reference, date, time, low, high, version = _HEAD.unpack_from(data)
    return Bext(
        _text(description),
        _text(originator),
        _text(reference),
        _iso(_DATE, _text(date), "-"),
        _iso(_TIME, _text(time), ":"),
        high << 32 | low,
        version,
        _text(data[_FIXED_BYTES:]),
    )


def compose(bext: Bext) -> bytes:
    """Return a `bext` chunk's content; texts too long for their fields are cut."""
    head = _HEAD.pack(
        bext.description.encode()[:256],
        bext.originator.encode()[:32],
        bext.originator_reference.encode()[:32],
        bext.date.encode()[:10],
        bext.time.encode()[:8],
        bext.time_reference & 0xFFFFFFFF,
        bext.time_reference >> 32,
        bext.version,
    )
    return head + bytes(_FIXED_BYTES - len(head)) + bext.coding_history.encode()


def _text(data: bytes) -> str:
    """Return text up to its end mark; what lies behind it is whatever was in the recorder's memory."""
    kept = data.split(b"\0", 1)[0]
    try:
        text = kept.decode("utf-8")
    except UnicodeDecodeError:
        text = kept.decode("latin-1")
    return "".join(character for character in text if character.isprintable() or character in "\r\n").strip()


def _iso(form: re.Pattern[str], text: str, mark: str) -> str:
    match = form.match(text)
    return mark.join(match.groups()) if match else ""
