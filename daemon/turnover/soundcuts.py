"""Production sound in a turnover's timelines: the guide mix of a take, then its isos as they were recorded.

A sound roll is not copied into the delivery: timelines name its files as if it lay there, beside the camera rolls of
its day, and by sound roll and timecode, which is how an editor relinks them.
"""

from __future__ import annotations

from daemon.sidecars.lanes import SoundCut, SoundFile, span
from daemon.sidecars.stringout import printable
from daemon.slate import Twin
from daemon.sounds import MIX_BITS, MIX_RATE, PlacedSound, TakeFile
from daemon.turnover.naming import safe_name
from daemon.turnover.roll import Roll, TurnoverClip
from engines.media.timecode import Timecode


def cuts_of(roll: Roll, clip: TurnoverClip, *, of_day: bool) -> tuple[SoundCut, ...]:
    """Return what production sound lies under a clip; `of_day` has paths from the day's folder, not the roll's."""
    if clip.sound is None:
        return ()
    day = "" if of_day else "../"
    isos = (_iso(clip, placed, file, day) for placed in clip.sound.placed for file in placed.files)
    mix = _mix(clip, f"{safe_name(roll.name)}/" if of_day else "")
    return tuple(cut for cut in (mix, *isos) if cut and cut.frames)


def _iso(clip: TurnoverClip, placed: PlacedSound, file: TakeFile, day: str) -> SoundCut:
    essence, recording, pair = clip.essence, file.recording, placed.pair
    at, frames, start = span(pair.offset_seconds, essence.frames, essence.rate, recording.frames, recording.sample_rate)
    timecode = recording.timecode(essence.rate, start / recording.sample_rate)
    notes = {"Scene": recording.scene, "Take": recording.take, "Circled": "yes" if recording.circled else ""}
    found = (
        ("by", pair.by),
        ("offset_seconds", pair.offset_seconds),
        ("drift_ppm", pair.drift_ppm),
        ("confidence", pair.confidence),
    )
    sound = SoundFile(
        name=printable(file.name),
        tape=printable(recording.tape or placed.roll)[:32],
        path=f"{day}{placed.roll}/{file.path}",
        xxh128=file.xxh128,
        sample_rate=recording.sample_rate,
        bits=recording.bits,
        samples=recording.frames,
        start_samples=round((recording.start_seconds or 0) * recording.sample_rate),
        timecode_rate=recording.timecode_rate or essence.rate,
        drop_frame=bool(timecode and timecode.drop),
        tracks=tuple(printable(name) for name in recording.tracks),
        notes=tuple((key, printable(value)) for key, value in notes.items() if value),
    )
    return SoundCut(sound, at, frames, start, timecode.label if timecode else "", found)


def _mix(clip: TurnoverClip, folder: str) -> SoundCut | None:
    """Return the guide mix under all of its clip, on the clip's own timecode; None where there is none."""
    mix, essence = clip.current(Twin.SOUND), clip.essence
    if mix is None:
        return None
    sound = SoundFile(
        name=printable(mix.path.rpartition("/")[2].rpartition(".")[0]),
        tape=essence.reel,
        path=f"{folder}{mix.path}",
        xxh128=mix.xxh128,
        sample_rate=MIX_RATE,
        bits=MIX_BITS,
        samples=round(essence.frames / essence.rate * MIX_RATE),
        start_samples=round(essence.start_frame / essence.rate * MIX_RATE),
        timecode_rate=essence.rate,
        drop_frame=essence.drop_frame,
        tracks=("Guide mix",),
        notes=(("Notes", printable("; ".join(mix.marks))),),
    )
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame)
    return SoundCut(sound, 0, essence.frames, 0, start.label)
