"""FCPXML 1.8: a stringout as Final Cut Pro and Resolve import it. All times are exact fractions of a second.

1.8 is the last version whose `asset` names its file itself, which every importer since takes.
Production sound hangs from its take as connected clips, from its own sample on.
Source: Apple, FCPXML reference: frame durations, `tcFormat`, and asset start as the timecode in seconds.
"""

from __future__ import annotations

from fractions import Fraction

from lxml import etree

from daemon.sidecars import xml
from daemon.sidecars.lanes import SoundCut, SoundFile
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
    files = {file: f"r{number}" for number, file in enumerate(_files(stringout), len(formats) + len(assets) + 1)}
    for file, name in files.items():
        etree.SubElement(resources, "asset", _sound_asset(file, name))
    event = etree.SubElement(etree.SubElement(root, "library"), "event", name=stringout.name)
    project = etree.SubElement(event, "project", name=stringout.name)
    main = max(rasters, key=lambda raster: raster[:2] == stringout.raster)
    sequence = etree.SubElement(project, "sequence", _sequence(stringout, formats[main]))
    spine = etree.SubElement(sequence, "spine")
    for at, clip in stringout.placed():
        _take(spine, stringout, at, clip, assets[id(clip)], files)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", doctype="<!DOCTYPE fcpxml>", pretty_print=True)


def _files(stringout: Stringout) -> tuple[SoundFile, ...]:
    """Return the sound files under all takes, each once."""
    return tuple(dict.fromkeys(cut.file for clip in stringout.clips for cut in clip.cuts))


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


def _sound_asset(file: SoundFile, name: str) -> _Attributes:
    return {
        "id": name,
        "name": file.name,
        "uid": stable_id("media", file.xxh128).hex.upper(),
        "src": file.url,
        "start": _exactly(file.start_seconds),
        "duration": _exactly(Fraction(file.samples, file.sample_rate)),
        "hasAudio": "1",
        "audioSources": "1",
        "audioChannels": str(len(file.tracks)),
        "audioRate": str(file.sample_rate),
    }


def _sequence(stringout: Stringout, form: str) -> _Attributes:
    return {
        "format": form,
        "duration": _seconds(stringout, stringout.frames),
        "tcStart": _seconds(stringout, stringout.start.frame),
        "tcFormat": _counting(drop=stringout.drop_frame),
    }


def _take(
    spine: xml.Element, stringout: Stringout, at: int, clip: StringoutClip, asset: str, files: dict[SoundFile, str]
) -> None:
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
    for lane, cut in enumerate(clip.cuts, 1):
        _connected(element, stringout, clip, cut, lane, files[cut.file])
    told = {"com.apple.proapps.studio.reel": clip.reel, "com.apple.proapps.studio.angle": ""}
    metadata = etree.SubElement(element, "metadata")
    for key, value in told.items():
        if value:
            etree.SubElement(metadata, "md", key=key, value=value)


def _connected(
    take: xml.Element, stringout: Stringout, clip: StringoutClip, cut: SoundCut, lane: int, asset: str
) -> None:
    """Hang a cut of production sound under its take; lanes below the picture are numbered downwards."""
    attributes = {
        "ref": asset,
        "name": cut.file.name,
        "lane": str(-lane),
        "offset": _seconds(stringout, clip.start_frame + cut.at),
        "start": _exactly(cut.file.start_seconds + Fraction(cut.start, cut.file.sample_rate)),
        "duration": _seconds(stringout, cut.frames),
        "tcFormat": _counting(drop=cut.file.drop_frame),
        "audioRole": "dialogue",
    }
    element = etree.SubElement(take, "asset-clip", attributes)
    for channel, name in enumerate(cut.file.tracks, 1):
        role = f"dialogue.{name.replace('.', ' ')}" if name else "dialogue"
        etree.SubElement(element, "audio-channel-source", srcCh=str(channel), role=role)
    metadata = etree.SubElement(element, "metadata")
    etree.SubElement(metadata, "md", key="com.apple.proapps.studio.reel", value=cut.file.tape)


def _counting(*, drop: bool) -> str:
    return "DF" if drop else "NDF"


def _seconds(stringout: Stringout, frames: int) -> str:
    """Return so many frames as seconds, on the timescale of the rate: `1001/24000s`."""
    value = frames * stringout.rate.denominator
    return f"{value}/{stringout.rate.numerator}s" if value else "0s"


def _exactly(seconds: Fraction) -> str:
    """Return a time that lies between frames, too."""
    return f"{seconds.numerator}/{seconds.denominator}s" if seconds else "0s"
