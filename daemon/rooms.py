"""Room tones: takes that hold a place and nobody in it, which noise reduction learns a place's noise from.

A take counts as one by what its scene, take, note or name says; it speaks for its location, or for its scene where no
location is named, on this day and on others. Pure data.
"""

from __future__ import annotations

import re

from daemon.sidecars.stringout import printable
from daemon.sounds import Recording

_SAYS_SO = re.compile(r"(?<![a-z])(room[ _.-]?tone|rt|atmos?)(?![a-z])", re.IGNORECASE)
_MOST_LETTERS = 80


def is_room_tone(name: str, recording: Recording) -> bool:
    """Return whether a take says that it is a room tone."""
    return any(_SAYS_SO.search(text) for text in (recording.scene, recording.take, recording.note, name))


def room_of(recording: Recording) -> str:
    """Return what the registry calls the room that a take was recorded in, empty where it does not say."""
    if place := printable(recording.location):
        return f"room {place[:_MOST_LETTERS]}"
    scene = printable(recording.scene)
    return f"room of scene {scene[:_MOST_LETTERS]}" if scene else ""


def track_of(recording: Recording, channel: int) -> str:
    """Return what a room calls a take's channel, from 0 on: its name, since microphones differ, else its number."""
    return printable(recording.tracks[channel]) or f"{channel + 1} of {recording.channels}"
