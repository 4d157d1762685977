"""DJI's subtitles beside a clip (`DJI_0042.SRT`): what the camera was set to, a line or a block for each moment.

Bytes to a number, nothing else. Each drone words it otherwise (`[iso : 100]`, `ISO:100`, `ISO 260`), so nothing is read
but what all have in common.
"""

from __future__ import annotations

import re
from collections import Counter

_ISO = re.compile(rb"\biso ?:? ?([0-9]{2,7})\b", re.IGNORECASE)


def parse_iso(data: bytes) -> int:
    """Return the ISO that most of the clip was exposed at, 0 where none is told."""
    told = Counter(_ISO.findall(data)).most_common(1)
    return int(told[0][0]) if told else 0
