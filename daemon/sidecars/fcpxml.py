"""FCPXML 1.8: a stringout as Final Cut Pro and Resolve import it. All times are exact fractions of a second.

1.8 is the last version whose `asset` names its file itself, which every importer since takes.
Source: Apple, FCPXML reference: frame durations, `tcFormat`, and asset start as the timecode in seconds.
"""

from __future__ import annotations

from fractions import Fraction

from lxml import etree

from daemon.sidecars import xml
from daemon.sidecars.stringout import Stringout, StringoutClip, stable_id

_Attributes = dict[str, str]


def compose(stringout: Stringout) -> bytes:
    """Return the stringout as `.fcpxml`: one event with one project, each take an asset."""
    root = etree.Element("fcpxml", version="1.8")
    resources = etree.SubElement(root, "resources")
    rasters = sorted({(clip.width, clip.height, clip.pixel_aspect) for clip in stringout.clips})
    formats = {raster: f"r{number}" for number, raster in enumerate(rasters, 1)}
    for raster, name in formats.items():
        etree.SubElement(resources, "format", _format(stringout, raster, name))
    assets = {id(clip): f"r{number}" for number, clip in enumerate(stringout.clips, len(formats) + 1)}
    for clip in stringout.clips:
        etree.SubElement(resources, "asset", _asset(stringout, clip, assets[id(clip)], formats[_raster(clip)]))
    event = etree.SubElement(etree.SubElement(root, "library"), "event", name=stringout.name)
    project = etree.SubElement(event, "project", name=stringout.name)
    main = max(rasters, key=lambda raster: raster[:2] == stringout.raster)
    sequence = etree.SubElement(project, "sequence", _sequence(stringout, formats[main]))
    spine = etree.SubElement(sequence, "spine")
    for at, clip in stringout.placed():
        _take(spine, stringout, at, clip, assets[id(clip)])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", doctype="<!DOCTYPE fcpxml>", pretty_print=True)


def _raster(clip: StringoutClip) -> tuple[int, int, Fraction]:
    return clip.width, clip.height, clip.pixel_aspect


def _format(stringout: Stringout, raster: tuple[int, int, Fraction], name: str) -> _Attributes:
    width, height, aspect = raster
    squeezed = {} if aspect == 1 else {"paspH": str(aspect.numerator), "paspV": str(aspect.denominator)}
    return {
        "id": name,
        "frameDuration": _seconds(stringout, 1),
        "width": str(width),
        "height": str(height),
        **squeezed,
    }


def _asset(stringout: Stringout, clip: StringoutClip, name: str, form: str) -> _Attributes:
    sound = {
        "hasAudio": "1",
        "audioSources": str(len(clip.sound)),
        "audioChannels": str(clip.channels),
        "audioRate": str(clip.sound[0].sample_rate),
    } if clip.sound else {}  # fmt: skip
    return {
        "id": name,
        "name": clip.name,
        "uid": stable_id("media", clip.xxh128).hex.upper(),
        "src": clip.url,
        "start": _seconds(stringout, clip.start_frame),
        "duration": _seconds(stringout, clip.frames),
        "hasVideo": "1",
        "format": form,
        **sound,
    }


def _sequence(stringout: Stringout, form: str) -> _Attributes:
    return {
        "format": form,
        "duration": _seconds(stringout, stringout.frames),
        "tcStart": _seconds(stringout, stringout.start.frame),
        "tcFormat": _counting(drop=stringout.drop_frame),
    }


def _take(spine: xml.Element, stringout: Stringout, at: int, clip: StringoutClip, asset: str) -> None:
    attributes = {
        "ref": asset,
        "name": clip.name,
        "offset": _seconds(stringout, stringout.start.frame + at),
        "start": _seconds(stringout, clip.start_frame),
        "duration": _seconds(stringout, clip.frames),
        "tcFormat": _counting(drop=clip.drop_frame),
        **({"audioRole": "dialogue"} if clip.sound else {}),
    }
    element = etree.SubElement(spine, "asset-clip", attributes)
    told = {"com.apple.proapps.studio.reel": clip.reel, "com.apple.proapps.studio.angle": ""}
    metadata = etree.SubElement(element, "metadata")
    for key, value in told.items():
        if value:
            etree.SubElement(metadata, "md", key=key, value=value)


def _counting(*, drop: bool) -> str:
    return "DF" if drop else "NDF"


def _seconds(stringout: Stringout, frames: int) -> str:
    """Return so many frames as seconds, on the timescale of the rate: `1001/24000s`."""
    value = frames * stringout.rate.denominator
    return f"{value}/{stringout.rate.numerator}s" if value else "0s"
