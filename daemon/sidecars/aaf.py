"""AAF: a stringout as Avid opens it: a sequence, a master clip a take, its movie, and the tape it came from.

Chain of each take: composition -> master mob -> file source mob (the proxy) -> tape source mob (the reel). A tape
counts from 00:00:00:00, so that a take's place on it is its start timecode. Production sound has chains of its own:
composition -> master mob of the cut -> file source mob (the sound file) -> tape source mob (the sound roll), all but
the first counted in samples, so that a cut on a frame begins in its file on the sample that was found. Every mob's id
is made of what the mob is: the same delivery names the same mobs again, a new revision is another movie on the same
tape.
Source: AAF Edit Protocol, 2005; pyaaf2 writes the container.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import Any

import aaf2
from aaf2.auid import AUID
from aaf2.mobid import MobID

from daemon import __version__
from daemon.sidecars.lanes import Lane, SoundCut, SoundFile
from daemon.sidecars.stringout import Stringout, StringoutClip, stable_id
from engines.media.timecode import frames_a_day, label_rate

_DAYS = 2
"""Length of a tape: a take that crosses midnight ends on its second day."""
_DAY_SECONDS = 86_400


def compose(stringout: Stringout, written_at: datetime) -> bytes:
    """Return the stringout as `.aaf`; the sound of a take is as many tracks as it has channels."""
    with _opened(written_at) as file:
        _Writer(file, stringout, written_at).write()
        file.save()
        file.manager.remove_temp()
        file.cfb.close()
        return bytes(file.f.getvalue())


@contextmanager
def _opened(written_at: datetime) -> Iterator[Any]:
    """Give a new file in memory that says who wrote it, and when."""
    file: Any = aaf2.open(None, "w")
    identification = file.header["IdentificationList"].value[0]
    identification["ProductName"].value = "nearset"
    identification["CompanyName"].value = "nearset"
    identification["ProductVersionString"].value = __version__
    identification["ProductID"].value = AUID(stable_id("product"))
    identification["GenerationAUID"].value = AUID(stable_id("generation", written_at.isoformat()))
    identification["Date"].value = file.header["LastModified"].value = written_at
    try:
        yield file
    finally:
        file.f.close()


class _Writer:
    """Writes one stringout into an open file; a tape is made once for each reel."""

    def __init__(self, file: Any, stringout: Stringout, written_at: datetime) -> None:
        self._file, self._stringout, self._written_at = file, stringout, written_at
        self._lanes = stringout.lanes
        self._tapes: dict[tuple[str, bool], Any] = {}
        self._files: dict[SoundFile, Any] = {}
        self._rolls: dict[tuple[str, int, Fraction, bool], Any] = {}
        self._cuts: dict[tuple[int, SoundCut], Any] = {}

    def write(self) -> None:
        """Write the sequence and all that it leads to."""
        takes = [(clip, self._master(clip)) for clip in self._stringout.clips]
        digests = (clip.xxh128 for clip in self._stringout.clips)
        sequence = self._mob("CompositionMob", self._stringout.name, "sequence", self._stringout.name, *digests)
        sequence.usage = "Usage_TopLevel"
        counting = self._stringout.rate, self._stringout.drop_frame
        self._timecode(sequence, self._after, counting, self._stringout.start.frame, self._stringout.frames)
        for track in range(self._stringout.channels + 1):
            slot = self._slot(sequence, track, self._file.create.Sequence(media_kind=_kind(track)))
            slot.segment["Components"].value = [self._placed(clip, master, track) for clip, master in takes]
            slot.segment.length = self._stringout.frames
        for number, lane in enumerate(self._lanes):
            track = self._stringout.channels + number + 1
            slot = self._slot(sequence, track, self._file.create.Sequence(media_kind=_kind(track)))
            slot.name = self._stringout.lane_name(number, lane)
            slot.segment["Components"].value = list(self._sounding(lane))
            slot.segment.length = self._stringout.frames

    @property
    def _after(self) -> int:
        """The track behind all others, where timecode is."""
        return self._stringout.channels + len(self._lanes) + 1

    def _sounding(self, lane: Lane) -> Iterator[Any]:
        """Yield what is on a lane: cuts of production sound, and filler where there is none."""
        for number, clip in enumerate(self._stringout.clips):
            at = 0
            for one in lane.under(number):
                yield from self._filler(one.cut.at - at)
                master = self._cut(number, one.cut)
                yield master.create_source_clip(_slot_id(one.channel), 0, one.cut.frames, _kind(one.channel))
                at = one.cut.at + one.cut.frames
            yield from self._filler(clip.frames - at)

    def _filler(self, frames: int) -> Iterator[Any]:
        if frames:
            yield self._file.create.Filler(media_kind="sound", length=frames)

    def _placed(self, clip: StringoutClip, master: Any, track: int) -> Any:
        """Return a take on a track of the sequence; where it has no such channel, filler of its length."""
        if track > clip.channels:
            return self._file.create.Filler(media_kind=_kind(track), length=clip.frames)
        return master.create_source_clip(_slot_id(track), 0, clip.frames, _kind(track))

    def _master(self, clip: StringoutClip) -> Any:
        movie = self._movie(clip)
        master = self._mob("MasterMob", clip.name, "master", clip.roll, clip.file_name, clip.xxh128)
        for track in range(clip.channels + 1):
            self._slot(master, track, movie.create_source_clip(_slot_id(track), 0, clip.frames, _kind(track)))
        grade = (("ASC_SOP", clip.asc_sop), ("ASC_SAT", clip.asc_sat))
        for key, value in (("Camroll", clip.roll), *grade, *clip.notes):
            if value:
                master.comments[key] = value
        return master

    def _movie(self, clip: StringoutClip) -> Any:
        tape = self._tape(clip)
        movie = self._mob("SourceMob", clip.file_name, "movie", clip.roll, clip.file_name, clip.xxh128)
        movie.descriptor = self._descriptor(clip)
        locator = self._file.create.NetworkLocator()
        locator["URLString"].value = clip.url
        movie.descriptor["Locator"].append(locator)
        for track in range(clip.channels + 1):
            on_tape = tape.create_source_clip(_slot_id(track), clip.start_frame, clip.frames, _kind(track))
            self._slot(movie, track, on_tape)
        return movie

    def _descriptor(self, clip: StringoutClip) -> Any:
        picture = self._file.create.CDCIDescriptor()
        self._measure(picture, clip)
        picture["StoredWidth"].value, picture["StoredHeight"].value = clip.width, clip.height
        shape = clip.pixel_aspect * clip.width / clip.height
        picture["ImageAspectRatio"].value = f"{shape.numerator}/{shape.denominator}"
        picture["FrameLayout"].value = "MixedFields" if clip.interlaced else "FullFrame"
        picture["VideoLineMap"].value = [0, 0]
        picture["ComponentWidth"].value, picture["HorizontalSubsampling"].value = 8, 2
        if not clip.sound:
            return picture
        whole = self._file.create.MultipleDescriptor()
        self._measure(whole, clip)
        whole["FileDescriptors"].value = [picture, *(self._sound(track) for track in clip.sound)]
        return whole

    def _measure(self, descriptor: Any, clip: StringoutClip) -> None:
        descriptor["SampleRate"].value = _text(self._stringout.rate)
        descriptor["Length"].value = clip.frames

    def _sound(self, track: Any) -> Any:
        return self._pcm(track.sample_rate, track.channels, track.bits, track.samples)

    def _pcm(self, sample_rate: int, channels: int, bits: int, samples: int) -> Any:
        sound = self._file.create.PCMDescriptor()
        width = (bits + 7) // 8 * channels
        sound["SampleRate"].value = sound["AudioSamplingRate"].value = sample_rate
        sound["Channels"].value, sound["QuantizationBits"].value = channels, bits
        sound["BlockAlign"].value, sound["AverageBPS"].value = width, width * sample_rate
        sound["Length"].value = samples
        return sound

    def _tape(self, clip: StringoutClip) -> Any:
        """Return the tape of a reel, with room for every take of the stringout that lies on it."""
        key = clip.reel, clip.drop_frame
        if key in self._tapes:
            return self._tapes[key]
        most = max(one.channels for one in self._stringout.clips if (one.reel, one.drop_frame) == key)
        words = (self._stringout.production, clip.reel, str(self._stringout.rate), str(clip.drop_frame), str(most))
        tape = self._mob("SourceMob", clip.reel, "tape", *words)
        tape.descriptor = self._file.create.TapeDescriptor()
        length = _DAYS * frames_a_day(self._stringout.rate, drop=clip.drop_frame)
        for track in range(most + 1):
            end = self._file.create.SourceClip(media_kind=_kind(track))
            end.length = length
            self._slot(tape, track, end)
        self._timecode(tape, most + 1, (self._stringout.rate, clip.drop_frame), 0, length)
        self._tapes[key] = tape
        return tape

    def _cut(self, take: int, cut: SoundCut) -> Any:
        """Return the master mob of a sound file under a take; its first sample is the one at the cut's first frame."""
        if (take, cut) in self._cuts:
            return self._cuts[take, cut]
        clip, file = self._stringout.clips[take], cut.file
        words = ("cut", clip.roll, clip.file_name, clip.xxh128, file.path.rpartition("/")[2], file.xxh128)
        master = self._mob("MasterMob", file.name, *words, str(cut.start), str(cut.frames))
        length = ceil(cut.samples(self._stringout.rate))
        for channel in range(1, len(file.tracks) + 1):
            source = self._sound_file(file).create_source_clip(_slot_id(channel), cut.start, length, "sound")
            self._slot(master, channel, source, Fraction(file.sample_rate)).name = cut.name(channel) or f"A{channel}"
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
        roll, rate = self._sound_roll(file), Fraction(file.sample_rate)
        mob = self._mob("SourceMob", file.file_name, "sound", file.file_name, file.xxh128)
        mob.descriptor = self._pcm(file.sample_rate, len(file.tracks), file.bits, file.samples)
        locator = self._file.create.NetworkLocator()
        locator["URLString"].value = file.url
        mob.descriptor["Locator"].append(locator)
        for channel, name in enumerate(file.tracks, 1):
            on_roll = roll.create_source_clip(_slot_id(1), file.start_samples, file.samples, "sound")
            self._slot(mob, channel, on_roll, rate).name = name or f"A{channel}"
        self._files[file] = mob
        return mob

    def _sound_roll(self, file: SoundFile) -> Any:
        """Return the tape of a sound roll, counted from midnight; all its files lie on its one track."""
        key = (file.tape, file.sample_rate, file.timecode_rate, file.drop_frame)
        if key in self._rolls:
            return self._rolls[key]
        tape = self._mob("SourceMob", file.tape, "sound roll", self._stringout.production, *map(str, key))
        tape.descriptor = self._file.create.TapeDescriptor()
        end = self._file.create.SourceClip(media_kind="sound")
        end.length = _DAYS * _DAY_SECONDS * file.sample_rate
        self._slot(tape, 1, end, Fraction(file.sample_rate))
        length = _DAYS * frames_a_day(file.timecode_rate, drop=file.drop_frame)
        self._timecode(tape, 2, (file.timecode_rate, file.drop_frame), 0, length)
        self._rolls[key] = tape
        return tape

    def _mob(self, kind: str, name: str, *words: str) -> Any:
        mob = getattr(self._file.create, kind)(name)
        identity = MobID.new()
        identity.material = stable_id(*words)
        mob.mob_id = identity
        mob["CreationTime"].value = mob["LastModified"].value = self._written_at
        self._file.content.mobs.append(mob)
        return mob

    def _slot(self, mob: Any, track: int, segment: Any, rate: Fraction | None = None) -> Any:
        """Return a mob's new slot for a track, 0 the picture, then the channels; it counts frames, or at a rate."""
        slot = mob.create_timeline_slot(_text(rate or self._stringout.rate), _slot_id(track))
        slot.segment = segment
        slot.name = f"A{track}" if track else "V1"
        slot["PhysicalTrackNumber"].value = track or 1
        return slot

    def _timecode(self, mob: Any, track: int, counting: tuple[Fraction, bool], start: int, length: int) -> None:
        """Give a mob timecode of a rate, dropping frames or not, behind its other tracks."""
        rate, drop = counting
        slot = mob.create_timeline_slot(_text(rate), _slot_id(track))
        slot.segment = self._file.create.Timecode(label_rate(rate), drop=drop, length=length)
        slot.segment.start = start
        slot.name = "TC1"
        slot["PhysicalTrackNumber"].value = 1


def _text(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"


def _slot_id(track: int) -> int:
    return track + 1


def _kind(track: int) -> str:
    return "sound" if track else "picture"
