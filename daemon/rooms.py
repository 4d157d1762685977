"""Room tones: takes that hold a place and nobody in it, which noise reduction learns a place's noise from.

A take counts as one by what its scene, take, note or name says; it speaks for what was recorded on the same shoot day
at the same location, or in the same scene where no location is named. Pure data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.slate import CameraFile, CardPlace
from daemon.sounds import Recording

_SAYS_SO = re.compile(r"(?<![a-z])(room[ _.-]?tone|rt|atmos?)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RoomTone:
    """A room tone's file and what it says of itself; `label` is how a person finds it."""

    label: str
    place: CardPlace
    file: CameraFile
    recording: Recording


@dataclass(frozen=True, slots=True)
class RoomTrack:
    """One track of a room tone."""

    label: str
    place: CardPlace
    file: CameraFile
    channel: int


def is_room_tone(name: str, recording: Recording) -> bool:
    """Return whether a take says that it is a room tone."""
    return any(_SAYS_SO.search(text) for text in (recording.scene, recording.take, recording.note, name))


def room_for(recording: Recording, channel: int, rooms: Sequence[RoomTone]) -> RoomTrack | None:
    """Return the room tone of a recording's track, the last one recorded; None where there is none of its place.

    Tracks go by name, since microphones differ; by number only where neither has names.
    """
    name = recording.tracks[channel]
    for room in reversed(rooms):
        known = room.recording
        if not _same_place(recording, known) or known.sample_rate != recording.sample_rate:
            continue
        if name in known.tracks and (name or len(known.tracks) == len(recording.tracks)):
            return RoomTrack(room.label, room.place, room.file, known.tracks.index(name) if name else channel)
    return None


def _same_place(one: Recording, other: Recording) -> bool:
    if one.location or other.location:
        return one.location == other.location
    return bool(one.scene) and one.scene == other.scene
