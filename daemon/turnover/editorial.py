"""The roll's ALE: what Avid merges by and an assistant looks for, one file for each frame rate."""

from __future__ import annotations

from fractions import Fraction
from posixpath import basename

from daemon.sidecars.ale import Ale, audio_format, compose, rate_text, video_format
from daemon.slate import Twin
from daemon.turnover import sound
from daemon.turnover.naming import safe_name
from daemon.turnover.roll import Roll, TurnoverClip
from engines.media.timecode import Timecode

COLUMNS = (
    "Name",
    "Tape",
    "Start",
    "End",
    "Tracks",
    "Duration",
    "FPS",
    "Camroll",
    "ASC_SOP",
    "ASC_SAT",
    "Source File",
    "Enhanced File",
    "Shoot Date",
    "Camera",
    "Frame Width",
    "Frame Height",
    "Drop",
    "Timecode From",
    "Custody",
    "Notes",
)


def ales(roll: Roll) -> dict[str, str]:
    """Return the text of each ALE by file name: `<roll>.ale`, further rates as `<roll>_25.ale`."""
    rates: dict[Fraction, list[TurnoverClip]] = {}
    for clip in roll.clips:
        if clip.current(Twin.PLAIN):
            rates.setdefault(clip.essence.rate, []).append(clip)
    most_first = sorted(rates, key=lambda rate: (-len(rates[rate]), rate))
    texts = {}
    for number, rate in enumerate(most_first):
        ending = "" if number == 0 else f"_{rate_text(rate).replace('.', '')}"
        texts[f"{safe_name(roll.name)}{ending}.ale"] = compose(_ale(roll, rate, rates[rate]))
    return texts


def is_ours(data: bytes) -> bool:
    """Return whether an ALE has the columns that only ours have, so that an editor's own is never taken for one."""
    return "\t".join(COLUMNS).encode() in data


def _ale(roll: Roll, rate: Fraction, clips: list[TurnoverClip]) -> Ale:
    rasters = {(plain.width, plain.height) for clip in clips if (plain := clip.current(Twin.PLAIN))}
    heard = audio_format({track.sample_rate for clip in clips for track in clip.essence.audio})
    heading = (
        ("FIELD_DELIM", "TABS"),
        ("VIDEO_FORMAT", video_format(rasters)),
        *([("AUDIO_FORMAT", heard)] if heard else []),
        ("FPS", rate_text(rate)),
    )
    more = sound.COLUMNS if any(clip.sound for clip in clips) else ()
    return Ale(heading, (*COLUMNS, *more), tuple(_row(roll, clip) for clip in clips))


def _row(roll: Roll, clip: TurnoverClip) -> dict[str, str]:
    plain, enhanced = clip.current(Twin.PLAIN), clip.current(Twin.ENHANCED)
    assert plain is not None
    essence = clip.essence
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame)
    return {
        "Name": clip.name,
        "Tape": essence.reel,
        "Start": start.label,
        "End": start.plus(essence.frames).label,
        "Tracks": "V" + "".join(f"A{number}" for number in range(1, _channels(clip) + 1)),
        "Duration": Timecode(essence.frames, essence.rate, essence.drop_frame).label,
        "FPS": rate_text(essence.rate),
        "Camroll": roll.name,
        "Source File": basename(plain.path),
        "Enhanced File": basename(enhanced.path) if enhanced else "",
        "Shoot Date": roll.shoot_day,
        "Camera": essence.camera,
        "Frame Width": str(plain.width),
        "Frame Height": str(plain.height),
        "Drop": "DF" if essence.drop_frame else "NDF",
        "Timecode From": essence.timecode_source,
        "Custody": clip.custody,
        "Notes": "; ".join(plain.marks),
        **sound.columns(clip),
    }


def _channels(clip: TurnoverClip) -> int:
    """Return how many audio tracks Avid will show: one for each channel."""
    return sum(track.channels for track in clip.essence.audio)
