"""The story of an MXF proxy: what its packages say, and the identities that others know them by. Pure data.

Source: SMPTE ST 330 (UMID), ST 377-1 (packages).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from engines.media.essence import Essence
from engines.media.layout import tracks_of
from engines.media.preset import Wrapper
from engines.media.proxy import ProxySpec, pixel_aspect

_UMID = bytes.fromhex("060a2b340101010501010d0013000000")
"""A UMID's label, with a material number of 16 bytes behind it that is a UUID. Source: SMPTE ST 330."""
TAPE_SOUNDS = 16
"""Sound tracks of every tape, so that one reel is one tape whatever its clips hold; more where a clip has more."""
_NAMESPACE = uuid.UUID("0f8a3c52-3c62-5a0e-9d0b-5f6f2a1f6f1d")
_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""What MXF says of the time of a recording whose time is not known: it must say some."""


@dataclass(frozen=True, slots=True)
class Story:
    """What the packages of a proxy say.

    `revision` and `tape` are words that stand for this rendering and what its reel is unique in: the same words, the
    same identities. `sounds` counts the proxy's sound tracks. `own` is the track that the file holds, 0 the picture;
    None for all of them. `shape` is the picture's width by height as shown.
    """

    clip_name: str
    reel: str
    revision: str
    tape: str
    rate: Fraction
    start_frame: int
    drop_frame: bool
    frames: int
    sounds: int
    own: int | None
    moment: datetime
    shape: Fraction

    @property
    def material_umid(self) -> bytes:
        """The proxy's: the same in all its files."""
        return _umid("material", self.revision)

    @property
    def tape_umid(self) -> bytes:
        """The reel's: the same in all proxies of its clips."""
        words = (self.reel, str(self.rate), str(self.drop_frame), str(self.tape_sounds))
        return _umid("tape", self.tape, *words)

    @property
    def tape_sounds(self) -> int:
        """Sound tracks of the tape."""
        return max(TAPE_SOUNDS, self.sounds)

    def file_umid(self, track: int) -> bytes:
        """The file's that holds a track."""
        return _umid("file", self.revision, "" if self.own is None else str(track))


def _umid(*words: str) -> bytes:
    return _UMID + uuid.uuid5(_NAMESPACE, "\n".join(words)).bytes


@dataclass(frozen=True, slots=True)
class Mobs:
    """The UMIDs of a proxy's packages as hex: its material, its tape of so many sound tracks, each track's file."""

    material: str
    tape: str
    tape_sounds: int
    files: tuple[str, ...]


def story_of(essence: Essence, spec: ProxySpec, revision: str, tape: str, own: int | None) -> Story:
    """Return the story of a proxy's file, or of all its files where they are one."""
    return Story(
        clip_name=spec.clip_name,
        reel=spec.reel,
        revision=f"{revision}\n{spec.preset}",
        tape=tape,
        rate=essence.rate,
        start_frame=essence.start_frame,
        drop_frame=essence.drop_frame,
        frames=essence.frames,
        sounds=len(tracks_of(essence, spec)),
        own=own,
        moment=_moment(essence.created),
        shape=shape_of(essence, spec),
    )


def shape_of(essence: Essence, spec: ProxySpec) -> Fraction:
    """Return the width by height that a proxy's picture is shown with."""
    return (pixel_aspect(essence, spec) or 1) * Fraction(spec.width, spec.height)


def mobs_of(essence: Essence, spec: ProxySpec, revision: str, tape: str) -> Mobs | None:
    """Return the identities of a proxy's packages; None where its wrapper has none."""
    if not spec.wrapper.is_mxf:
        return None
    story = story_of(essence, spec, revision, tape, 0 if spec.wrapper is Wrapper.OPATOM else None)
    files = tuple(story.file_umid(track).hex() for track in range(story.sounds + 1))
    return Mobs(story.material_umid.hex(), story.tape_umid.hex(), story.tape_sounds, files)


def _moment(created: str) -> datetime:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return _UNDATED
    return moment if 1970 <= moment.year < 2100 else _UNDATED  # noqa: PLR2004 - a clock that was never set
