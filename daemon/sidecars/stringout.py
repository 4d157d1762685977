"""A stringout: all takes of a roll or a day behind each other, as every timeline that is handed over tells it.

The one model behind OTIO, FCPXML, FCP 7 XML, AAF and EDL. Pure data and arithmetic on whole frames; knows no format.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote

from daemon.sidecars.lanes import Lane, SoundCut, lanes
from engines.media.essence import AudioTrack
from engines.media.story import Mobs
from engines.media.timecode import Timecode, frames_a_day, label_rate

_NAMESPACE = uuid.UUID("6f2c1d0e-52a5-5d63-9a35-0f6b0c3b8f51")
"""Ours alone, so that an identity made of the same words is the same wherever it is made."""


@dataclass(frozen=True, slots=True)
class StringoutClip:
    """One take: what an editor relinks by, and the movies that hold it.

    `path` leads from the sidecar's folder to the plain proxy, `enhanced_path` to its twin, empty where there is none.
    `xxh128` is the plain proxy's. `sound` are the camera's own tracks, `cuts` what production sound lies under it.
    `asc_sop` and `asc_sat` are a CDL as ALE and EDL write it, empty without one. `notes` are what an editor must know,
    by name. `mobs` are the identities that the media itself has, a mono sound track each; None where it has none.
    `sound_paths` lead to sound that lies in files of its own.
    """

    name: str
    reel: str
    roll: str
    start_frame: int
    frames: int
    drop_frame: bool
    path: str
    enhanced_path: str
    xxh128: str
    width: int
    height: int
    pixel_aspect: Fraction
    interlaced: bool
    sound: tuple[AudioTrack, ...]
    asc_sop: str = ""
    asc_sat: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    mobs: Mobs | None = None
    sound_paths: tuple[str, ...] = ()
    cuts: tuple[SoundCut, ...] = ()

    @property
    def channels(self) -> int:
        """How many audio tracks a timeline shows: one for each channel."""
        return sum(track.channels for track in self.sound)

    @property
    def file_name(self) -> str:
        """Name of the plain proxy, no other take of its roll has it."""
        return self.path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """The plain proxy as a URL relative to the sidecar: a delivery may be mounted anywhere."""
        return quote(self.path)

    @property
    def enhanced_url(self) -> str:
        """The enhanced twin as a relative URL, empty where there is none."""
        return quote(self.enhanced_path)


@dataclass(frozen=True, slots=True)
class Stringout:
    """Takes of one rate in order; it starts at 01:00:00:00 and drops frames where each take does."""

    production: str
    name: str
    rate: Fraction
    clips: tuple[StringoutClip, ...]

    @property
    def drop_frame(self) -> bool:
        """Whether the timeline's own timecode drops."""
        return all(clip.drop_frame for clip in self.clips)

    @property
    def start(self) -> Timecode:
        """Timecode of the timeline's first frame, as cutting rooms count a reel from."""
        return Timecode.parse("01:00:00:00", self.rate, drop=self.drop_frame)

    @property
    def frames(self) -> int:
        """Length of the timeline."""
        return sum(clip.frames for clip in self.clips)

    @property
    def raster(self) -> tuple[int, int]:
        """Width and height of the timeline: the commonest among its takes, the larger of two as common."""
        rasters = [(clip.width, clip.height) for clip in self.clips]
        return max(rasters, key=lambda raster: (rasters.count(raster), raster))

    @property
    def channels(self) -> int:
        """Audio tracks that the take with most of them needs."""
        return max(clip.channels for clip in self.clips)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Audio tracks of production sound, behind those of the cameras."""
        return lanes([clip.cuts for clip in self.clips])

    def lane_name(self, number: int, lane: Lane) -> str:
        """Return what a lane, from 0 on, is called: as its channels are, else by its number among all audio tracks."""
        return lane.name or f"A{self.channels + number + 1}"

    def placed(self) -> tuple[tuple[int, StringoutClip], ...]:
        """Return each take with the timeline's frame that it begins at, from 0."""
        placed, at = [], 0
        for clip in self.clips:
            placed.append((at, clip))
            at += clip.frames
        return tuple(placed)

    def timecode(self, clip: StringoutClip) -> Timecode:
        """Return a take's start timecode."""
        return Timecode(clip.start_frame, self.rate, clip.drop_frame)

    def crosses_midnight(self, clip: StringoutClip) -> bool:
        """Return whether the label of the frame after a take's last is no later than that of its first."""
        return clip.start_frame + clip.frames >= frames_a_day(self.rate, drop=clip.drop_frame)

    @property
    def label_rate(self) -> int:
        """Labels a second: 24 for 23.976."""
        return label_rate(self.rate)


def stable_id(*words: str) -> uuid.UUID:
    """Return an identity made of words: the same words, the same identity."""
    return uuid.uuid5(_NAMESPACE, "\n".join(words))


def printable(text: str) -> str:
    """Return a text in one line that XML and tables can hold: what does not print becomes a space."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
