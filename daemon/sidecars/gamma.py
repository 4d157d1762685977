"""What a camera writes beside a clip of its curve and gamut: DJI's subtitles, and the XML of whoever names them so.

Bytes to the camera's own words; what they mean is the engines'. Sony's XML has a reader of its own.
"""

from __future__ import annotations

import re
from itertools import islice

from daemon.errors import SidecarError
from daemon.sidecars import xml

_LIMIT_BYTES = 16 << 20
_MOST_ELEMENTS = 5000
_NAMES = re.compile(r"gamma|gamut|colou?r-?_?space|colou?r-?_?primaries|logtype", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{2}")
_DJI = re.compile(r"\[color_md\s*:\s*([^\]\n]{1,40})\]", re.ASCII)
_NO_CURVE = frozenset({"default", "normal", "none"})
_LENGTH = 120


def of_srt(data: bytes) -> str:
    """Return the colour mode of a DJI camera's subtitles; empty where it names no curve."""
    found = _DJI.search(data[:4096].decode("utf-8", "replace"))
    word = found[1].strip() if found else ""
    return "" if word.lower() in _NO_CURVE else word


def of_xml(data: bytes, *, source: str) -> str:
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


def words(data: bytes, path: str) -> str:
    """Return what a clip's sidecar says of curve and gamut; empty where nothing, or where it cannot be read."""
    if path.lower().endswith(".srt"):
        return of_srt(data)
    try:
        return of_xml(data, source=path) if path.lower().endswith(".xml") else ""
    except SidecarError:
        return ""  # a sidecar that cannot be read says nothing; the clip's own container is asked
