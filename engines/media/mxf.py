"""MXF as Avid groups it: the header metadata that libavformat wrote, told again with identities of ours.

libavformat gives each file its own material and tape package, and the same numbers to every file of reproducible
bytes. Told again, the files of one proxy have one material package that lists all its tracks, a file package each, and
one tape package a reel, which counts from midnight, so that a place on it is a timecode. Room for that is kept in front
of what libavformat writes, so that no essence is moved; partition packs and the random index are set to it at the end.
Source: SMPTE ST 377-1 (partitions, primer, packages), ST 390 (OP-Atom), ST 330 (UMID).
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO

from engines.errors import EncodeFailed
from engines.media.klv import (
    ASPECT_RATIO,
    CLIP,
    ESSENCE_DATA,
    KAG,
    MATERIAL,
    PRIMER,
    SEQUENCE,
    SET,
    SOURCE,
    STORAGE,
    TAPE,
    TIMECODE,
    TRACK,
    LocalSet,
    batch_of,
    field_of,
    klvs,
    local_sets,
    value_at,
)
from engines.media.story import TAPE_SOUNDS, Story
from engines.media.timecode import frames_a_day, label_rate

_FILL = bytes.fromhex("060e2b34010101020301021001000000")
_PICTURE, _SOUND, _TIMECODE = (bytes.fromhex(f"060e2b34040101010103020{kind}000000") for kind in ("201", "202", "101"))
_NO_UMID = bytes(32)
_TRACK_SETS_BYTES = 320
_DAYS = 2
"""Length of a tape: a take that crosses midnight ends on its second day."""
_NAMESPACE = uuid.UUID("0f8a3c52-3c62-5a0e-9d0b-5f6f2a1f6f1d")
_FIRST_TRACK = 2
"""Track number 1 is the timecode's in every package, 2 the picture's, 3 and on the sound's."""


