"""Looks: the grades that are there, and which of them is a clip's.

Grades come from a shoot day's `Looks` folder, from look roots, and from what a camera wrote in its roll, in this order:
the DIT's grade is law. Within one of these the nearest match wins: a clip's name, then reel and timecode, then a name
with wildcards, then the camera's name. Two different grades that claim a clip alike are told, and none is taken.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from posixpath import dirname

from daemon import wire
from daemon.cards.base import stem, suffix
from daemon.config import Config
from daemon.errors import SidecarError
from daemon.recipe import Words
from daemon.sidecars import ale, amf, cdl, edl, lut
from daemon.sidecars.cdl import Correction
from daemon.slate import ClipLook
from engines.colour.cdl import NEUTRAL, Cdl
from engines.colour.look import Look
from engines.colour.spaces import SPACES, camera_space
from engines.media.essence import Essence
from engines.media.timecode import Timecode

FOLDER = "looks"
_LUTS = frozenset({".cube", ".clf", ".3dl", ".csp", ".lut", ".spi1d", ".spi3d"})
"""LUTs by their suffix; all but the first two are refused, so that somebody hears of it."""
_LISTS = frozenset({".ale", ".edl", ".ccc"})
"""Files that hold grades of many clips."""
SUFFIXES = frozenset({".cdl", ".cc", ".ccc", ".ale", ".edl", ".amf"}) | _LUTS
LIMIT_BYTES = lut.LIMIT_BYTES
NEEDS_A_LOOK = "needs a look"
_WILD = re.compile(r"[*?\[]")


class From(IntEnum):
    """Whose a grade is, the nearest last."""

    ROLL = 0
    """What the camera or a recorder wrote in the roll."""
    SHOW = 1
    """A look root of the configuration."""
    DAY = 2
    """The shoot day's `Looks` folder."""


class By(IntEnum):
    """By what a grade and a clip belong together, the nearest last."""

    CAMERA = 0
    WILDCARD = 1
    TIMECODE = 2
    NAME = 3


@dataclass(frozen=True, slots=True)
class LookFile:
    """What one file holds: grades, or a LUT by its name among the luts (`<digest>.cube`).

    Where it holds nothing, `refused` says why, and `fix` what to do.
    """

    corrections: tuple[Correction, ...] = ()
    lut: str = ""
    refused: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A look file where it lies: `path` under `root`; `source` is whose it is."""

    root: str
    path: str
    source: From
    file: LookFile


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a clip that a look is sought for. `place` is its roll's path under its root."""

    name: str
    reel: str
    root: str
    place: str
    essence: Essence


def read(path: str, data: bytes) -> LookFile:
    """Return what a look file holds; one that cannot be used says why."""
    ending = suffix(path)
    try:
        if ending in _LUTS:
            lut.check(data, ending, source=path)
            return LookFile(lut=lut_name(path, lut.as_read(data, ending)))
        return LookFile(tuple(_corrections(ending, data, path)))
    except SidecarError as error:
        return LookFile(refused=f"{error.what}: {error.why}", fix=error.fix)


def lut_name(path: str, data: bytes) -> str:
    """Return the name that a LUT has among the luts: the digest of its bytes, and its suffix."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}{suffix(path)}"


def _corrections(ending: str, data: bytes, path: str) -> Iterable[Correction]:
    if ending == ".ale":
        return ale.grades(ale.parse(data.decode("utf-8", "replace"), path), path)
    if ending == ".edl":
        return edl.parse(data, source=path)
    return amf.parse(data, source=path) if ending == ".amf" else cdl.parse(data, source=path)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A grade or LUT that claims a clip; the greater rank is the nearer."""

    rank: tuple[From, By]
    path: str
    cdl: Cdl | None
    lut: str


