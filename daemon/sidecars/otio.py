"""OTIO: a stringout as OpenTimelineIO's own JSON, each take with both twins as its media.

Written by hand: fifty lines of plain JSON need no library in the service; tests read them back with the real one.
Rates are numbers there, and a rate such as 24000/1001 is the nearest double, which OpenTimelineIO takes for it.
Source: OpenTimelineIO 0.18, docs/tutorials/otio-serialized-schema.md.
"""

from __future__ import annotations

import json
from typing import Any

from daemon.sidecars.stringout import Stringout, StringoutClip

_PLAIN, _ENHANCED = "DEFAULT_MEDIA", "enhanced"
"""Names of a clip's media; the first is OpenTimelineIO's name of the one that every reader knows."""


def compose(stringout: Stringout) -> bytes:
    """Return the stringout as `.otio`: a picture track, and an audio track for each track of the takes."""
    tracks = [_track(stringout, "Video", "V1", stringout.clips)]
    most = max(len(clip.sound) for clip in stringout.clips)
    tracks += [_track(stringout, "Audio", f"A{number + 1}", stringout.clips, number) for number in range(most)]
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
    children = [_gap(stringout, clip) if sound >= len(clip.sound) else _clip(stringout, clip) for clip in clips]
    return {"OTIO_SCHEMA": "Track.1", "name": name, "kind": kind, **_item(), "children": children}


def _gap(stringout: Stringout, clip: StringoutClip) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "Gap.1", "name": "", **_item(), "source_range": _range(stringout, 0, clip.frames)}


def _clip(stringout: Stringout, clip: StringoutClip) -> dict[str, Any]:
    media = {_PLAIN: _media(stringout, clip, clip.url)}
    if clip.enhanced_path:
        media[_ENHANCED] = _media(stringout, clip, clip.enhanced_url)
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": clip.name,
        **_item(),
        "source_range": _range(stringout, clip.start_frame, clip.frames),
        "metadata": {"nearset": _told(stringout, clip)},
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
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(stringout.rate), "value": float(frame)}


def _range(stringout: Stringout, start: int, frames: int) -> dict[str, Any]:
    times = {"start_time": _time(stringout, start), "duration": _time(stringout, frames)}
    return {"OTIO_SCHEMA": "TimeRange.1", **times}
