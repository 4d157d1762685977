"""The nouns of a production as the service holds them: card, clip, file, order, delivery.

Pure data, no behaviour beyond naming. Every station speaks in these; SQL and files are elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from engines.colour.cdl import Cdl
from engines.colour.look import Look
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
class FoundClip:
    """One recording found on a card, by names alone.

    `files` in span order and `sidecars` are paths relative to the roll folder, `/` separated. `stand_ins` are
    the camera's own proxies of it (`Sub/`), best first. `raw_format` names the camera raw (`R3D`) where
    `kind` is RAW.
    """

    name: str
    kind: ClipKind
    files: tuple[str, ...]
    sidecars: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    raw_format: str = ""


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
    """What is delivered of a clip: the two proxies, which share one identity, and the guide mix on their timecode."""

    PLAIN = "plain"
    ENHANCED = "enhanced"
    SOUND = "sound"


TWIN_FOLDER = {Twin.PLAIN: "proxy", Twin.ENHANCED: "enhanced", Twin.SOUND: "sound"}
"""Folder of each twin inside a roll's delivery folder."""


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
    """A file in the delivery folder: its path relative to the roll's, and what its bytes are."""

    path: str
    xxh128: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """What a preset made of a clip: its files, the picture's first, and the sound tracks in them, in order.

    `mobs` are the identities of MXF's packages, None in MOV.
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


@dataclass(frozen=True, slots=True)
class Published:
    """One revision of a twin in the delivery folder; never changed after.

    `path`, its hash, size, raster and codec are of the first preset's picture, which sidecars name; `renditions` say
    what every preset made, the first among them, and are empty for a guide mix.
    `path` is relative to the roll's delivery folder. `xxh128` is of the whole file. `model`, `engine` and
    `recipe` name what made it (model empty for the plain twin); `noise` is what was measured of the source.
    `marks` are what an editor must know, such as `unverified`, `stand-in`, `not enhanced: interlaced`. `look` is None
    where the picture was delivered as recorded.
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
    renditions: tuple[Rendition, ...] = ()

    @property
    def files(self) -> tuple[DeliveredFile, ...]:
        """All files of this revision, the one that sidecars name first."""
        made = tuple(file for rendition in self.renditions for file in rendition.files)
        return made or (DeliveredFile(self.path, self.xxh128, self.size_bytes),)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something waits or stopped, as a person reads it."""

    code: str
    what: str
    why: str
    fix: str


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
