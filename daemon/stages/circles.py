"""Circles: which clips are circled takes, so that they come first in every stage.

Lists of them lie in folders that the configuration names, outside offloads and deliveries; what a recorder marked
comes in the iXML of its sound files. A card's own files say nothing here: a card cannot command the service. A list
that cannot be read leaves what was known as it was. There is no work side.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from daemon.beneath import read_small
from daemon.cards.base import suffix
from daemon.circles import SUFFIXES, Circle, Subject, is_circled, parse, sound_of
from daemon.errors import NearsetError
from daemon.log import get
from daemon.production import Moment, Production
from daemon.slate import ClipKind
from daemon.sounds import Recording
from daemon.states import SETTLED_STATES, ClipState
from daemon.store import Clip

_LOOK_SECONDS = 2.0
"""Between two looks into the folders."""
_LIMIT_BYTES = 4 << 20
_Mark = tuple[int, int, int]


@dataclass(slots=True)
class _Lists:
    """The lists of one folder as last read; `away` where it could not be."""

    marks: dict[str, _Mark] = field(default_factory=dict)
    circles: dict[str, tuple[Circle, ...]] = field(default_factory=dict)
    away: bool = False


class Circles:
    """The plan side."""

    name = "circles"

    def __init__(self) -> None:
        self._folders: dict[Path, _Lists] = {}
        self._due = float("-inf")
        self._known: object = None
        self._sounds: dict[int, Recording | None] = {}
        self._recordings: dict[int, Recording] = {}

    def plan(self, production: Production, now: Moment) -> None:
        """Read lists that changed, and mark the clips that are on their way."""
        if now.monotonic < self._due:
            return
        self._due = now.monotonic + _LOOK_SECONDS
        for folder in production.config.queue.circle_takes:
            _read(folder, self._folders.setdefault(folder, _Lists()))
        store = production.store
        recordings = store.recordings()
        if recordings.keys() != self._recordings.keys():
            self._recordings, self._sounds = recordings, {}
        clips = store.clips(states=set(ClipState) - SETTLED_STATES)
        marks = [dict(lists.marks) for lists in self._folders.values()]
        known = (marks, self._recordings.keys(), {(clip.id, clip.essence is None) for clip in clips})
        if known == self._known:
            return
        self._known = known
        circles = tuple(each for lists in self._folders.values() for found in lists.circles.values() for each in found)
        is_whole = not any(lists.away for lists in self._folders.values())
        for clip in (clip for clip in clips if clip.found.kind not in {ClipKind.SOUND, ClipKind.PAPERS}):
            subject = Subject(clip.name, store.card(clip.card).roll, clip.essence, self._sound_of(production, clip))
            circled = is_circled(subject, circles)
            if circled != clip.circled and (circled or is_whole):
                store.set_circled(clip.id, circled=circled)
                get().info("clip.circled" if circled else "clip.not_circled", clip=clip.name, roll=subject.roll)

    def _sound_of(self, production: Production, clip: Clip) -> Recording | None:
        """Return the recording of the clip's day that its timecode lies in, looked for once."""
        if clip.essence is None or not self._recordings:
            return None
        if clip.id not in self._sounds:
            store = production.store
            days = {card.id: card.shoot_day for card in store.cards()}
            of_day = (
                recording
                for sound, recording in self._recordings.items()
                if days[store.clip(sound).card] == days[clip.card]
            )
            self._sounds[clip.id] = sound_of(clip.essence, of_day)
        return self._sounds[clip.id]


def _read(folder: Path, lists: _Lists) -> None:
    """Take in what is new in a folder of lists; what is gone from it counts no more."""
    try:
        with os.scandir(folder) as listing:
            found = {
                entry.name: entry.stat(follow_symlinks=False) for entry in listing if suffix(entry.name) in SUFFIXES
            }
    except OSError as error:
        if not lists.away:
            fix = "mount it, or let the service read it; what its lists said stands until then"
            get().warning("circles.away", folder=str(folder), why=error.strerror or str(error), fix=fix)
        lists.away = True
        return
    lists.away = False
    marks = {name: (seen.st_ino, seen.st_size, seen.st_mtime_ns) for name, seen in found.items()}
    for name in lists.circles.keys() - marks.keys():
        del lists.circles[name]
    for name in sorted(name for name, mark in marks.items() if lists.marks.get(name) != mark):
        try:
            lists.circles[name] = parse(read_small(folder, name, _LIMIT_BYTES), name)
            get().info("circles.read", list=name, takes=len(lists.circles[name]))
        except NearsetError as error:
            get().warning("circles.refused", list=name, code=error.code, why=error.why, fix=error.fix)
    lists.marks = marks
