"""ALE of a roll or a day: what Avid merges by and an assistant looks for, one file for each frame rate."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from posixpath import basename

from daemon.sidecars.ale import Ale, audio_format, compose, rate_text, video_format
from daemon.sidecars.cdl import sat_words, sop_words
from daemon.slate import Published, Twin
from daemon.turnover import sound
from daemon.turnover.roll import Roll, TurnoverClip
from engines.media.essence import FieldOrder
from engines.media.timecode import Timecode

COLUMNS = (
    "Name",
    "Tape",
    "TapeID",
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
    "Image Size",
    "Pixel Aspect Ratio",
    "Field Motion",
    "Audio SR",
    "Audio Bit Depth",
    "Drop",
    "Timecode From",
    "Custody",
    "Notes",
)


Take = tuple[Roll, TurnoverClip]
"""A delivered clip with the roll that it lies on."""


def by_rate(rolls: Iterable[Roll]) -> dict[str, tuple[Fraction, list[Take]]]:
    """Return the delivered clips by frame rate, keyed by a name's ending: none for the commonest, `_25` for others."""
    rates: dict[Fraction, list[Take]] = {}
    for roll in rolls:
        for clip in roll.clips:
            if clip.current(Twin.PLAIN):
                rates.setdefault(clip.essence.rate, []).append((roll, clip))
    most_first = sorted(rates, key=lambda rate: (-len(rates[rate]), rate))
    endings = ("" if number == 0 else f"_{rate_text(rate).replace('.', '')}" for number, rate in enumerate(most_first))
    return {ending: (rate, rates[rate]) for ending, rate in zip(endings, most_first, strict=True)}


def ales(name: str, rolls: Iterable[Roll]) -> dict[str, str]:
    """Return the text of each ALE by file name: `<name>.ale`, further rates as `<name>_25.ale`."""
    return {f"{name}{ending}.ale": compose(_ale(rate, takes)) for ending, (rate, takes) in by_rate(rolls).items()}


def is_interlaced(clip: TurnoverClip) -> bool:
    """Return whether a clip's proxies hold fields: those of the source, unless the recipe makes frames of them."""
    frames = ("source.deinterlace", "True") in {(word, value) for word, value, _ in clip.words}
    return clip.essence.field_order is not FieldOrder.PROGRESSIVE and not frames


def _ale(rate: Fraction, takes: list[Take]) -> Ale:
    rasters = {(plain.width, plain.height) for _, clip in takes if (plain := clip.current(Twin.PLAIN))}
    heard = audio_format({track.sample_rate for _, clip in takes for track in clip.sound_tracks})
    heading = (
        ("FIELD_DELIM", "TABS"),
        ("VIDEO_FORMAT", video_format(rasters)),
        *([("AUDIO_FORMAT", heard)] if heard else []),
        ("FPS", rate_text(rate)),
    )
    more = sound.COLUMNS if any(clip.sound for _, clip in takes) else ()
    return Ale(heading, (*COLUMNS, *more), tuple(_row(roll, clip) for roll, clip in takes))


def _row(roll: Roll, clip: TurnoverClip) -> dict[str, str]:
    plain, enhanced = clip.current(Twin.PLAIN), clip.current(Twin.ENHANCED)
    assert plain is not None
    essence = clip.essence
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame)
    return {
        "Name": clip.name,
        "Tape": essence.reel,
        "TapeID": essence.reel,
        "Start": start.label,
        "End": start.plus(essence.frames).label,
        "Tracks": "V" + "".join(f"A{number}" for number in range(1, _channels(clip) + 1)),
        "Duration": Timecode(essence.frames, essence.rate, essence.drop_frame).label,
        "FPS": rate_text(essence.rate),
        "Camroll": roll.name,
        "ASC_SOP": sop_words(plain.look.look.cdl) if plain.look else "",
        "ASC_SAT": sat_words(plain.look.look.cdl) if plain.look else "",
        "Source File": basename(plain.path),
        "Enhanced File": basename(enhanced.path) if enhanced else "",
        "Shoot Date": roll.shoot_day,
        "Camera": essence.camera,
        "Frame Width": str(plain.width),
        "Frame Height": str(plain.height),
        "Image Size": f"{plain.width} x {plain.height}",
        "Pixel Aspect Ratio": f"{float(clip.pixel_aspect):.3f}",
        "Field Motion": "" if is_interlaced(clip) else "Progressive",
        "Audio SR": _common(track.sample_rate for track in clip.sound_tracks),
        "Audio Bit Depth": _common(track.bits for track in clip.sound_tracks),
        "Drop": "DF" if essence.drop_frame else "NDF",
        "Timecode From": essence.timecode_source,
        "Custody": clip.custody,
        "Notes": notes_of(clip, plain),
        **sound.columns(clip),
    }


def notes_of(clip: TurnoverClip, plain: Published) -> str:
    """Return what an editor must know of a clip, of its enhanced twin and of what was not made, too."""
    held_back = [clip.held_back.note] if clip.held_back else []
    return "; ".join(dict.fromkeys((*plain.marks, *held_back, *(one.note for one in clip.undone))))


def _channels(clip: TurnoverClip) -> int:
    """Return how many audio tracks Avid will show: one for each channel."""
    return sum(track.channels for track in clip.sound_tracks)


def _common(values: Iterable[int]) -> str:
    """Return the one value that all tracks have; empty where there is no single one."""
    found = set(values)
    return str(found.pop()) if len(found) == 1 else ""
