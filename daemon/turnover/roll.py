"""A roll as it is handed over: everything that ALE, record and report are made of, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from daemon.fidelity import Restraint
from daemon.slate import ASSISTS, Published, Trouble, Twin, Undone, Vendor, VerifiedFile
from daemon.sounds import ClipSound
from engines.media.essence import AudioTrack, Essence


@dataclass(frozen=True, slots=True)
class TurnoverClip:
    """A clip with what was delivered of it: all revisions, the current one of a twin last.

    `stills` are paths of the current twins' stills, relative to the roll's delivery folder, as is `sheet`, the
    contact sheet of its look, empty where there is none, and `unlit`, the still from before it was relit. `words` are
    the recipe's words as text. `let_go` are revisions that were removed, by `delivery.keep_revisions`. `sound` is
    None where no production sound was looked for, `held_back` where nothing holds the clip's enhancement back. `parts`
    are those that the clip was put together of, over several rolls, as `A002/0001CD`; empty where it lies on one.
    `assists` are what the recipe asks for beside the proxies; `layers` the stills after each assist of the enhanced
    twin; `undone` is what the recipe asks for and was not made.
    """

    name: str
    essence: Essence
    custody: str
    identity: str
    files: tuple[VerifiedFile, ...]
    published: tuple[Published, ...]
    stills: dict[Twin, str]
    words: tuple[tuple[str, str, str], ...]
    sheet: str = ""
    unlit: str = ""
    let_go: tuple[Published, ...] = ()
    sound: ClipSound | None = None
    held_back: Restraint | None = None
    parts: tuple[str, ...] = ()
    assists: tuple[Twin, ...] = ()
    layers: tuple[tuple[str, str], ...] = ()
    undone: tuple[Undone, ...] = ()

    @property
    def file_name(self) -> str:
        """Name of the clip's files in the delivery, without suffix or revision."""
        return min((*self.published, *self.let_go), key=lambda proxy: proxy.revision).stem

    @property
    def pictures(self) -> tuple[str, ...]:
        """Paths of all stills of the clip."""
        layers = (path for _, path in self.layers)
        return tuple(path for path in (*self.stills.values(), self.sheet, self.unlit, *layers) if path)

    @property
    def sound_tracks(self) -> tuple[AudioTrack, ...]:
        """Sound tracks that an editor finds in the proxies: those of the first preset."""
        plain = self.current(Twin.PLAIN)
        return plain.renditions[0].audio if plain and plain.renditions else self.essence.audio

    @property
    def pixel_aspect(self) -> Fraction:
        """Pixel aspect that an editor finds in the proxies."""
        plain = self.current(Twin.PLAIN)
        aspect = plain.renditions[0].pixel_aspect if plain and plain.renditions else self.essence.pixel_aspect
        return aspect or Fraction(1)

    def current(self, twin: Twin) -> Published | None:
        """Return the twin's current revision.

        No mix without sync any more, nothing enhanced that went too far, nothing beside that is not asked for any more.
        """
        if twin is Twin.SOUND and not (self.sound and self.sound.placed):
            return None
        if twin in ASSISTS and twin not in self.assists:
            return None
        if twin is Twin.ENHANCED and self.held_back and not self.held_back.share:
            return None
        revisions = [proxy for proxy in self.published if proxy.twin is twin]
        return max(revisions, key=lambda proxy: proxy.revision, default=None)


@dataclass(frozen=True, slots=True)
class UndeliveredClip:
    """A clip that was not delivered, with the state it is in and why."""

    name: str
    state: str
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Roll:
    """A roll at one moment (`written_at`, ISO 8601). `shoot_day` is YYYYMMDD.

    `root` is the certificate (PEM) that stands behind its signatures, `signed_by` its SHA-256; both empty where
    nothing is signed.
    """

    production: str
    title: str
    shoot_day: str
    name: str
    card_path: str
    vendor: Vendor
    clips: tuple[TurnoverClip, ...]
    undelivered: tuple[UndeliveredClip, ...]
    missing: tuple[str, ...]
    written_at: str
    version: str
    root: bytes = b""
    signed_by: str = ""