class MxfFile:
    """A file that libavformat writes into, with room in front of it for a longer header."""

    def __init__(self, path: Path, sounds: int) -> None:
        tracks = 2 * sounds + TAPE_SOUNDS + 8
        self.room = -(-tracks * _TRACK_SETS_BYTES // KAG) * KAG
        self._file: IO[bytes] = path.open("w+b")
        self._file.seek(self.room)

    def write(self, data: bytes) -> int:
        """Write where libavformat stands."""
        return self._file.write(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to where libavformat says."""
        return self._file.seek(offset + (self.room if whence == io.SEEK_SET else 0), whence) - self.room

    def tell(self) -> int:
        """Return where libavformat stands."""
        return self._file.tell() - self.room

    def tell_again(self, story: Story) -> None:
        """Write the header anew, with the story's packages, and set the partitions to it.

        Raises:
            EncodeFailed: what libavformat wrote is not what it is known to write.
        """
        file, room = self._file, self.room
        file.seek(room)
        head = file.read(KAG)
        count = int.from_bytes(field_of(head, 32, 8), "big")
        body = _retold(file.read(count), story, count + room)
        places = _partitions(file, room)
        file.seek(0)
        file.write(head + body)
        for place in places:
            _set_partition(file, place, room)
        file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _partitions(file: IO[bytes], room: int) -> list[int]:
    """Return where partitions begin, the first at 0, and set the random index to the room in front."""
    end = file.seek(0, io.SEEK_END)
    file.seek(end - 4)
    length = int.from_bytes(file.read(4), "big")
    file.seek(end - length)
    pack = bytearray(file.read(length))
    places = [0]
    for at in range(value_at(pack, 0), length - 4, 12):
        place = int.from_bytes(pack[at + 4 : at + 12], "big")
        if place:
            places.append(place + room)
            pack[at + 4 : at + 12] = (place + room).to_bytes(8, "big")
    file.seek(end - length)
    file.write(pack)
    return places


def _set_partition(file: IO[bytes], place: int, room: int) -> None:
    """Move the places that a partition pack names, and the first one's length of its header, by the room in front."""
    file.seek(place)
    pack = bytearray(file.read(KAG))
    at = value_at(pack, 0) + 8
    for number in range(4):
        value = int.from_bytes(pack[at + 8 * number : at + 8 * number + 8], "big")
        if value:  # this partition, the one before, the footer; and the header's length, which only the first one has
            pack[at + 8 * number : at + 8 * number + 8] = (value + room).to_bytes(8, "big")
    file.seek(place)
    file.write(pack)


def _retold(data: bytes, story: Story, length: int) -> bytes:
    """Return header metadata of a length: the primer and descriptors that are there, the packages of the story."""
    sets = {one.instance: one for one in local_sets(data)}
    primer = next((value for key, value in klvs(data) if key == PRIMER), b"")
    (storage,) = [one for one in sets.values() if one.kind == STORAGE]
    packages = [sets[instance] for instance in batch_of(storage.values[0x1901])]
    tapes = [one for one in packages if one.kind == SOURCE and _is_tape(one, sets)]
    files = [one for one in packages if one.kind == SOURCE and one not in tapes]
    if len(packages) != 3 or len(tapes) != 1 or len(files) != 1 or not primer:  # noqa: PLR2004 - material, file, tape
        raise EncodeFailed(
            f"the packages of {story.clip_name} are not those that libavformat writes",
            why=f"{len(packages)} packages, {len(tapes)} of a tape",
            fix="report this: it is a fault of nearset; a preset in MOV works meanwhile",
        )
    for package in packages:
        if package not in files:
            _drop(package, sets)
    _adopt(files[0], sets, story)
    made = _Maker(story)
    material, tape = made.material(), made.tape()
    storage.values[0x1901] = _batch([material, files[0].instance, tape])
    for one in sets.values():
        if one.kind == ESSENCE_DATA:
            one.values[0x2701] = story.file_umid(story.own or 0)
        if ASPECT_RATIO in one.values:  # libavformat takes square pixels for granted
            one.values[ASPECT_RATIO] = _u32(story.shape.numerator) + _u32(story.shape.denominator)
        for tag in (0x3B02, 0x3C06, 0x4404, 0x4405):
            if tag in one.values:
                one.values[tag] = _timestamp(story.moment)
    packed = PRIMER + b"\x83" + len(primer).to_bytes(3, "big") + primer
    packed += b"".join(one.packed() for one in (*sets.values(), *made.sets))
    rest = length - len(packed) - 20
    if rest < 0:
        raise EncodeFailed(
            f"the packages of {story.clip_name} do not fit their file",
            why=f"{story.sounds} sound tracks need {-rest} bytes more than were kept for them",
            fix="report this: it is a fault of nearset; a preset in MOV works meanwhile",
        )
    return packed + _FILL + b"\x83" + rest.to_bytes(3, "big") + bytes(rest)


def _is_tape(package: LocalSet, sets: dict[bytes, LocalSet]) -> bool:
    descriptor = sets.get(package.values.get(0x4701, b""))
    return descriptor is not None and descriptor.kind == TAPE


def _drop(one: LocalSet, sets: dict[bytes, LocalSet]) -> None:
    """Take a set and all that it owns away."""
    for instance in one.refers_to():
        if instance in sets:
            _drop(sets[instance], sets)
    sets.pop(one.instance, None)


def _adopt(package: LocalSet, sets: dict[bytes, LocalSet], story: Story) -> None:
    """Give a file package its identity and lay its tracks on the tape."""
    package.values[0x4401] = story.file_umid(story.own or 0)
    for track in (sets[instance] for instance in batch_of(package.values[0x4403])):
        number = int.from_bytes(track.values[0x4801], "big")
        for clip in (sets[instance] for instance in batch_of(sets[track.values[0x4803]].values[0x1001])):
            if clip.kind == CLIP:
                clip.values[0x1201] = story.start_frame.to_bytes(8, "big")
                clip.values[0x1101] = story.tape_umid
                clip.values[0x1102] = _u32(number + (story.own or 0))


class _Maker:
    """Makes the sets of a material and a tape package."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self.sets: list[LocalSet] = []

    def material(self) -> bytes:
        """Make the material package of all tracks, and return its instance."""
        story = self._story
        tracks = [self._timecode(story.start_frame, story.frames)]
        for track in range(story.sounds + 1):
            source = _FIRST_TRACK + (track if story.own is None else 0)
            tracks.append(self._track(track, story.frames, story.file_umid(track), source))
        return self._package(MATERIAL, story.material_umid, story.clip_name, tracks)

    def tape(self) -> bytes:
        """Make the tape package, which counts from midnight, and return its instance."""
        story = self._story
        length = _DAYS * frames_a_day(story.rate, drop=story.drop_frame)
        tracks = [self._timecode(0, length)]
        tracks += [self._track(track, length, _NO_UMID, 0) for track in range(story.tape_sounds + 1)]
        descriptor = self._set(TAPE, {})
        return self._package(SOURCE, story.tape_umid, story.reel, tracks, {0x4701: descriptor})

    def _package(
        self, kind: int, umid: bytes, name: str, tracks: list[bytes], more: dict[int, bytes] | None = None
    ) -> bytes:
        moment = _timestamp(self._story.moment)
        text = name.encode("utf-16-be") + b"\0\0"
        values = {0x4401: umid, 0x4402: text, 0x4405: moment, 0x4404: moment, 0x4403: _batch(tracks)}
        return self._set(kind, values | (more or {}))

    def _track(self, track: int, length: int, umid: bytes, source: int) -> bytes:
        kind = _SOUND if track else _PICTURE
        clip = {0x0201: kind, 0x0202: _u64(length), 0x1201: _u64(0), 0x1101: umid, 0x1102: _u32(source)}
        return self._slot(_FIRST_TRACK + track, track or 1, kind, length, self._set(CLIP, clip))

    def _timecode(self, start: int, length: int) -> bytes:
        story = self._story
        values = {
            0x0201: _TIMECODE,
            0x0202: _u64(length),
            0x1501: _u64(start),
            0x1502: label_rate(story.rate).to_bytes(2, "big"),
            0x1503: bytes([story.drop_frame]),
        }
        return self._slot(1, 1, _TIMECODE, length, self._set(TIMECODE, values))

    def _slot(self, track_id: int, number: int, kind: bytes, length: int, segment: bytes) -> bytes:
        rate = self._story.rate
        sequence = self._set(SEQUENCE, {0x0201: kind, 0x0202: _u64(length), 0x1001: _batch([segment])})
        values = {
            0x4801: _u32(track_id),
            0x4804: _u32(number),
            0x4B01: _u32(rate.numerator) + _u32(rate.denominator),
            0x4B02: _u64(0),
            0x4803: sequence,
        }
        return self._set(TRACK, values)

    def _set(self, kind: int, values: dict[int, bytes]) -> bytes:
        instance = uuid.uuid5(_NAMESPACE, f"set {self._story.revision} {len(self.sets)}").bytes
        label = SET + bytes([1, kind, 0])
        self.sets.append(LocalSet(kind, label, {0x3C0A: instance, **values}))
        return instance


def _batch(instances: Iterable[bytes]) -> bytes:
    listed = list(instances)
    return _u32(len(listed)) + _u32(16) + b"".join(listed)


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _timestamp(moment: datetime) -> bytes:
    """Return a moment as MXF has it, to the second. Source: SMPTE ST 377-1, 4.3, Timestamp."""
    return moment.year.to_bytes(2, "big") + bytes(
        [moment.month, moment.day, moment.hour, moment.minute, moment.second, 0]
    )
