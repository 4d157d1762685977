"""Production sound in a turnover: what ALE, record and report say of a clip's sync."""

from __future__ import annotations

from typing import Any

from daemon.slate import Twin
from daemon.sounds import ClipSound, PlacedSound, Waveform
from daemon.turnover.roll import TurnoverClip

COLUMNS = ("Sound TC", "Sound Roll", "Sound File", "Sound Tracks", "Scene", "Take", "Guide Mix")
_HEIGHT = 40
"""Of one waveform in the report, above and below its middle line half of it."""


def columns(clip: TurnoverClip) -> dict[str, str]:
    """Return the ALE's words on a clip's sound, all empty where it has none.

    `Sound TC` is the sound file's own timecode at the clip's first frame; where the sound begins later, at its own.
    """
    if clip.sound is None or not clip.sound.placed:
        return {}
    first = clip.sound.placed[0]
    timecode = first.recording.timecode(clip.essence.rate, max(first.pair.offset_seconds, 0.0))
    mix = clip.current(Twin.SOUND)
    return {
        "Sound TC": timecode.label if timecode else "",
        "Sound Roll": first.recording.tape or first.roll,
        "Sound File": ", ".join(dict.fromkeys(file.name for placed in clip.sound.placed for file in placed.files)),
        "Sound Tracks": ", ".join(name for name in first.tracks if name),
        "Scene": first.recording.scene,
        "Take": first.recording.take + ("*" if first.recording.circled else ""),
        "Guide Mix": mix.path.rpartition("/")[2] if mix else "",
    }


def recorded(sound: ClipSound | None) -> dict[str, Any] | None:
    """Return what the record says of a clip's sound; None where none was looked for."""
    if sound is None:
        return None
    return {
        "pairs": [_pair(placed) for placed in sound.placed],
        "held": sound.held,
        "rivals": [_pair(placed) for placed in sound.rivals],
    }


def _pair(placed: PlacedSound) -> dict[str, Any]:
    pair, recording = placed.pair, placed.recording
    return {
        "file": placed.name,
        "roll": placed.roll,
        "scene": recording.scene,
        "take": recording.take,
        "circled": recording.circled,
        "tracks": list(placed.tracks),
        "files": [{"path": file.path, "xxh128": file.xxh128} for file in placed.files],
        "by": pair.by,
        "offset_seconds": pair.offset_seconds,
        "drift_ppm": pair.drift_ppm,
        "confidence": pair.confidence,
        "strength": pair.strength,
        "timecode_off_seconds": pair.timecode_off_seconds,
        "claps_agree": pair.claps_agree,
        "notes": list(recording.notes),
    }


def shown(clip: TurnoverClip) -> dict[str, Any] | None:
    """Return what the report shows of a clip's sync; None where no sound was looked for."""
    if clip.sound is None:
        return None
    mix = clip.current(Twin.SOUND)
    return {
        "lines": [_line(placed) for placed in clip.sound.placed],
        "held": clip.sound.held,
        "rivals": [_line(placed) for placed in clip.sound.rivals],
        "mix": f"{mix.path} ({'; '.join(mix.marks)})" if mix else "",
        "camera": outline(clip.sound.waveform, own=True),
        "found": outline(clip.sound.waveform, own=False),
        "height": _HEIGHT,
        "width": len(clip.sound.waveform.sound) if clip.sound.waveform else 0,
    }


def _line(placed: PlacedSound) -> tuple[str, str]:
    """Return where sound comes from, roll and name, and what is said of it."""
    pair, recording = placed.pair, placed.recording
    said = []
    if recording.scene or recording.take:
        said.append(
            f"scene {recording.scene or '?'} take {recording.take or '?'}{' (circled)' if recording.circled else ''}"
        )
    said += [f"{pair.offset_seconds:+.3f} s", f"by {pair.by}", f"confidence {pair.confidence:.2f}"]
    said.append(f"drift {pair.drift_ppm:+.1f} ppm")
    if pair.timecode_off_seconds is not None:
        said.append(f"timecode {pair.timecode_off_seconds:+.3f} s off")
    if pair.claps_agree is not None:
        said.append("claps agree" if pair.claps_agree else "claps do not agree")
    return f"{placed.roll}/{placed.name}", ", ".join((*said, *recording.notes))


def outline(waveform: Waveform | None, *, own: bool) -> str:
    """Return a waveform as points of an SVG polygon; empty where there is none."""
    peaks = () if waveform is None else waveform.camera if own else waveform.sound
    middle = _HEIGHT / 2
    above = [f"{number},{middle - peak * middle:.1f}" for number, peak in enumerate(peaks)]
    below = [f"{number},{middle + peak * middle:.1f}" for number, peak in enumerate(peaks)]
    return " ".join([*above, *reversed(below)])
