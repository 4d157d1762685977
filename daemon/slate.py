"""The nouns of a production as the service holds them: card, clip, file, order, delivery.

Pure data, no behaviour beyond naming. Every station speaks in these; SQL and files are elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from engines.colour.cdl import Cdl
from engines.colour.look import Look
from engines.media.departure import Fidelity
from engines.media.essence import AudioTrack
from engines.media.story import Mobs


class Vendor(StrEnum):
    """Whose card structure a roll has."""

    ARRI = "arri"
    RED = "red"
    SONY_XDROOT = "sony_xdroot"
    SONY_M4ROOT = "sony_m4root"
    P2 = "p2"
    CANON = "canon"
    AVCHD = "avchd"
    DCIM = "dcim"
    BLACKMAGIC = "blackmagic"
    SOUND = "sound"
    """No camera: a sound recorder's folder of BWF."""
    PLAIN = "plain"


class ClipKind(StrEnum):
    """How a clip's files make up its picture."""

    MOVIE = "movie"
    """One movie file, or several spanned ones in order."""
    SEQUENCE = "sequence"
    """One still a frame."""
    RAW = "raw"
    """Camera raw that no decoder here reads."""
    SOUND = "sound"
    """One sound file of a recorder."""
    PAPERS = "papers"
    """The card's own papers: indexes, thumbnails and whatever else lies on it; proven and filed, nothing is made."""


@dataclass(frozen=True, slots=True)
class Span:
    """How a clip goes on in others, by names that cameras give to parts; empty where it does not, as far as is known.

    `last` is its own last part, `continues` the one before its first, `follows` the one after its last.
    """

    last: str
    continues: str = ""
    follows: str = ""


@dataclass(frozen=True, slots=True)
class FoundClip:
    """One recording found on a card, by names and the card's own indexes.

    `files` in span order and `sidecars` are paths relative to the roll folder, `/` separated. `stand_ins` are
    the camera's own proxies of it (`Sub/`), best first. `raw_format` names the camera raw (`R3D`) where
    `kind` is RAW. `span` is None where it is all of its recording.
    """

    name: str
    kind: ClipKind
    files: tuple[str, ...]
    sidecars: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    raw_format: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class FoundCard:
    """A roll folder found under an offload root, by structure.

    `path` is relative to the root. `roll` is its label (A002). `day_folder` is the YYYYMMDD folder it lies in,
    empty where there is none. `missing` are clips that the card's own index names and the folder lacks.
    `others` are files that belong to no clip (indexes, thumbnails).
    """

    path: str
    roll: str
    vendor: Vendor
    clips: tuple[FoundClip, ...]
    day_folder: str = ""
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileMark:
    """What a file looked like when it was observed; any difference means that it changed."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file whose bytes were hashed: its mark at that time and its hashes, hex by algorithm.

    `path` is relative to the roll folder. `xxh128` is always there and names the bytes within nearset.
    """

    path: str
    mark: FileMark
    hashes: dict[str, str]
    expected: dict[str, str]


class Custody(StrEnum):
    """How far the camera file's bytes are vouched for."""

    VERIFIED = "verified"
    """Every byte hashed and equal to a manifest's hash."""
    UNVERIFIED = "unverified"
    """Hashed, but no manifest names it, and the configuration allows that."""


class Twin(StrEnum):
    """What is delivered of a clip: the two proxies, which share one identity, and what lies beside them."""

    PLAIN = "plain"
    ENHANCED = "enhanced"
    SOUND = "sound"
    """The guide mix, on their timecode."""
    MATTE = "matte"
    """The matte, on their timecode."""
    PLATE = "plate"
    """The clean plate, a still."""
    COMP = "comp"
    """The slap comp: a proxy of its own."""


TWIN_FOLDER = {
    Twin.PLAIN: "proxy",
    Twin.ENHANCED: "enhanced",
    Twin.SOUND: "sound",
    Twin.MATTE: "mattes",
    Twin.PLATE: "plates",
    Twin.COMP: "comp",
}
"""Folder of each twin inside a roll's delivery folder."""
BESIDE = (Twin.SOUND, Twin.MATTE, Twin.PLATE, Twin.COMP)
"""What lies beside the proxies: no clip waits for it, and the roll is written anew when it lands."""
SEQUENCE = "exr"
"""Wrapper of stills, one a frame, that fill a folder of their own."""
ASSISTS = (Twin.MATTE, Twin.PLATE, Twin.COMP)
"""What the recipe's words of that name make."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A grade that was proposed for a clip that nobody graded; it stays until somebody does, whatever is learned later.

    `model` is the digest of what proposed it, empty for another camera's grade that it was matched to. One that is not
    sure gives the show's look, and the clip is flagged.
    """

    cdl: Cdl
    model: str
    leaned_on: tuple[str, ...]
    is_sure: bool


