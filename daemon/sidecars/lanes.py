"""Lanes: production sound under a stringout's takes, laid out on audio tracks behind the camera's own.

A cut begins and ends on frames of its take, as editing systems want it, and in its file on a sample: what sync found
between two frames is kept there. Pure data and arithmetic; knows no format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from urllib.parse import quote

_HALF_SAMPLE = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A sound file as a timeline names it.

    `path` leads from the sidecar's folder to it, a sound roll lying beside the camera rolls of its day. `tape` is the
    sound roll that an editor relinks by. `start_samples` counts from midnight to its first sample, 0 where it says no
    time. `tracks` has a name for each channel, empty where unknown.
    """

    name: str
    tape: str
    path: str
    xxh128: str
    sample_rate: int
    bits: int
    samples: int
    start_samples: int
    timecode_rate: Fraction
    drop_frame: bool
    tracks: tuple[str, ...]
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def file_name(self) -> str:
        """Its name with suffix."""
        return self.path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """Where it lies as a URL relative to the sidecar."""
        return quote(self.path)

    @property
    def start_seconds(self) -> Fraction:
        """Seconds since midnight of its first sample."""
        return Fraction(self.start_samples, self.sample_rate)


@dataclass(frozen=True, slots=True)
class SoundCut:
    """What of a sound file lies under a take: from `at` on, for so many `frames`, both in frames of the take.

    `start` is the file's sample at the cut's first frame, `timecode` its label there, empty without one. `notes` say
    how it was found.
    """

    file: SoundFile
    at: int
    frames: int
    start: int
    timecode: str = ""
    notes: tuple[tuple[str, str | float], ...] = ()

    def samples(self, rate: Fraction) -> Fraction:
        """Return how many samples the cut is long; whole wherever a frame is."""
        return self.frames * self.file.sample_rate / rate

    def name(self, channel: int) -> str:
        """Return what a channel, from 1 on, is called; empty where nobody says."""
        return self.file.tracks[channel - 1]


@dataclass(frozen=True, slots=True)
class LaneCut:
    """A channel of a cut, from 1 on, under the take of a number, from 0 on."""

    take: int
    cut: SoundCut
    channel: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One audio track; `name` is that of its channels where all have one, else empty."""

    name: str
    cuts: tuple[LaneCut, ...]

    def under(self, take: int) -> tuple[LaneCut, ...]:
        """Return what lies under a take, in order of time."""
        return tuple(cut for cut in self.cuts if cut.take == take)


def span(offset_seconds: float, frames: int, rate: Fraction, samples: int, sample_rate: int) -> tuple[int, int, int]:
    """Return which of a take's frames a file covers whole, and its sample at the first: (at, frames, start).

    `offset_seconds` is where in the file the take's first frame lies. No frames where the file covers none.
    """
    begin = round(Fraction(offset_seconds) * sample_rate)
    a_frame = sample_rate / rate
    at = max(0, ceil(-begin / a_frame))
    end = min(frames, floor((samples - begin + _HALF_SAMPLE) / a_frame))
    return at, max(end - at, 0), round(begin + at * a_frame)


def lanes(takes: Sequence[Sequence[SoundCut]]) -> tuple[Lane, ...]:
    """Return as few lanes as hold every channel of every cut, none over another of the same take."""
    laid: list[list[LaneCut]] = []
    for number, cuts in enumerate(takes):
        ends = [0] * len(laid)
        for cut in sorted(cuts, key=lambda cut: cut.at):
            for channel in range(1, len(cut.file.tracks) + 1):
                lane = next((lane for lane, end in enumerate(ends) if end <= cut.at), len(ends))
                if lane == len(ends):
                    laid.append([])
                    ends.append(0)
                laid[lane].append(LaneCut(number, cut, channel))
                ends[lane] = cut.at + cut.frames
    return tuple(Lane(_common([one.cut.name(one.channel) for one in cuts]), tuple(cuts)) for cuts in laid)


def _common(names: Sequence[str]) -> str:
    return names[0] if len(set(names)) == 1 else ""
