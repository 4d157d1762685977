"""DJI's subtitles beside a clip (`DJI_0042.SRT`): what the camera was set to, a line or a block for each moment.

Bytes to words, nothing else. Each drone words it otherwise (`[iso : 100]`, `ISO:100`, `ISO 260`), so nothing is read
but what all have in common.
"""

from __future__ import annotations

import re
from collections import Counter

_COLOUR = re.compile(rb"\[color_md ?: ?([A-Za-z0-9_ -]{1,40})\]", re.IGNORECASE)
_NO_CURVE = frozenset({"default", "normal", "none"})
_KELVIN = re.compile(rb"\[ct ?: ?([0-9]{4,5})\]", re.IGNORECASE)
_ISO = re.compile(rb"\biso ?:? ?([0-9]{2,7})\b", re.IGNORECASE)


def parse_iso(data: bytes) -> int:
    """Return the ISO that most of the clip was exposed at, 0 where none is told."""
    return _usual(_ISO, data)


def parse_kelvin(data: bytes) -> int:
    """Return the white balance that most of the clip was shot at, 0 where none is told."""
    return _usual(_KELVIN, data)


def _usual(number: re.Pattern[bytes], data: bytes) -> int:
    told = Counter(number.findall(data)).most_common(1)
    return int(told[0][0]) if told else 0


def parse_colour(data: bytes) -> str:
    """Return the colour mode (`dlog_m`), empty where it names no curve."""
    found = _COLOUR.search(data)
    word = found[1].decode().strip() if found else ""
    return "" if word.lower() in _NO_CURVE else word
