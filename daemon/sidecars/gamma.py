"""What XML beside a clip says of its curve and gamut, under the usual names. Bytes to the camera's own words.

Sony's XML has a reader of its own; what the words mean is the engines'.
"""

from __future__ import annotations

import re
from itertools import islice

from daemon.sidecars import xml

_LIMIT_BYTES = 16 << 20
_MOST_ELEMENTS = 5000
_NAMES = re.compile(r"gamma|gamut|colou?r-?_?space|colou?r-?_?primaries|logtype", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{2}")
_LENGTH = 120


def parse(data: bytes, *, source: str = "the clip's XML") -> str:
    """Return what an XML says under names such as Gamma or ColorSpace, in order; empty where it does not.

    Raises:
        SidecarError: it cannot be read.
    """
    said = [
        (element.text or "").strip() or xml.attribute(element, "value").strip()
        for element in islice(xml.parse(data, _LIMIT_BYTES, source=source).iter(), _MOST_ELEMENTS)
        if _NAMES.search(xml.local(element)) or _NAMES.search(xml.attribute(element, "name"))
    ]
    return " ".join(dict.fromkeys(word for word in said if _WORD.search(word)))[:_LENGTH]
