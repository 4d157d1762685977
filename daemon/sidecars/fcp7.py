"""FCP 7 XML (xmeml 5): a stringout as Premiere and Resolve import it, with reel and timecode on each file.

A rate is a whole `timebase` and `ntsc`, which slows it by 1.001; drop-frame is told apart. A channel is a track.
Production sound follows the camera's own on further tracks. It counts whole frames, and what lies between two is in
Premiere's ticks.
Source: Apple, Final Cut Pro XML Interchange Format, chapters on timecode, rate and clip items.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lxml import etree

from daemon.sidecars import xml
from daemon.sidecars.lanes import Lane, LaneCut, SoundFile
from daemon.sidecars.stringout import Stringout, StringoutClip, stable_id
from engines.media.timecode import Timecode, label_rate

_ASPECTS = {Fraction(1): "square", Fraction(4, 3): "HD-(1440x1080)", Fraction(3, 2): "HD-(1280x1080)"}
"""What `pixelaspectratio` has words for and proxies have; others go without, and `anamorphic` tells a squeeze."""

_TICKS = 254_016_000_000
"""Premiere's ticks a second, a multiple of every sample rate. Source: `pproTicksIn` of files that it exports."""


def compose(stringout: Stringout) -> bytes:
    """Return the stringout as `.xml`: one sequence, picture on V1, each channel on its own audio track."""
    root = etree.Element("xmeml", version="5")
    sequence = etree.SubElement(root, "sequence", id="sequence-1")
    _put(sequence, "uuid", str(stable_id("sequence", stringout.name, *(clip.xxh128 for clip in stringout.clips))))
    _put(sequence, "name", stringout.name)
    _put(sequence, "duration", stringout.frames)
    _rate(sequence, stringout.rate)
    _timecode(sequence, stringout.start)
    media = etree.SubElement(sequence, "media")
    lanes = stringout.lanes
    ties = _ties(stringout, lanes)
    _picture(etree.SubElement(media, "video"), stringout, ties)
    if stringout.channels or lanes:
        audio = etree.SubElement(media, "audio")
        _put(audio, "numOutputChannels", stringout.channels + len(lanes))
        _sound(audio, stringout, ties)
        _lanes(audio, stringout, lanes, ties)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", doctype="<!DOCTYPE xmeml>", pretty_print=True)


_Tie = tuple[str, int, int]
"""An item that moves with others: its id, its track among those of its kind, its place on that."""


def _ties(stringout: Stringout, lanes: Sequence[Lane]) -> list[list[_Tie]]:
    """Return what belongs to each take: its picture, then its channels, then its production sound."""
    ties: list[list[_Tie]] = [
        [(_item_id(number, channel), channel or 1, number) for channel in range(clip.channels + 1)]
        for number, clip in enumerate(stringout.clips, 1)
    ]
    for lane, found in enumerate(lanes):
        for place, one in enumerate(found.cuts, 1):
            ties[one.take].append((_cut_id(lane, place), stringout.channels + lane + 1, place))
    return ties


def _picture(video: xml.Element, stringout: Stringout, ties: list[list[_Tie]]) -> None:
    form = etree.SubElement(etree.SubElement(video, "format"), "samplecharacteristics")
    first = next(clip for clip in stringout.clips if (clip.width, clip.height) == stringout.raster)
    _characteristics(form, stringout, first)
    track = etree.SubElement(video, "track")
    for number, (at, clip) in enumerate(stringout.placed(), 1):
        item = _item(track, stringout, at, clip, _item_id(number, 0))
        _file(item, stringout, clip, number)
        _links(item, ties[number - 1])


def _sound(audio: xml.Element, stringout: Stringout, ties: list[list[_Tie]]) -> None:
    for channel in range(1, stringout.channels + 1):
        track = etree.SubElement(audio, "track")
        for number, (at, clip) in enumerate(stringout.placed(), 1):
            if channel > clip.channels:
                continue
            item = _item(track, stringout, at, clip, _item_id(number, channel))
            etree.SubElement(item, "file", id=f"file-{number}")
            _source_track(item, channel)
            _links(item, ties[number - 1])


def _lanes(audio: xml.Element, stringout: Stringout, lanes: Sequence[Lane], ties: list[list[_Tie]]) -> None:
    """Put production sound on tracks of its own; a file is told whole where it is met first."""
    placed, ids = stringout.placed(), dict[SoundFile, str]()
    for number, lane in enumerate(lanes):
        track = etree.SubElement(audio, "track")
        for place, one in enumerate(lane.cuts, 1):
            item = _cut(track, stringout, placed[one.take][0], one, _cut_id(number, place))
            is_new = one.cut.file not in ids
            file = etree.SubElement(item, "file", id=ids.setdefault(one.cut.file, f"sound-{len(ids) + 1}"))
            if is_new:
                _sound_file(file, stringout, one.cut.file)
            _source_track(item, one.channel)
            _links(item, ties[one.take])


