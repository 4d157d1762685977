"""The nouns of production sound: a recording, where a clip lies in it, and the rules of their time.

Pure data and arithmetic. Sound is matched by `engines/sound`; what its files say is read by `sidecars/bext.py` and
`sidecars/ixml.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from daemon.sidecars.bext import Bext
from daemon.sidecars.ixml import Ixml
from engines.media.essence import Essence
from engines.media.timecode import Timecode, frames_a_day, label_rate, may_drop

DAY_SECONDS = 86_400
MIX_RATE, MIX_BITS = 48_000, 24
"""Samples a second of every guide mix, and bits of each."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One sound file as it says and as it is.

    `start_samples` counts from midnight at `timestamp_rate`, None where nothing to be trusted says it. `tracks` are
    names, one a channel, empty where unknown. `notes` are what a person should know of it.
    """

    channels: int
    sample_rate: int
    bits: int
    is_float: bool
    frames: int
    tracks: tuple[str, ...]
    scene: str = ""
    take: str = ""
    tape: str = ""
    note: str = ""
    circled: bool = False
    location: str = ""
    family: str = ""
    start_samples: int | None = None
    timestamp_rate: int = 48_000
    timecode_rate: Fraction | None = None
    drop_frame: bool = False
    created: str = ""
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length as the file's own sample rate has it."""
        return self.frames / self.sample_rate

    @property
    def start_seconds(self) -> Fraction | None:
        """Seconds since midnight of the first sample, None where unknown."""
        return None if self.start_samples is None else Fraction(self.start_samples, self.timestamp_rate)

    def timecode(self, rate: Fraction, offset_seconds: float = 0.0) -> Timecode | None:
        """Return the timecode of a moment of it, at the file's own rate or else at `rate`; None where it has none."""
        start = self.start_seconds
        if start is None:
            return None
        own = self.timecode_rate or rate
        frame = round((start + Fraction(offset_seconds)) * own)
        return Timecode(frame % frames_a_day(own, drop=False), own, self.drop_frame and may_drop(own))


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a clip lies in a sound file.

    `offset_seconds` is where in the file the clip's first frame lies, `drift_ppm` how much faster the recorder's clock
    runs than the camera's. `by` is `timecode and waveform`, `waveform`, or `timecode`. `timecode_off_seconds` is how
    far its timecode was from what was heard, None where either has none. `claps_agree` is None where no clap was heard.
    """

    recording: int
    offset_seconds: float
    drift_ppm: float
    strength: float
    confidence: float
    by: str
    timecode_off_seconds: float | None
    claps_agree: bool | None


@dataclass(frozen=True, slots=True)
class Waveform:
    """Peaks, 0 to 1, in equal steps over a clip: of the camera's sound and of what was found for it."""

    camera: tuple[float, ...]
    sound: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of looking for a clip: accepted pairs in order of time, or why none was and what tore it."""

    pairs: tuple[Pair, ...]
    held: str
    rivals: tuple[Pair, ...]
    waveform: Waveform | None


@dataclass(frozen=True, slots=True)
class TakeFile:
    """One of a take's sound files: its path in the roll, its bytes' xxh128, and what it says of itself."""

    name: str
    path: str
    xxh128: str
    recording: Recording


@dataclass(frozen=True, slots=True)
class PlacedSound:
    """A pair as it is handed over: the take's roll and all its files, of which the one of `name` stands for it."""

    pair: Pair
    name: str
    roll: str
    recording: Recording
    files: tuple[TakeFile, ...]

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of the channels of all its files, empty where unknown."""
        return tuple(name for file in self.files for name in file.recording.tracks)


@dataclass(frozen=True, slots=True)
class ClipSound:
    """Production sound of a clip as it is handed over."""

    placed: tuple[PlacedSound, ...]
    held: str
    rivals: tuple[PlacedSound, ...]
    waveform: Waveform | None


def recording_of(wave: tuple[int, int, int, bool, int], bext: Bext | None, ixml: Ixml | None) -> Recording:
    """Return a recording of what its `fmt` has (channels, rate, bits, float, frames) and of what is said beside it.

    The samples themselves are right where words contradict them. Two words about time that contradict each other are
    both not believed: the file is then found by ear.
    """
    channels, rate, bits, is_float, frames = wave
    words, notes = ixml or Ixml(), list[str]()
    if words.tracks and max(number for number, _ in words.tracks) > channels:
        notes.append(f"iXML names {len(words.tracks)} tracks, and {channels} are there")
    names = dict(words.tracks)
    start, timestamp = _start(rate, bext, words, notes)
    bext = bext or Bext()
    return Recording(
        channels=channels,
        sample_rate=rate,
        bits=bits,
        is_float=is_float,
        frames=frames,
        tracks=tuple(names.get(number, "") for number in range(1, channels + 1)),
        scene=words.scene or bext.word("SCENE"),
        take=words.take or bext.word("TAKE"),
        tape=words.tape or bext.word("TAPE"),
        note=words.note or bext.word("NOTE"),
        circled=words.circled,
        location=words.location,
        family=words.family,
        start_samples=start,
        timestamp_rate=timestamp,
        timecode_rate=words.timecode_rate,
        drop_frame=words.drop_frame,
        created=f"{bext.date}T{bext.time}" if bext.date and bext.time else "",
        notes=tuple(notes),
    )


def _start(rate: int, bext: Bext | None, words: Ixml, notes: list[str]) -> tuple[int | None, int]:
    """Return samples since midnight and the rate that they are counted at; None where nothing can be believed."""
    told = words.file_rate
    if told and not _alike(told, rate):
        notes.append(f"iXML says {told} Hz, and the samples are of {rate} Hz: its timecode is not believed")
        return None, rate
    timestamp = words.timestamp_rate or rate
    if not _alike(timestamp, rate):
        notes.append(
            f"iXML counts time at {timestamp} Hz, and the samples are of {rate} Hz: its timecode is not believed"
        )
        return None, rate
    if bext is None and words.time_reference is None:
        notes.append("it has no timecode: no bext, and no time in iXML")
        return None, rate
    start = bext.time_reference if bext else words.time_reference
    if bext and words.time_reference is not None and words.time_reference != bext.time_reference:
        notes.append(
            f"bext says that it begins {bext.time_reference} samples after midnight, iXML {words.time_reference}: "
            "neither is believed"
        )
        return None, rate
    assert start is not None
    if start >= DAY_SECONDS * timestamp * 2:
        notes.append(f"it says that it begins {start} samples after midnight, more than a day: not believed")
        return None, rate
    return start, timestamp


def _alike(one: int, other: int) -> bool:
    """Return whether two sample rates are one, but for pull-up or pull-down by 1.001."""
    return abs(one - other) * 999 <= other


def told_offset(recording: Recording, essence: Essence) -> float | None:
    """Return where in a sound file a clip's first frame lies by their timecodes, in seconds; None where one has none.

    Where both count real time this is their difference. Where one is of 24 and the other of 23.976 frames (or 30 and
    29.97), they agree in labels, not in seconds, so labels are subtracted.
    """
    start = recording.start_seconds
    if start is None or essence.timecode_source in {"zero", "time_of_day"}:
        return None
    camera = Fraction(essence.start_frame) / essence.rate
    own = recording.timecode_rate
    if own and own != essence.rate and label_rate(own) == label_rate(essence.rate):
        camera = Fraction(essence.start_frame) / own
    seconds = float(camera - start)
    half = DAY_SECONDS / 2
    return (seconds + half) % DAY_SECONDS - half


def speeds(recording: Recording, essence: Essence) -> tuple[float, ...]:
    """Return how fast a recording may have to run beside a clip: as it is, and by 1.001 where their rates part so."""
    own = recording.timecode_rate
    if own and own != essence.rate and label_rate(own) == label_rate(essence.rate):
        return (1.0, float(own / essence.rate), float(essence.rate / own))
    return (1.0,)
