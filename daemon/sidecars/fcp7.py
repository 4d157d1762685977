"""FCP 7 XML (xmeml 5): a stringout as Premiere and Resolve import it, with reel and timecode on each file.

A rate is a whole `timebase` and `ntsc`, which slows it by 1.001; drop-frame is told apart. A channel is a track.
Source: Apple, Final Cut Pro XML Interchange Format, chapters on timecode, rate and clip items.
"""

from __future__ import annotations

from fractions import Fraction

from lxml import etree

from daemon.sidecars import xml
from daemon.sidecars.stringout import Stringout, StringoutClip, stable_id
from engines.media.timecode import Timecode

_ASPECTS = {Fraction(1): "square", Fraction(4, 3): "HD-(1440x1080)", Fraction(3, 2): "HD-(1280x1080)"}
"""What `pixelaspectratio` has words for and proxies have; others go without, and `anamorphic` tells a squeeze."""


def compose(stringout: Stringout) -> bytes:
    """Return the stringout as `.xml`: one sequence, picture on V1, each channel on its own audio track."""
    root = etree.Element("xmeml", version="5")
    sequence = etree.SubElement(root, "sequence", id="sequence-1")
    _put(sequence, "uuid", str(stable_id("sequence", stringout.name, *(clip.xxh128 for clip in stringout.clips))))
    _put(sequence, "name", stringout.name)
    _put(sequence, "duration", stringout.frames)
    _rate(sequence, stringout)
    _timecode(sequence, stringout, stringout.start)
    media = etree.SubElement(sequence, "media")
    _picture(etree.SubElement(media, "video"), stringout)
    if stringout.channels:
        _sound(etree.SubElement(media, "audio"), stringout)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", doctype="<!DOCTYPE xmeml>", pretty_print=True)


def _picture(video: xml.Element, stringout: Stringout) -> None:
    form = etree.SubElement(etree.SubElement(video, "format"), "samplecharacteristics")
    first = next(clip for clip in stringout.clips if (clip.width, clip.height) == stringout.raster)
    _characteristics(form, stringout, first)
    track = etree.SubElement(video, "track")
    for number, (at, clip) in enumerate(stringout.placed(), 1):
        item = _item(track, stringout, at, clip, _item_id(number, 0))
        _file(item, stringout, clip, number)
        _links(item, clip, number)


def _sound(audio: xml.Element, stringout: Stringout) -> None:
    _put(audio, "numOutputChannels", stringout.channels)
    for channel in range(1, stringout.channels + 1):
        track = etree.SubElement(audio, "track")
        for number, (at, clip) in enumerate(stringout.placed(), 1):
            if channel > clip.channels:
                continue
            item = _item(track, stringout, at, clip, _item_id(number, channel))
            etree.SubElement(item, "file", id=f"file-{number}")
            source = etree.SubElement(item, "sourcetrack")
            _put(source, "mediatype", "audio")
            _put(source, "trackindex", channel)
            _links(item, clip, number)


def _item_id(number: int, channel: int) -> str:
    """Return a clip item's id; channel 0 is the picture."""
    return f"clipitem-{number}-{channel}"


def _item(track: xml.Element, stringout: Stringout, at: int, clip: StringoutClip, name: str) -> xml.Element:
    item = etree.SubElement(track, "clipitem", id=name)
    _put(item, "name", clip.name)
    _put(item, "enabled", "TRUE")
    _put(item, "duration", clip.frames)
    _rate(item, stringout)
    for key, value in (("start", at), ("end", at + clip.frames), ("in", 0), ("out", clip.frames)):
        _put(item, key, value)
    return item


def _links(item: xml.Element, clip: StringoutClip, number: int) -> None:
    """Tie picture and sound of a take together, so that they move as one."""
    for channel in range(clip.channels + 1 if clip.channels else 0):
        link = etree.SubElement(item, "link")
        _put(link, "linkclipref", _item_id(number, channel))
        _put(link, "mediatype", "audio" if channel else "video")
        _put(link, "trackindex", channel or 1)
        _put(link, "clipindex", number)


def _file(item: xml.Element, stringout: Stringout, clip: StringoutClip, number: int) -> None:
    file = etree.SubElement(item, "file", id=f"file-{number}")
    _put(file, "name", clip.file_name)
    _put(file, "pathurl", clip.url)
    _rate(file, stringout)
    _put(file, "duration", clip.frames)
    reel = etree.SubElement(_timecode(file, stringout, stringout.timecode(clip)), "reel")
    _put(reel, "name", clip.reel)
    media = etree.SubElement(file, "media")
    _characteristics(etree.SubElement(etree.SubElement(media, "video"), "samplecharacteristics"), stringout, clip)
    for sound in clip.sound:
        audio = etree.SubElement(media, "audio")
        form = etree.SubElement(audio, "samplecharacteristics")
        _put(form, "depth", sound.bits)
        _put(form, "samplerate", sound.sample_rate)
        _put(audio, "channelcount", sound.channels)


def _characteristics(form: xml.Element, stringout: Stringout, clip: StringoutClip) -> None:
    _rate(form, stringout)
    _put(form, "width", clip.width)
    _put(form, "height", clip.height)
    _put(form, "anamorphic", "FALSE")
    if aspect := _ASPECTS.get(clip.pixel_aspect):
        _put(form, "pixelaspectratio", aspect)
    if not clip.interlaced:
        _put(form, "fielddominance", "none")


def _rate(parent: xml.Element, stringout: Stringout) -> None:
    rate = etree.SubElement(parent, "rate")
    _put(rate, "timebase", stringout.label_rate)
    _put(rate, "ntsc", "TRUE" if stringout.is_slowed else "FALSE")


def _timecode(parent: xml.Element, stringout: Stringout, timecode: Timecode) -> xml.Element:
    element = etree.SubElement(parent, "timecode")
    _rate(element, stringout)
    _put(element, "string", timecode.label)
    _put(element, "frame", timecode.frame)
    _put(element, "displayformat", "DF" if timecode.drop else "NDF")
    return element


def _put(parent: xml.Element, name: str, value: str | int) -> None:
    etree.SubElement(parent, name).text = str(value)
