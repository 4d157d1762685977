"""What the database's rows mean: cards, clips, jobs, proxies, cuts and models as the production knows them.

Each is made of its row here and nowhere else; what is kept as JSON is read on the way. Knows columns, no SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from daemon import wire
from daemon.slate import FoundClip, Proposed, Published, Trouble, Vendor
from daemon.states import ClipState, JobState, ModelState
from engines.media.essence import Essence

NO_TROUBLE = Trouble("", "", "", "")


def staged_name(staged: str, number: int) -> str:
    """Return the name in the staging folder of a rendering's file, by its number among all of them."""
    return f"{staged}.{number}" if number else staged


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the production knows it."""

    id: int
    root: str
    path: str
    roll: str
    vendor: Vendor
    shoot_day: str
    day_folder: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    turnover_due: bool
    complete: bool

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Card:
        """Return the card of a row."""
        return cls(
            id=row["id"],
            root=row["root"],
            path=row["path"],
            roll=row["roll"],
            vendor=Vendor(row["vendor"]),
            shoot_day=row["shoot_day"],
            day_folder=row["day_folder"],
            missing=wire.recall(tuple[str, ...], row["missing"]),
            notes=wire.recall(tuple[str, ...], row["notes"]),
            turnover_due=bool(row["turnover_due"]),
            complete=bool(row["complete"]),
        )


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as the production knows it.

    `essence` is None until it was probed, `picture` the JSON of its small log picture, empty where there is none.
    """

    id: int
    card: int
    name: str
    state: ClipState
    found: FoundClip
    custody: str
    identity: str
    reel: str
    essence: Essence | None
    stand_in: str
    trouble: Trouble
    want: str
    ready_at: str
    picture: str
    proposal: Proposed | None
    circled: bool

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Clip:
        """Return the clip of a row."""
        return cls(
            id=row["id"],
            card=row["card"],
            name=row["name"],
            state=ClipState(row["state"]),
            found=wire.recall(FoundClip, row["found"]),
            custody=row["custody"],
            identity=row["identity"],
            reel=row["reel"],
            essence=wire.recall(Essence, row["essence"]) if row["essence"] else None,
            stand_in=row["stand_in"],
            trouble=trouble_in(row["trouble"]),
            want=row["want"],
            ready_at=row["ready_at"],
            picture=row["picture"],
            proposal=wire.recall(Proposed, row["proposal"]) if row["proposal"] else None,
            circled=bool(row["circled"]),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work for a child; `task` is the stage's own JSON."""

    id: int
    key: str
    clip: int
    stage: str
    lane: str
    priority: int
    state: JobState
    task: str
    attempt: int
    not_before: float
    token: str
    trouble: Trouble

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Job:
        """Return the job of a row."""
        return cls(
            id=row["id"],
            key=row["key"],
            clip=row["clip"],
            stage=row["stage"],
            lane=row["lane"],
            priority=row["priority"],
            state=JobState(row["state"]),
            task=row["task"],
            attempt=row["attempt"],
            not_before=row["not_before"],
            token=row["token"],
            trouble=trouble_in(row["trouble"]),
        )


@dataclass(frozen=True, slots=True)
class Able:
    """Which jobs whoever is free now takes: those of some stages, None for all, `but` not these by number."""

    stages: frozenset[str] | None = None
    but: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job of the queue as a person sees it, with the clip that it is for.

    `precedence` is above 0 where somebody asked for it first, below 0 for last. `backfill` says that what it makes was
    delivered before, `paused` that its stage is.
    """

    job: Job
    clip: str
    roll: str
    root: str
    shoot_day: str
    circled: bool
    precedence: int
    backfill: bool
    paused: bool

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Waiting:
        """Return the job of a row, joined with its clip and card."""
        return cls(
            job=Job.from_row(row),
            clip=row["name"],
            roll=row["roll"],
            root=row["root"],
            shoot_day=row["shoot_day"],
            circled=bool(row["circled"]),
            precedence=row["precedence"],
            backfill=bool(row["backfill"]),
            paused=bool(row["paused"]),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """A card and how many of its clips stand where: by state, past their hashing, with a proxy of either twin in place.

    What is only filed, a card's papers, counts in `states` alone. `under_way` are its jobs that have not ended,
    `unsampled` its clips that are still to be learned from.
    """

    card: Card
    states: dict[ClipState, int]
    verified: int
    plain: int
    enhanced: int
    under_way: int
    unsampled: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A clip as a line of a list."""

    id: int
    name: str
    roll: str
    card_path: str
    shoot_day: str
    state: ClipState
    trouble: Trouble
    circled: bool
    precedence: int
    plain: bool
    enhanced: bool

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Listed:
        """Return the line of a row, joined with its card."""
        flags = {name: bool(row[name]) for name in ("circled", "plain", "enhanced")}
        state, trouble = ClipState(row["state"]), trouble_in(row["trouble"])
        return cls(**(dict(row) | flags | {"state": state, "trouble": trouble}))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a clip stands; `plain` and `enhanced` are the paths of its newest twins in place, empty without one."""

    id: int
    name: str
    state: ClipState
    trouble: Trouble
    plain: str
    enhanced: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """The source pixels of all clips in a state together, all pictures of them; those not probed yet count none."""

    state: ClipState
    progressive: bool
    clips: int
    pixels: float


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is intended (`landed` false) or in place."""

    id: int
    clip: int
    want: str
    staged: str
    landed: bool
    facts: Published
    still: str

    @property
    def staged_files(self) -> tuple[str, ...]:
        """Names of its files in the staging folder, as `facts.files` has them."""
        if self.facts.folder:
            return tuple(f"{self.staged}/{file.path.rpartition('/')[2]}" for file in self.facts.files)
        further = range(1, len(self.facts.files))
        return (self.staged, *(staged_name(self.staged, number) for number in further))

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Proxy:
        """Return the proxy of a row."""
        return cls(
            id=row["id"],
            clip=row["clip"],
            want=row["want"],
            staged=row["staged"],
            landed=bool(row["landed"]),
            facts=wire.load(Published, row["facts"]),
            still=row["still"],
        )


@dataclass(frozen=True, slots=True)
class KeptSample:
    """A cut in the replay store; `facts` is the sampling stage's own JSON."""

    digest: str
    card: int
    clip: str
    first_frame: int
    holdout: bool
    size_bytes: int
    facts: str

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> KeptSample:
        """Return the cut of a row."""
        return cls(**(dict(row) | {"holdout": bool(row["holdout"])}))


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of this production; `facts` is the refining stage's own JSON, `parent` empty for the base weights."""

    digest: str
    size: str
    state: ModelState
    parent: str
    card: int
    facts: str
    made_at: str
    changed_at: str

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Model:
        """Return the model of a row."""
        return cls(
            digest=row["digest"],
            size=row["size"],
            state=ModelState(row["state"]),
            parent=row["parent"],
            card=row["card"],
            facts=row["facts"],
            made_at=row["made_at"],
            changed_at=row["changed_at"],
        )


@dataclass(frozen=True, slots=True)
class CameraNoise:
    """Noise of a camera at an ISO, median over `clips`: variance = shot * signal + read, code values / 1023."""

    camera: str
    iso: int
    shot: float
    read: float
    clips: int

    @classmethod
    def from_rows(cls, rows: Iterable[sqlite3.Row]) -> list[CameraNoise]:
        """Return the noise of each camera and ISO that rows of clips speak of, in their order."""
        found: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for row in rows:
            found.setdefault((row["camera"], row["iso"]), []).append((row["shot"], row["read"]))
        return [
            cls(camera, iso, median(shot for shot, _ in all_), median(read for _, read in all_), len(all_))
            for (camera, iso), all_ in found.items()
        ]


def trouble_in(text: str) -> Trouble:
    """Return the trouble that a column holds; none where that is empty."""
    return wire.recall(Trouble, text) if text else NO_TROUBLE