def _item_id(number: int, channel: int) -> str:
    """Return a clip item's id; channel 0 is the picture."""
    return f"clipitem-{number}-{channel}"


def _cut_id(lane: int, place: int) -> str:
    return f"soundclip-{lane + 1}-{place}"


def _item(track: xml.Element, stringout: Stringout, at: int, clip: StringoutClip, name: str) -> xml.Element:
    return _span(track, stringout, (name, clip.name), clip.frames, (at, at + clip.frames, 0, clip.frames))


def _cut(track: xml.Element, stringout: Stringout, at: int, one: LaneCut, name: str) -> xml.Element:
    """Return a cut of production sound under the take that begins at a frame of the timeline."""
    cut, file = one.cut, one.cut.file
    start = round(cut.start * stringout.rate / file.sample_rate)
    times = (at + cut.at, at + cut.at + cut.frames, start, start + cut.frames)
    label = f"{file.name} {cut.name(one.channel)}".strip()
    item = _span(track, stringout, (name, label), _frames(stringout, file), times)
    ticks = Fraction(_TICKS, file.sample_rate)
    _put(item, "pproTicksIn", round(cut.start * ticks))
    _put(item, "pproTicksOut", round((cut.start + cut.samples(stringout.rate)) * ticks))
    return item


def _span(
    track: xml.Element, stringout: Stringout, names: tuple[str, str], frames: int, times: tuple[int, int, int, int]
) -> xml.Element:
    """Return a new item of an id and a name, of media so long; `times` are start and end there, in and out of it."""
    item = etree.SubElement(track, "clipitem", id=names[0])
    _put(item, "name", names[1])
    _put(item, "enabled", "TRUE")
    _put(item, "duration", frames)
    _rate(item, stringout.rate)
    for key, value in zip(("start", "end", "in", "out"), times, strict=True):
        _put(item, key, value)
    return item


def _source_track(item: xml.Element, channel: int) -> None:
    source = etree.SubElement(item, "sourcetrack")
    _put(source, "mediatype", "audio")
    _put(source, "trackindex", channel)


def _links(item: xml.Element, ties: list[_Tie]) -> None:
    """Tie picture and sound of a take together, so that they move as one."""
    for number, (name, track, place) in enumerate(ties if len(ties) > 1 else ()):
        link = etree.SubElement(item, "link")
        _put(link, "linkclipref", name)
        _put(link, "mediatype", "audio" if number else "video")
        _put(link, "trackindex", track)
        _put(link, "clipindex", place)


def _frames(stringout: Stringout, file: SoundFile) -> int:
    """Return the length of a sound file in frames."""
    return round(file.samples * stringout.rate / file.sample_rate)


def _sound_file(element: xml.Element, stringout: Stringout, file: SoundFile) -> None:
    _put(element, "name", file.file_name)
    _put(element, "pathurl", file.url)
    _rate(element, stringout.rate)
    _put(element, "duration", _frames(stringout, file))
    begins = Timecode(round(file.start_seconds * file.timecode_rate), file.timecode_rate, file.drop_frame)
    reel = etree.SubElement(_timecode(element, begins), "reel")
    _put(reel, "name", file.tape)
    audio = etree.SubElement(etree.SubElement(element, "media"), "audio")
    form = etree.SubElement(audio, "samplecharacteristics")
    _put(form, "depth", file.bits)
    _put(form, "samplerate", file.sample_rate)
    _put(audio, "channelcount", len(file.tracks))


def _file(item: xml.Element, stringout: Stringout, clip: StringoutClip, number: int) -> None:
    file = etree.SubElement(item, "file", id=f"file-{number}")
    _put(file, "name", clip.file_name)
    _put(file, "pathurl", clip.url)
    _rate(file, stringout.rate)
    _put(file, "duration", clip.frames)
    reel = etree.SubElement(_timecode(file, stringout.timecode(clip)), "reel")
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
    _rate(form, stringout.rate)
    _put(form, "width", clip.width)
    _put(form, "height", clip.height)
    _put(form, "anamorphic", "FALSE")
    if aspect := _ASPECTS.get(clip.pixel_aspect):
        _put(form, "pixelaspectratio", aspect)
    if not clip.interlaced:
        _put(form, "fielddominance", "none")


def _rate(parent: xml.Element, rate: Fraction) -> None:
    element = etree.SubElement(parent, "rate")
    _put(element, "timebase", label_rate(rate))
    _put(element, "ntsc", "TRUE" if rate.denominator == 1001 else "FALSE")  # noqa: PLR2004 - NTSC


def _timecode(parent: xml.Element, timecode: Timecode) -> xml.Element:
    element = etree.SubElement(parent, "timecode")
    _rate(element, timecode.rate)
    _put(element, "string", timecode.label)
    _put(element, "frame", timecode.frame)
    _put(element, "displayformat", "DF" if timecode.drop else "NDF")
    return element


def _put(parent: xml.Element, name: str, value: str | int) -> None:
    etree.SubElement(parent, name).text = str(value)
