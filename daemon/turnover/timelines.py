"""Timelines of a roll or a day: a stringout for each frame rate, in every form that a cutting room opens.

OTIO, FCPXML, FCP 7 XML, AAF, and an EDL where it would not lie. All of them say the same, from one model.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from daemon.sidecars import aaf, edl, fcp7, fcpxml, otio
from daemon.sidecars.cdl import sat_words, sop_words
from daemon.sidecars.stringout import Stringout, StringoutClip, printable
from daemon.slate import Published, Twin
from daemon.turnover.editorial import Take, by_rate, is_interlaced, notes_of
from daemon.turnover.naming import safe_name
from daemon.turnover.roll import Roll
from daemon.turnover.soundcuts import cuts_of
from engines.media.story import Mobs


def stringouts(name: str, rolls: Iterable[Roll], *, of_day: bool = False) -> dict[str, Stringout]:
    """Return the stringout of each frame rate by file name without suffix; `of_day` has paths from the day's folder."""
    return {
        f"{name}{ending}": Stringout(
            takes[0][0].production, f"{name}{ending}", rate, tuple(_clip(take, of_day=of_day) for take in takes)
        )
        for ending, (rate, takes) in by_rate(rolls).items()
    }


def timelines(found: dict[str, Stringout], written_at: str) -> dict[str, bytes]:
    """Return all timelines by file name; `written_at` is ISO 8601."""
    return texts(found) | aafs(found, written_at)


def aafs(found: dict[str, Stringout], written_at: str) -> dict[str, bytes]:
    """Return the AAFs by file name, which take long; `written_at` is ISO 8601."""
    moment = datetime.fromisoformat(written_at)
    return {f"{name}.aaf": aaf.compose(stringout, moment) for name, stringout in found.items()}


def texts(found: dict[str, Stringout]) -> dict[str, bytes]:
    """Return all timelines but the AAFs by file name."""
    files = {}
    for name, stringout in found.items():
        files[f"{name}.otio"] = otio.compose(stringout)
        files[f"{name}.fcpxml"] = fcpxml.compose(stringout)
        files[f"{name}.xml"] = fcp7.compose(stringout)
        if not edl.why_not(stringout):
            files[f"{name}.edl"] = edl.compose(stringout)
    return files


def left_out(found: dict[str, Stringout]) -> dict[str, str]:
    """Return the timelines that there are none of, by file name, each with the reason."""
    return {f"{name}.edl": why for name, stringout in found.items() if (why := edl.why_not(stringout))}


def _clip(take: Take, *, of_day: bool) -> StringoutClip:
    roll, clip = take
    plain, enhanced = clip.current(Twin.PLAIN), clip.current(Twin.ENHANCED)
    assert plain is not None
    essence = clip.essence
    folder = f"{safe_name(roll.name)}/" if of_day else ""
    notes = (
        ("Camera", essence.camera),
        ("Shoot Date", roll.shoot_day),
        ("Timecode From", essence.timecode_source),
        ("Custody", clip.custody),
        ("Notes", notes_of(clip, plain)),
    )
    return StringoutClip(
        name=printable(clip.name),
        reel=essence.reel,
        roll=printable(roll.name),
        start_frame=essence.start_frame,
        frames=essence.frames,
        drop_frame=essence.drop_frame,
        path=f"{folder}{plain.path}",
        enhanced_path=f"{folder}{enhanced.path}" if enhanced else "",
        xxh128=plain.xxh128,
        width=plain.width,
        height=plain.height,
        pixel_aspect=clip.pixel_aspect,
        interlaced=is_interlaced(clip),
        sound=clip.sound_tracks,
        asc_sop=sop_words(plain.look.look.cdl) if plain.look else "",
        asc_sat=sat_words(plain.look.look.cdl) if plain.look else "",
        notes=tuple((key, printable(value)) for key, value in notes if value),
        cuts=cuts_of(roll, clip, of_day=of_day),
        mobs=_mobs(plain),
        sound_paths=tuple(f"{folder}{file.path}" for one in plain.renditions[:1] for file in one.files[1:]),
    )


def _mobs(plain: Published) -> Mobs | None:
    """Return the identities of the first preset's media, where an AAF's tracks are its tracks: each of one channel."""
    first = plain.renditions[0] if plain.renditions else None
    return first.mobs if first and all(track.channels == 1 for track in first.audio) else None