class LookBook:
    """All looks of a production, as last read."""

    def __init__(self, kept: Iterable[Kept], config: Config, show_lut: str = "") -> None:
        self._kept = list(kept)
        self._config, self._show_lut = config, show_lut

    def look(self, subject: Subject, words: Words) -> ClipLook | None:
        """Return a clip's look; None where it is to be delivered as recorded.

        Raises:
            UnknownSpace: in which space the clip was recorded is not known.
        """
        if words.proxy.look == "none":
            return None
        space = camera_space(subject.essence, word=words.source.space, cameras=self._config.colour.cameras)
        claims = list(self._claims(subject))
        grade, told = _nearest([claim for claim in claims if claim.cdl is not None])
        lut_claim, lut_told = _nearest([claim for claim in claims if claim.lut])
        cdl_numbers = grade.cdl if grade and grade.cdl else NEUTRAL
        table = lut_claim.lut if lut_claim else "" if space.is_display else self._show_lut
        origin = ", ".join(claim.path for claim in (grade, lut_claim) if claim)
        look = Look(space.name, self._config.colour.working, cdl_numbers, table)
        return ClipLook(look, origin, tuple(flag for flag in (told, lut_told) if flag))

    def unused(self, subject: Subject) -> Iterable[tuple[str, str]]:
        """Yield for each look that was laid there for a clip and cannot be put on it why not, and what to do.

        A list of grades that cannot be read speaks of every clip that has none from elsewhere; what a camera or a
        recorder wrote in its roll need not have been one.
        """
        has_grade = any(claim.cdl is not None for claim in self._claims(subject))
        for kept in self._kept:
            if not _in_reach(kept, subject):
                continue
            if kept.file.refused:
                is_list = suffix(kept.path) in _LISTS and kept.source is not From.ROLL and not has_grade
                if is_list or _by_name((stem(kept.path),), subject) is not None:
                    yield kept.file.refused, kept.file.fix
            for correction, _ in self._fitting(kept, subject):
                if correction.refused:
                    yield correction.refused, correction.fix
                elif not self._is_in_our_space(correction):
                    why = f"the grade in {kept.path} is written in {correction.working}, and colour.working is "
                    yield f"{why}{self._config.colour.working}", "hand it over in that space, or set colour.working"

    def show(self, space: str) -> Look:
        """Return the show's own look for a space, without any clip's grade."""
        return Look(space, self._config.colour.working, NEUTRAL, "" if SPACES[space].is_display else self._show_lut)

    def luts(self, subject: Subject) -> dict[str, str]:
        """Return where somebody laid the LUTs that a clip may be given, by their names among the luts."""
        of_show = {self._show_lut: str(self._config.colour.show_lut)} if self._show_lut else {}
        return of_show | {claim.lut: claim.path for claim in self._claims(subject) if claim.lut}

    def _claims(self, subject: Subject) -> Iterable[_Claim]:
        for kept in self._kept:
            if not _in_reach(kept, subject):
                continue
            if kept.file.lut and (by := _by_name((stem(kept.path),), subject)) is not None:
                yield _Claim((kept.source, by), kept.path, None, kept.file.lut)
            for correction, by in self._fitting(kept, subject):
                if self._is_in_our_space(correction) and not correction.refused:
                    yield _Claim((kept.source, by), kept.path, correction.cdl, "")

    def _fitting(self, kept: Kept, subject: Subject) -> Iterable[tuple[Correction, By]]:
        alone = len(kept.file.corrections) <= 1
        for correction in kept.file.corrections:
            names = (stem(correction.name) or correction.name, *((stem(kept.path),) if alone else ()))
            by = _by_name((correction.name, *names), subject)
            if by is not By.NAME and _holds(correction, subject):
                by = By.TIMECODE
            if by is not None:
                yield correction, by

    def _is_in_our_space(self, correction: Correction) -> bool:
        return correction.working in {"", self._config.colour.working}


def _nearest(claims: list[_Claim]) -> tuple[_Claim | None, str]:
    """Return the nearest claim; None and what to say where two that are equally near differ."""
    if not claims:
        return None, ""
    rank = max(claim.rank for claim in claims)
    nearest = [claim for claim in claims if claim.rank == rank]
    if len({(claim.cdl, claim.lut) for claim in nearest}) == 1:
        return nearest[0], ""
    paths = ", ".join(dict.fromkeys(claim.path for claim in nearest))
    return None, f"{NEEDS_A_LOOK}: different ones claim it alike ({paths})"


def _in_reach(kept: Kept, subject: Subject) -> bool:
    """Return whether a look file speaks of a clip's roll: its day's folder, its own roll, or the whole show."""
    if kept.source is From.SHOW:
        return True
    parts = dirname(kept.path).split("/")
    if kept.source is From.DAY:
        parts = parts[: [part.lower() for part in parts].index(FOLDER)]
    beneath = "/".join(part for part in parts if part)
    inside = f"{subject.place}/".startswith(f"{beneath}/") if beneath else True
    of_roll = kept.path.startswith("" if subject.place == "." else f"{subject.place}/")
    return kept.root == subject.root and (inside if kept.source is From.DAY else of_roll)


def _by_name(names: tuple[str, ...], subject: Subject) -> By | None:
    """Return by what a grade's names fit a clip; None where they do not."""
    ours = {subject.name.casefold(), subject.reel.casefold()} - {""}
    wanted = [name.casefold() for name in names if name]
    if ours & set(wanted):
        return By.NAME
    if any(_WILD.search(name) and fnmatchcase(our, name) for name in wanted for our in ours):
        return By.WILDCARD
    return By.CAMERA if subject.essence.camera.casefold() in wanted else None


def _holds(correction: Correction, subject: Subject) -> bool:
    """Return whether a grade's reel is the clip's and its timecode lies within it."""
    essence = subject.essence
    if not correction.start or correction.reel.casefold() not in {subject.reel.casefold(), subject.name.casefold()}:
        return False
    try:
        start = Timecode.parse(correction.start, essence.rate, drop=essence.drop_frame).frame
    except ValueError:
        return False
    return essence.start_frame <= start < essence.start_frame + essence.frames


def wanted(look: ClipLook | None, words: Words) -> str:
    """Return a digest of all that people say of a clip's picture: the recipe's words, and its look where it has one."""
    if look is None or look.look.changes_nothing:
        return words.digest()
    return hashlib.sha256(f"{words.digest()} {wire.dump(Look, look.look)}".encode()).hexdigest()
