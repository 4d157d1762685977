"""Metadata: what a clip's container says of itself beside its picture: start timecode, reel, camera, time.

It is believed for names and labels only; what can be measured is measured (`probe.py`). Opens nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from av.container import InputContainer

from engines.media.essence import Essence, Setting, SidecarTimecode, TimecodeSource
from engines.media.timecode import Timecode, label_rate, may_drop

_GAMMA_KEY = re.compile(r"gamma|gamut|colou?r-?_?space|transferfunction|logtype|camera-log")
_WORD = re.compile(r"[A-Za-z]{2}")
"""A number alone (a gamma of 1.000) is a dial's place, no curve."""
_GAMMA_LENGTH = 120
"""Characters that a camera's words are cut to."""
_SCENE_KEYS = ("com.apple.proapps.scene", "scene", "com.apple.quicktime.location.iso6709", "location")
_ISO_KEY, _KELVIN_KEY = (
    re.compile(words) for words in (r"\biso\b|exposureindex|isosensitivity", r"white-?_?balance|kelvin|colou?r-?_?temp")
)
_ISO_MOST, _KELVIN_MOST = 1 << 22, 40000
_REEL_KEYS = ("reel_name", "com.apple.proapps.reel", "com.apple.quicktime.reel", "reel")


def timed(essence: Essence, sidecar: SidecarTimecode | None) -> Essence:
    """Return the essence with a start timecode from the sidecar or the time of day if it has none itself."""
    if essence.timecode_source is not TimecodeSource.ZERO:
        return essence
    if sidecar:
        start, note = _parsed(sidecar.label, essence.rate, drop=sidecar.drop_frame)
        notes = essence.notes + note
        if start:
            source = TimecodeSource.XML
            return replace(essence, start_frame=start.frame, drop_frame=start.drop, timecode_source=source, notes=notes)
        essence = replace(essence, notes=notes)
    if essence.created:
        moment = datetime.fromisoformat(essence.created)
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        frame = seconds * label_rate(essence.rate)
        return replace(essence, start_frame=frame, timecode_source=TimecodeSource.TIME_OF_DAY)
    return essence


def start_timecode(
    container: InputContainer, rate: Fraction
) -> tuple[tuple[Timecode, TimecodeSource], tuple[str, ...]]:
    """Return the container's own start timecode, zero where it has none, its source, and notes on what was ignored."""
    label, source = _timecode_label(container)
    start, note = _parsed(label, rate, drop=";" in label) if label else (None, ())
    return (start, source) if start else (Timecode(0, rate), TimecodeSource.ZERO), note


def _parsed(label: str, rate: Fraction, *, drop: bool) -> tuple[Timecode | None, tuple[str, ...]]:
    """Return the timecode of a label, or None and a note that says why it cannot be one."""
    try:
        return Timecode.parse(label, rate, drop=drop and may_drop(rate)), ()
    except ValueError as error:
        return None, (f"start timecode ignored: {error}",)


def _timecode_label(container: InputContainer) -> tuple[str, TimecodeSource]:
    for stream in container.streams:
        if stream.type == "data" and stream.metadata.get("timecode"):
            # FFmpeg gives a tmcd's label to the picture that refers to it, too; Sony's rtmd keeps it to itself.
            told = any(picture.metadata.get("timecode") for picture in container.streams.video)
            return stream.metadata["timecode"], TimecodeSource.TMCD if told else TimecodeSource.RTMD
    for stream in container.streams.video:
        if stream.metadata.get("timecode"):
            mxf = container.format.name == "mxf"
            return stream.metadata["timecode"], TimecodeSource.MXF if mxf else TimecodeSource.TMCD
    if label := container.metadata.get("timecode"):
        return label, TimecodeSource.MXF if container.format.name == "mxf" else TimecodeSource.CONTAINER
    return "", TimecodeSource.ZERO


def all_metadata(container: InputContainer) -> dict[str, str]:
    """Return all metadata by lower-case key; the container's word goes before a stream's, the first stream's first."""
    merged: dict[str, str] = {}
    for stream in reversed(container.streams):
        merged |= {key.lower(): value for key, value in stream.metadata.items()}
    return merged | {key.lower(): value for key, value in container.metadata.items()}


def reel_of(metadata: dict[str, str]) -> str:
    """Return the reel name, empty where none is told."""
    return _first_of(metadata, *_REEL_KEYS)


def camera_of(metadata: dict[str, str]) -> str:
    """Return maker and model, empty where none is told."""
    make = _first_of(metadata, "com.apple.quicktime.make", "make", "company_name")
    model = _first_of(metadata, "com.apple.quicktime.model", "model", "product_name")
    return f"{make} {model}".strip()


def _first_of(metadata: dict[str, str], *keys: str) -> str:
    return next((metadata[key] for key in keys if metadata.get(key)), "")


def gamma_of(metadata: dict[str, str]) -> str:
    """Return what the camera says of its curve and gamut, its words in order of their keys; empty where nothing."""
    said = [metadata[key] for key in sorted(metadata) if _GAMMA_KEY.search(key) and _WORD.search(metadata[key])]
    return " ".join(dict.fromkeys(said))[:_GAMMA_LENGTH]


def setting_of(metadata: dict[str, str]) -> Setting:
    """Return where a clip was filmed and what its camera was set to."""
    iso, kelvin = _number(metadata, _ISO_KEY, _ISO_MOST), _number(metadata, _KELVIN_KEY, _KELVIN_MOST)
    return Setting(_first_of(metadata, *_SCENE_KEYS).strip()[:_GAMMA_LENGTH], iso, kelvin)


def _number(metadata: dict[str, str], key: re.Pattern[str], most: int) -> int:
    """Return the first whole number that is told under such a key; 0 where none is."""
    found = (re.match(r"\s*([0-9]{2,7})\s?K?\b", metadata[name]) for name in sorted(metadata) if key.search(name))
    return next((int(one[1]) for one in found if one and int(one[1]) <= most), 0)


def created_of(metadata: dict[str, str]) -> str:
    """Return the recording's ISO 8601 time, empty where none is told that can be true."""
    for key in ("com.apple.quicktime.creationdate", "creation_time", "modification_date", "date"):
        try:
            moment = datetime.fromisoformat(metadata.get(key, ""))
        except ValueError:
            continue
        if moment.year > 1980:  # noqa: PLR2004 - cameras whose clock was never set say 1904, 1970 or 1980
            return moment.isoformat()
    return ""
