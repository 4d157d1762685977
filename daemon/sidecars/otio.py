"""OTIO: a stringout as OpenTimelineIO's own JSON, each take with both twins as its media, production sound under it.

Sound is counted in samples of its own rate, so that it begins where it was found. OTIO ties no clips together: what
belongs to one take has the same `link` among its metadata.

Written by hand: fifty lines of plain JSON need no library in the service; tests read them back with the real one.
Rates are numbers there, and a rate such as 24000/1001 is the nearest double, which OpenTimelineIO takes for it.
Source: OpenTimelineIO 0.18, docs/tutorials/otio-serialized-schema.md.
"""

from __future__ import annotations

import json
from typing import Any

from daemon.sidecars.lanes import Lane, LaneCut
from daemon.sidecars.stringout import Stringout, StringoutClip

_PLAIN, _ENHANCED = "DEFAULT_MEDIA", "enhanced"
"""Names of a clip's media; the first is OpenTimelineIO's name of the one that every reader knows."""


def compose(stringout: Stringout) -> bytes:
    """Return the stringout as `.otio`: pictures, each track of the takes' own sound, then lanes of production sound."""
    tracks = [_track(stringout, "Video", "V1", stringout.clips)]
    most = max(len(clip.sound) for clip in stringout.clips)
    tracks += [_track(stringout, "Audio", f"A{number + 1}", stringout.clips, number) for number in range(most)]
    tracks += [_lane(stringout, lane, f"A{most + number + 1}") for number, lane in enumerate(stringout.lanes)]
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": stringout.name,
        "global_start_time": _time(stringout, stringout.start.frame),
        "metadata": {"nearset": {"rate": str(stringout.rate), "drop_frame": stringout.drop_frame}},
        "tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", **_item(), "children": tracks},
    }
    return (json.dumps(timeline, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _track(
    stringout: Stringout, kind: str, name: str, clips: tuple[StringoutClip, ...], sound: int = -1
) -> dict[str, Any]:
    """Return a track; where a take has no such track of sound, a gap holds its place."""
    children = [
        _gap(stringout, clip.frames) if sound >= len(clip.sound) else _clip(stringout, clip, link)
        for link, clip in enumerate(clips, 1)
    ]
    return _with_children(kind, name, children)


def _lane(stringout: Stringout, lane: Lane, name: str) -> dict[str, Any]:
    """Return the track of a lane; gaps hold the place of what was not recorded."""
    children = []
    for number, clip in enumerate(stringout.clips):
        at = 0
        for one in lane.under(number):
            children += [_gap(stringout, one.cut.at - at)] * (one.cut.at > at)
            children.append(_sound(stringout, one))
            at = one.cut.at + one.cut.frames
        children += [_gap(stringout, clip.frames - at)] * (clip.frames > at)
    return _with_children("Audio", lane.name or name, children)


def _with_children(kind: str, name: str, children: list[dict[str, Any]]) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "Track.1", "name": name, "kind": kind, **_item(), "children": children}


def _gap(stringout: Stringout, frames: int) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "Gap.1", "name": "", **_item(), "source_range": _range(stringout, 0, frames)}


def _sound(stringout: Stringout, one: LaneCut) -> dict[str, Any]:
    """Return one channel of a sound file under a take, its place in samples since midnight."""
    cut, file = one.cut, one.cut.file
    told = {
        "link": one.take + 1,
        "picture": stringout.clips[one.take].name,
        "channel": one.channel,
        "track": cut.name(one.channel),
        "Sound TC": cut.timecode,
        "Sound Roll": file.tape,
        "xxh128": file.xxh128,
        **dict((*file.notes, *cut.notes)),
    }
    media = {
        "OTIO_SCHEMA": "ExternalReference.1",
        "name": file.name,
        "metadata": {},
        "available_range": _samples(file.start_samples, file.samples, file.sample_rate),
        "available_image_bounds": None,
        "target_url": file.url,
    }
    length = float(cut.samples(stringout.rate))
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": file.name,
        **_item(),
        "source_range": _samples(file.start_samples + cut.start, length, file.sample_rate),
        "metadata": {"nearset": told},
        "media_references": {_PLAIN: media},
        "active_media_reference_key": _PLAIN,
    }


def _clip(stringout: Stringout, clip: StringoutClip, link: int) -> dict[str, Any]:
    media = {_PLAIN: _media(stringout, clip, clip.url)}
    if clip.enhanced_path:
        media[_ENHANCED] = _media(stringout, clip, clip.enhanced_url)
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": clip.name,
        **_item(),
        "source_range": _range(stringout, clip.start_frame, clip.frames),
        "metadata": {"nearset": {"link": link, **_told(stringout, clip)}},
        "media_references": media,
        "active_media_reference_key": _PLAIN,
    }


def _told(stringout: Stringout, clip: StringoutClip) -> dict[str, Any]:
    return {
        "reel": clip.reel,
        "roll": clip.roll,
        "start": stringout.timecode(clip).label,
        "drop_frame": clip.drop_frame,
        "xxh128": clip.xxh128,
        **({"asc_sop": clip.asc_sop, "asc_sat": clip.asc_sat} if clip.asc_sop else {}),
        **dict(clip.notes),
    }


def _media(stringout: Stringout, clip: StringoutClip, url: str) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "ExternalReference.1",
        "name": clip.name,
        "metadata": {},
        "available_range": _range(stringout, clip.start_frame, clip.frames),
        "available_image_bounds": None,
        "target_url": url,
    }


def _item() -> dict[str, Any]:
    """Return what every item has; made anew, since an item may fill it."""
    return {"enabled": True, "source_range": None, "effects": [], "markers": [], "metadata": {}}


def _time(stringout: Stringout, frame: int) -> dict[str, Any]:
    return _rational(frame, float(stringout.rate))


def _range(stringout: Stringout, start: int, frames: int) -> dict[str, Any]:
    return _span(_time(stringout, start), _time(stringout, frames))


def _samples(start: int, samples: float, sample_rate: int) -> dict[str, Any]:
    return _span(_rational(start, sample_rate), _rational(samples, sample_rate))


def _span(start: dict[str, Any], duration: dict[str, Any]) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": start, "duration": duration}


def _rational(value: float, rate: float) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}
