"""The packages of a written MXF proxy, read back from its files, and what keeps Avid from making one clip of them.

Source: SMPTE ST 377-1; what is looked for is our own reading of how Avid groups OP-Atom: by the material package's
UMID, and by the file packages that its tracks name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from engines.media.essence import Essence
from engines.media.klv import (
    ASPECT_RATIO,
    CLIP,
    KAG,
    MATERIAL,
    SOURCE,
    STORAGE,
    TAPE,
    LocalSet,
    batch_of,
    field_of,
    local_sets,
)
from engines.media.layout import tracks_of
from engines.media.proxy import ProxySpec
from engines.media.source import MediaFile, MediaFiles
from engines.media.story import shape_of

_PICTURE_TRACK = 2


@dataclass(frozen=True, slots=True)
class Clip:
    """A track's source clip: the track, its length in frames, and the package, track and frame that it leads to."""

    track: int
    length: int
    umid: bytes
    source_track: int
    start: int


@dataclass(frozen=True, slots=True)
class Packages:
    """What a file says: its material, file and tape package, UMIDs of 32 bytes, and the shape of its picture."""

    material: bytes
    name: str
    clips: tuple[Clip, ...]
    file: bytes
    on_tape: tuple[Clip, ...]
    tape: bytes
    reel: str
    shape: Fraction | None


def packages_of(file: MediaFile) -> Packages:
    """Return the packages of an MXF file's header; ValueError where they are not those that we write."""
    pack = os.pread(file.fd, KAG, 0)
    header = os.pread(file.fd, int.from_bytes(field_of(pack, 32, 8), "big"), KAG)
    sets = {one.instance: one for one in local_sets(header)}
    (storage,) = [one for one in sets.values() if one.kind == STORAGE]
    packages = [sets[instance] for instance in batch_of(storage.values[0x1901])]
    (material,) = [one for one in packages if one.kind == MATERIAL]
    (tape,) = [one for one in packages if one.kind == SOURCE and _described(one, sets) == TAPE]
    (own,) = [one for one in packages if one not in (material, tape)]
    return Packages(
        material=material.values[0x4401],
        name=_text(material),
        clips=tuple(_clips(material, sets)),
        file=own.values[0x4401],
        on_tape=tuple(_clips(own, sets)),
        tape=tape.values[0x4401],
        reel=_text(tape),
        shape=next((_ratio(one.values[ASPECT_RATIO]) for one in sets.values() if ASPECT_RATIO in one.values), None),
    )


def ungrouped(files: MediaFiles, essence: Essence, spec: ProxySpec) -> list[str]:
    """Return why Avid would not take the files of a proxy for one clip on its reel; nothing where it would."""
    try:
        found = [packages_of(file) for file in files]
    except (ValueError, KeyError, IndexError) as error:
        return [f"packages that cannot be read ({type(error).__name__}: {error})"]
    first = found[0]
    tracks = range(_PICTURE_TRACK, _PICTURE_TRACK + 1 + len(tracks_of(essence, spec)))
    wrong = []
    if len({one.material for one in found}) > 1 or len({one.clips for one in found}) > 1:
        wrong.append("more than one material package")
    if [clip.track for clip in first.clips] != [*tracks] or {clip.length for clip in first.clips} != {essence.frames}:
        wrong.append("a material package of other tracks or lengths")
    if [clip.umid for clip in first.clips] != [one.file for one in found] * (len(tracks) // len(found)):
        wrong.append("tracks that lead to other files")
    if len({one.tape for one in found}) > 1 or {one.reel for one in found} != {spec.reel}:
        wrong.append("another tape than the reel's")
    on_tape = [clip for one in found for clip in one.on_tape]
    if [clip.source_track for clip in on_tape] != [*tracks] or {clip.umid for clip in on_tape} != {first.tape}:
        wrong.append("tracks that do not lie on the tape's")
    if {clip.start for clip in on_tape} != {essence.start_frame}:
        wrong.append("another place on the tape than the timecode's")
    if first.shape != shape_of(essence, spec):
        wrong.append(f"a picture of {first.shape} and not {shape_of(essence, spec)}")
    return wrong


def _ratio(value: bytes) -> Fraction:
    return Fraction(int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big") or 1)


def _described(package: LocalSet, sets: dict[bytes, LocalSet]) -> int:
    return sets[package.values[0x4701]].kind


def _text(package: LocalSet) -> str:
    return package.values[0x4402].decode("utf-16-be").rstrip("\0")


def _clips(package: LocalSet, sets: dict[bytes, LocalSet]) -> Iterator[Clip]:
    for track in (sets[instance] for instance in batch_of(package.values[0x4403])):
        for clip in (sets[instance] for instance in batch_of(sets[track.values[0x4803]].values[0x1001])):
            if clip.kind == CLIP:
                yield Clip(
                    _number(track, 0x4801),
                    _number(clip, 0x0202),
                    clip.values[0x1101],
                    _number(clip, 0x1102),
                    _number(clip, 0x1201),
                )


def _number(one: LocalSet, tag: int) -> int:
    return int.from_bytes(one.values[tag], "big")
