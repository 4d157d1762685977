"""AAF: a stringout as Avid opens it: a sequence, a master clip a take, its movie, and the tape it came from.

Chain of each take: composition -> master mob -> file source mob (the proxy) -> tape source mob (the reel). A tape
counts from 00:00:00:00, so that a take's place on it is its start timecode. Where the media is MXF, mobs have the ids
that its packages have, so that Avid finds the media by them. Every other mob's id is made of what the mob is: the same
delivery names the same mobs again, a new revision is another movie on the same tape.
Source: AAF Edit Protocol, 2005; pyaaf2 writes the container.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import aaf2
from aaf2.auid import AUID
from aaf2.mobid import MobID

from daemon import __version__
from daemon.sidecars.soundmobs import SoundMobs
from daemon.sidecars.stringout import Stringout, StringoutClip, stable_id
from engines.media.timecode import frames_a_day

_TIMECODE_SLOT = 1
_DAYS = 2
"""Length of a tape: a take that crosses midnight ends on its second day."""


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
        self._rate = f"{stringout.rate.numerator}/{stringout.rate.denominator}"
        self._tapes: dict[tuple[str, bool, str], Any] = {}

    def write(self) -> None:
        """Write the sequence and all that it leads to."""
        takes = [(clip, self._master(clip)) for clip in self._stringout.clips]
        digests = (clip.xxh128 for clip in self._stringout.clips)
        sequence = self._mob("CompositionMob", self._stringout.name, "sequence", self._stringout.name, *digests)
        sequence.usage = "Usage_TopLevel"
        self._timecode(sequence, self._stringout.start.frame, self._stringout.frames, self._stringout.drop_frame)
        for track in range(self._stringout.channels + 1):
            slot = self._slot(sequence, track, self._file.create.Sequence(media_kind=_kind(track)))
            slot.segment["Components"].value = [self._placed(clip, master, track) for clip, master in takes]
            slot.segment.length = self._stringout.frames
        sounds = SoundMobs(self._file, self._stringout, self._mob)
        sounds.lay(sequence, first_slot=_slot_id(self._stringout.channels + 1))

    def _placed(self, clip: StringoutClip, master: Any, track: int) -> Any:
        """Return a take on a track of the sequence; where it has no such channel, filler of its length."""
        if track > clip.channels:
            return self._file.create.Filler(media_kind=_kind(track), length=clip.frames)
        return master.create_source_clip(_slot_id(track), 0, clip.frames, _kind(track))

    def _master(self, clip: StringoutClip) -> Any:
        umid = clip.mobs.material if clip.mobs else ""
        master = self._mob("MasterMob", clip.name, "master", clip.roll, clip.file_name, clip.xxh128, umid=umid)
        for track, (movie, slot) in enumerate(self._movies(clip)):
            self._slot(master, track, movie.create_source_clip(slot, 0, clip.frames, _kind(track)))
        if clip.mobs:
            self._timecode(master, clip.start_frame, clip.frames, clip.drop_frame)
        grade = (("ASC_SOP", clip.asc_sop), ("ASC_SAT", clip.asc_sat))
        for key, value in (("Camroll", clip.roll), *grade, *clip.notes):
            if value:
                master.comments[key] = value
        return master

    def _movies(self, clip: StringoutClip) -> list[tuple[Any, int]]:
        """Return for each track its file's mob, and which slot of that it is: one file for all, or one for each."""
        if not (clip.mobs and clip.sound_paths):
            movie = self._movie(clip, clip.path, self._descriptor(clip), range(clip.channels + 1))
            return [(movie, _slot_id(track)) for track in range(clip.channels + 1)]
        movies = []
        for track, path in enumerate((clip.path, *clip.sound_paths)):
            descriptor = self._sound(clip.sound[track - 1]) if track else self._picture(clip)
            movie = self._movie(clip, path, descriptor, [track])
            movies.append((movie, _slot_id(0)))
        return movies

    def _movie(self, clip: StringoutClip, path: str, descriptor: Any, tracks: Sequence[int]) -> Any:
        """Return the mob of a file that holds tracks of a take, numbered from the first slot on."""
        tape = self._tape(clip)
        umid = clip.mobs.files[tracks[0]] if clip.mobs else ""
        name = path.rpartition("/")[2]
        movie = self._mob("SourceMob", name, "movie", clip.roll, name, clip.xxh128, umid=umid)
        movie.descriptor = descriptor
        locator = self._file.create.NetworkLocator()
        locator["URLString"].value = quote(path)
        movie.descriptor["Locator"].append(locator)
        for place, track in enumerate(tracks):
            on_tape = tape.create_source_clip(_slot_id(track), clip.start_frame, clip.frames, _kind(track))
            self._slot(movie, track, on_tape, _slot_id(place))
        return movie

    def _picture(self, clip: StringoutClip) -> Any:
        picture = self._file.create.CDCIDescriptor()
        self._measure(picture, clip)
        picture["StoredWidth"].value, picture["StoredHeight"].value = clip.width, clip.height
        shape = clip.pixel_aspect * clip.width / clip.height
        picture["ImageAspectRatio"].value = f"{shape.numerator}/{shape.denominator}"
        picture["FrameLayout"].value = "MixedFields" if clip.interlaced else "FullFrame"
        picture["VideoLineMap"].value = [0, 0]
        picture["ComponentWidth"].value, picture["HorizontalSubsampling"].value = 8, 2
        return picture

    def _descriptor(self, clip: StringoutClip) -> Any:
        """Return what a file that holds picture and sound is."""
        picture = self._picture(clip)
        if not clip.sound:
            return picture
        whole = self._file.create.MultipleDescriptor()
        self._measure(whole, clip)
        whole["FileDescriptors"].value = [picture, *(self._sound(track) for track in clip.sound)]
        return whole

    def _measure(self, descriptor: Any, clip: StringoutClip) -> None:
        descriptor["SampleRate"].value = self._rate
        descriptor["Length"].value = clip.frames

    def _sound(self, track: Any) -> Any:
        sound = self._file.create.PCMDescriptor()
        width = (track.bits + 7) // 8 * track.channels
        sound["SampleRate"].value = sound["AudioSamplingRate"].value = track.sample_rate
        sound["Channels"].value, sound["QuantizationBits"].value = track.channels, track.bits
        sound["BlockAlign"].value, sound["AverageBPS"].value = width, width * track.sample_rate
        sound["Length"].value = track.samples
        return sound

    def _tape(self, clip: StringoutClip) -> Any:
        """Return the tape of a reel, with room for every take of the stringout that lies on it."""
        key = clip.reel, clip.drop_frame, clip.mobs.tape if clip.mobs else ""
        if key in self._tapes:
            return self._tapes[key]
        most = max(one.channels for one in self._stringout.clips if (one.reel, one.drop_frame) == key[:2])
        most = clip.mobs.tape_sounds if clip.mobs else most
        words = (self._stringout.production, clip.reel, str(self._stringout.rate), str(clip.drop_frame), str(most))
        tape = self._mob("SourceMob", clip.reel, "tape", *words, umid=clip.mobs.tape if clip.mobs else "")
        tape.descriptor = self._file.create.TapeDescriptor()
        length = _DAYS * frames_a_day(self._stringout.rate, drop=clip.drop_frame)
        for track in range(most + 1):
            end = self._file.create.SourceClip(media_kind=_kind(track))
            end.length = length
            self._slot(tape, track, end)
        self._timecode(tape, 0, length, clip.drop_frame)
        self._tapes[key] = tape
        return tape

    def _mob(self, kind: str, name: str, *words: str, umid: str = "") -> Any:
        """Return a new mob, its id the media's own where that has one, else made of words."""
        mob = getattr(self._file.create, kind)(name)
        identity = MobID.new()
        identity.material = stable_id(*words)
        mob.mob_id = _mob_id(umid) if umid else identity
        mob["CreationTime"].value = mob["LastModified"].value = self._written_at
        self._file.content.mobs.append(mob)
        return mob

    def _slot(self, mob: Any, track: int, segment: Any, slot_id: int = 0) -> Any:
        """Return a mob's new slot for a track: 0 the picture, from 1 on the channels."""
        slot = mob.create_timeline_slot(self._rate, slot_id or _slot_id(track))
        slot.segment = segment
        slot.name = f"A{track}" if track else "V1"
        slot["PhysicalTrackNumber"].value = track or 1
        return slot

    def _timecode(self, mob: Any, start: int, length: int, drop: bool) -> None:  # noqa: FBT001 - as the format has it
        slot = mob.create_timeline_slot(self._rate, _TIMECODE_SLOT)
        slot.segment = self._file.create.Timecode(self._stringout.label_rate, drop=drop, length=length)
        slot.segment.start = start
        slot.name = "TC1"
        slot["PhysicalTrackNumber"].value = 1


def _slot_id(track: int) -> int:
    """Return the slot of a track, as the packages of our MXF number it: behind the timecode's."""
    return _TIMECODE_SLOT + 1 + track


def _mob_id(umid: str) -> MobID:
    """Return a UMID as AAF holds it: the last sixteen bytes are a UUID in another order."""
    data = bytes.fromhex(umid)
    return MobID(f"{AUID(bytes_be=data[:16])}{AUID(bytes_be=data[16:])}")


def _kind(track: int) -> str:
    return "sound" if track else "picture"