@dataclass(frozen=True, slots=True)
class ClipLook:
    """A clip's look: `origin` says where its grade and LUT come from, empty for the show's own.

    `flags` are what a person should see to; `leaned_on` the graded clips that a predicted grade comes from.
    """

    look: Look
    origin: str = ""
    flags: tuple[str, ...] = ()
    leaned_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file in the delivery folder: its path relative to the roll's, what its bytes are, and how it is signed.

    `signed` is `c2pa` where the signed statement is inside the file, else its JSON Web Signature, empty where it was
    not signed.
    """

    path: str
    xxh128: str
    size_bytes: int
    signed: str = ""


@dataclass(frozen=True, slots=True)
class Rendition:
    """What a preset made of a clip: its files, the picture's first, and the sound tracks in them, in order.

    `mobs` are the identities of MXF's packages, None in MOV; `encoder` is what encoded the picture, empty where an
    earlier version did.
    """

    preset: str
    codec: str
    wrapper: str
    width: int
    height: int
    pixel_aspect: Fraction
    audio: tuple[AudioTrack, ...]
    files: tuple[DeliveredFile, ...]
    mobs: Mobs | None = None
    encoder: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """One revision of a twin in the delivery folder; never changed after.

    `path`, its hash, size, raster and codec are of the first preset's picture, which sidecars name; `renditions` say
    what every preset made, the first among them, and are empty for a guide mix.
    `path` is relative to the roll's delivery folder. `xxh128` is of the whole file. `model`, `engine` and
    `recipe` name what made it (model empty for the plain twin), `decoder` what decoded its source; `noise` is what was
    measured of that. `marks` are what an editor must know, such as `unverified`, `stand-in`, `not enhanced:
    interlaced`. `look` is None where the picture was delivered as recorded. `light` says what was done to its light
    (stages.relight), empty for nothing. `fidelity` is how far an enhanced picture went from its source, None where it
    was not measured. `signed` is of the first file.
    """

    twin: Twin
    revision: int
    path: str
    xxh128: str
    size_bytes: int
    width: int
    height: int
    codec: str
    model: str
    engine: str
    recipe: str
    published_at: str
    noise: dict[str, float]
    marks: tuple[str, ...] = ()
    look: ClipLook | None = None
    light: dict[str, float] = field(default_factory=dict)
    fidelity: Fidelity | None = None
    signed: str = ""

    renditions: tuple[Rendition, ...] = ()
    decoder: str = ""

    @property
    def files(self) -> tuple[DeliveredFile, ...]:
        """All files of this revision, the one that sidecars name first."""
        made = tuple(file for rendition in self.renditions for file in rendition.files)
        return made or (DeliveredFile(self.path, self.xxh128, self.size_bytes, self.signed),)

    @property
    def folder(self) -> str:
        """Folder that is this revision, whole, in the roll's: of a sequence; empty where its files lie among others."""
        is_sequence = any(rendition.wrapper == SEQUENCE for rendition in self.renditions)
        return str(PurePosixPath(self.path).parent) if is_sequence else ""

    @property
    def stem(self) -> str:
        """Name of this revision without suffix."""
        return PurePosixPath(self.folder).name if self.folder else PurePosixPath(self.path).stem


@dataclass(frozen=True, slots=True)
class Origin:
    """What a delivered file was made of, for those who sign it; `certificates` is the folder of the production's key.

    `files` are the source's as they were hashed, `recipe` the digest of what people say of the clip.
    """

    certificates: str
    production: str
    custody: str
    identity: str
    recipe: str
    files: tuple[VerifiedFile, ...]


@dataclass(frozen=True, slots=True)
class Attest:
    """A delivered file whose signature is to be looked at: inside it, or `signature`, its JSON Web Signature.

    `root` is the certificate (PEM) that must stand behind it.
    """

    folder: str
    path: str
    root: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Attested:
    """What a signature is worth: `faults`, none where it holds, and what the statement says."""

    faults: tuple[str, ...]
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shipped:
    """What was sent to a delivery target, in bytes. `moved_on` where the folder here is another version by now."""

    sent_bytes: int
    moved_on: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something waits or stopped, as a person reads it."""

    code: str
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What is asked of a clip and was not made, by its own word: `removal`, `matte`, `look`; its proxies are."""

    asked: str
    trouble: Trouble

    @property
    def note(self) -> str:
        """Say it as a mark."""
        return f"no {self.asked}: {self.trouble.why}"


@dataclass(frozen=True, slots=True)
class CameraFile:
    """A file of a clip as a child must find it: under `root`, at `card`/`path`, looking like `mark`."""

    path: str
    mark: FileMark


@dataclass(frozen=True, slots=True)
class CardPlace:
    """Where a card lies: an offload root and the roll folder in it (`.` for the root itself)."""

    root: str
    path: str

    def relative(self, path: str) -> str:
        """Return the path of a card's file relative to the root."""
        return path if self.path in {"", "."} else f"{self.path}/{path}"


@dataclass(frozen=True, slots=True)
class Refined:
    """What came of an update of the production's model.

    `digest` names the candidate's weights, empty if there are none; `reasons` say why the gate refused it.
    `scores` are its own and those that it was judged beside, `curve` its loss, thinned.
    """

    digest: str
    passed: bool
    reasons: tuple[str, ...]
    scores: dict[str, float]
    steps: int
    seconds: float
    curve: tuple[float, ...]
