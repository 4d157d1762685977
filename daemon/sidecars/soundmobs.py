"""Production sound in an AAF: chains of their own, beside those of the takes.

Composition -> master mob of a cut -> file source mob (the sound file) -> tape source mob (the sound roll), all but the
first counted in samples, so that a cut on a frame begins in its file on the sample that was found. A sound roll counts
from midnight, so that a file's place on it is its time reference.
Source: AAF Edit Protocol, 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import ceil
from typing import Any

from daemon.sidecars.lanes import Lane, SoundCut, SoundFile
from daemon.sidecars.stringout import Stringout
from engines.media.timecode import frames_a_day, label_rate

_DAY_SECONDS = 86_400
_DAYS = 2
"""Length of a sound roll: what crosses midnight ends on its second day."""
_TIMECODE_SLOT = 1000
"""Behind the channels of any file."""


class SoundMobs:
    """Writes the production sound of a stringout into an open AAF; `mob` makes a mob of a kind, a name and words."""

    def __init__(self, file: Any, stringout: Stringout, mob: Callable[..., Any]) -> None:
        self._file, self._stringout, self._mob = file, stringout, mob
        self._cuts: dict[tuple[int, SoundCut], Any] = {}
        self._files: dict[SoundFile, Any] = {}
        self._rolls: dict[tuple[str, int, Fraction, bool], Any] = {}

    def lay(self, sequence: Any, first_slot: int) -> None:
        """Give a sequence a track for each lane, in slots from `first_slot` on."""
        for number, lane in enumerate(self._stringout.lanes):
            segment = self._file.create.Sequence(media_kind="sound")
            slot = self._slot(sequence, first_slot + number, segment, self._stringout.rate)
            slot.name = self._stringout.lane_name(number, lane)
            slot["PhysicalTrackNumber"].value = self._stringout.channels + number + 1
            segment["Components"].value = list(self._components(lane))
            segment.length = self._stringout.frames

    def _components(self, lane: Lane) -> Iterator[Any]:
        """Yield what is on a lane: cuts, and filler where there is none."""
        for number, clip in enumerate(self._stringout.clips):
            at = 0
            for one in lane.under(number):
                yield from self._filler(one.cut.at - at)
                yield self._cut(number, one.cut).create_source_clip(one.channel, 0, one.cut.frames, "sound")
                at = one.cut.at + one.cut.frames
            yield from self._filler(clip.frames - at)

    def _filler(self, frames: int) -> Iterator[Any]:
        if frames:
            yield self._file.create.Filler(media_kind="sound", length=frames)

    def _cut(self, take: int, cut: SoundCut) -> Any:
        """Return the master mob of a sound file under a take; its first sample is the one at the cut's first frame."""
        if (take, cut) in self._cuts:
            return self._cuts[take, cut]
        clip, file = self._stringout.clips[take], cut.file
        words = ("cut", clip.roll, clip.file_name, clip.xxh128, file.file_name, file.xxh128)
        master = self._mob("MasterMob", file.name, *words, str(cut.start), str(cut.frames))
        length = ceil(cut.samples(self._stringout.rate))
        for channel in range(1, len(file.tracks) + 1):
            source = self._sound_file(file).create_source_clip(channel, cut.start, length, "sound")
            self._channel(master, file, channel, source)
        told = (("Sound TC", cut.timecode), ("Sound Roll", file.tape), ("Picture", clip.name), *file.notes, *cut.notes)
        for key, value in told:
            if value != "":
                master.comments[key] = str(value)
        self._cuts[take, cut] = master
        return master

    def _sound_file(self, file: SoundFile) -> Any:
        """Return the source mob of a sound file, made once however many takes lie in it."""
        if file in self._files:
            return self._files[file]
        mob = self._mob("SourceMob", file.file_name, "sound", file.file_name, file.xxh128)
        mob.descriptor = self._descriptor(file)
        for channel in range(1, len(file.tracks) + 1):
            on_roll = self._roll(file).create_source_clip(1, file.start_samples, file.samples, "sound")
            self._channel(mob, file, channel, on_roll)
        self._files[file] = mob
        return mob

    def _descriptor(self, file: SoundFile) -> Any:
        sound = self._file.create.PCMDescriptor()
        width = (file.bits + 7) // 8 * len(file.tracks)
        sound["SampleRate"].value = sound["AudioSamplingRate"].value = file.sample_rate
        sound["Channels"].value, sound["QuantizationBits"].value = len(file.tracks), file.bits
        sound["BlockAlign"].value, sound["AverageBPS"].value = width, width * file.sample_rate
        sound["Length"].value = file.samples
        locator = self._file.create.NetworkLocator()
        locator["URLString"].value = file.url
        sound["Locator"].append(locator)
        return sound

    def _roll(self, file: SoundFile) -> Any:
        """Return the tape of a sound roll; all its files lie on its one track."""
        key = (file.tape, file.sample_rate, file.timecode_rate, file.drop_frame)
        if key in self._rolls:
            return self._rolls[key]
        tape = self._mob("SourceMob", file.tape, "sound roll", self._stringout.production, *map(str, key))
        tape.descriptor = self._file.create.TapeDescriptor()
        end = self._file.create.SourceClip(media_kind="sound")
        end.length = _DAYS * _DAY_SECONDS * file.sample_rate
        self._slot(tape, 1, end, Fraction(file.sample_rate))
        length = _DAYS * frames_a_day(file.timecode_rate, drop=file.drop_frame)
        counting = self._file.create.Timecode(label_rate(file.timecode_rate), drop=file.drop_frame, length=length)
        counting.start = 0
        self._slot(tape, _TIMECODE_SLOT, counting, file.timecode_rate).name = "TC1"
        self._rolls[key] = tape
        return tape

    def _channel(self, mob: Any, file: SoundFile, channel: int, segment: Any) -> None:
        slot = self._slot(mob, channel, segment, Fraction(file.sample_rate))
        slot.name = file.tracks[channel - 1] or f"A{channel}"
        slot["PhysicalTrackNumber"].value = channel

    def _slot(self, mob: Any, number: int, segment: Any, rate: Fraction) -> Any:
        slot = mob.create_timeline_slot(f"{rate.numerator}/{rate.denominator}", number)
        slot.segment = segment
        slot["PhysicalTrackNumber"].value = 1
        return slot
