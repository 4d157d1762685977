"""What would be made of an offload, before anything is: clips, rasters, sizes, time. Writes nothing.

Sizes are codec bitrates times length; times go by the pace that was seen here, and where none was by what was measured
elsewhere. Both are estimates and say so: a range, and what it stands on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from daemon import cards, recipe
from daemon.beneath import mark, open_beneath, read_small
from daemon.config import Config
from daemon.errors import NearsetError, RootAway
from daemon.estimates import part_bytes, proxy_bytes
from daemon.executor import LocalExecutor
from daemon.pace import BENCHED, HASHED, Pace
from daemon.presets import Specs, specs_for
from daemon.probing import probed, prober
from daemon.publish import delivering
from daemon.scan import scan
from daemon.slate import CameraFile, CardPlace, ClipKind, FoundCard, FoundClip, Twin
from daemon.stages.part import is_cut
from daemon.stages.probe import ProbeTask, Source
from daemon.stages.render import plain_alone
from daemon.volumes import GIB, room_at, said
from engines.media.essence import Essence

_ENHANCED_PIXELS_A_SECOND = 9.4e6
"""Proxy pixels of an enhanced render a second, where none was seen here. Source: our measurement on two idle cores,
2026-11-24: 18.2 fps at 960x540 (docs/performance.md)."""
_INDEX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlannedClip:
    """One clip of a plan; `note` says why nothing is made where that is so.

    `work_seconds` are of both twins, `enhanced_seconds` of one of them, `hash_seconds` come before. `parts_bytes`
    is what it takes in between, where it is enhanced in parts.
    """

    roll: str
    clip: str
    source: str
    proxy: str
    seconds: float
    plain_bytes: int
    enhanced_bytes: int
    work_seconds: float
    note: str
    enhanced_seconds: float = 0.0
    hash_seconds: float = 0.0
    parts_bytes: int = 0

    def cells(self) -> tuple[str, ...]:
        """Return the row of a table."""
        return (
            self.roll,
            self.clip,
            self.source,
            self.proxy,
            f"{self.seconds:.1f} s",
            f"{self.plain_bytes / 1e6:.0f}",
            f"{self.enhanced_bytes / 1e6:.0f}",
            f"{self.work_seconds / 60:.1f}",
            self.note,
        )


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long an offload takes on this machine, from quick to slow, and the room that its deliveries need.

    `basis` says what the times stand on; `fits` whether the volume keeps what stays free of it.
    """

    quick_seconds: float
    slow_seconds: float
    basis: str
    needed_bytes: int
    free_bytes: int
    keep_bytes: int
    fits: bool

    def lines(self) -> tuple[str, str]:
        """Return what it says, as people read it."""
        room = f"{said(self.needed_bytes)} needed, {said(self.free_bytes)} free, {said(self.keep_bytes)} stay free"
        quick, slow = _duration(self.quick_seconds), _duration(self.slow_seconds)
        return (
            f"takes {quick if quick == slow else f'{quick} to {slow}'} ({self.basis})",
            room if self.fits else f"DOES NOT FIT: {room}",
        )


def forecast(config: Config, rows: Sequence[PlannedClip], pace: Pace) -> Forecast:
    """Return how long the clips of a plan take, and whether there is room for them.

    Raises:
        DeliveryError: the volume of deliveries does not answer.
    """
    seconds = {
        HASHED: sum(row.hash_seconds for row in rows),
        Twin.PLAIN: sum(row.work_seconds - row.enhanced_seconds for row in rows),
        Twin.ENHANCED: sum(row.enhanced_seconds for row in rows),
    }
    jobs = {
        HASHED: sum(bool(row.hash_seconds) for row in rows),
        Twin.PLAIN: sum(bool(row.plain_bytes) for row in rows),
        Twin.ENHANCED: sum(bool(row.enhanced_bytes) for row in rows),
    }
    _, quick, slow = pace.range(seconds, jobs, config.workers)
    seen = sum(pace.jobs(twin) for twin in (Twin.PLAIN, Twin.ENHANCED))
    needed = sum(row.plain_bytes + row.enhanced_bytes for row in rows)
    needed += max((row.parts_bytes for row in rows), default=0)  # one clip's parts at a time
    keep = int(config.delivery.keep_free_gib * GIB)
    with delivering(config.production_delivery):
        _, free = room_at(config.production_delivery)
    basis = f"as the last {seen} renderings went here" if seen else f"nothing was rendered here yet: as on {BENCHED}"
    return Forecast(round(quick, 3), round(slow, 3), basis, needed, free, keep, needed + keep <= free)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min" if minutes else "a minute"  # noqa: PLR2004 - minutes


def plan_offload(config: Config, offload: Path, pace: Pace) -> list[PlannedClip]:
    """Return what would be made of the cards beneath a folder, at the pace that was seen.

    Raises:
        RootAway: the folder cannot be read.
    """
    book = recipe.load(config.production.recipe, config)
    root = offload.resolve()
    try:
        marks = scan(root).marks
    except OSError as error:
        why = error.strerror or str(error)
        raise RootAway(f"{offload} cannot be planned", why=why, fix="name the folder of an offload") from error
    found = cards.recognise(marks, lambda path: read_small(root, path, _INDEX_BYTES), root.name)
    with prober(root, config.workers.memory_gib, config.workers.hung_seconds) as child:
        plan = _Plan(config, book, child, pace)
        return [_planned(CardPlace(str(root), card.path), card, clip, plan) for card in found for clip in card.clips]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What every clip is planned with."""

    config: Config
    book: recipe.RecipeBook
    child: LocalExecutor
    pace: Pace


def _planned(place: CardPlace, card: FoundCard, clip: FoundClip, plan: _Plan) -> PlannedClip:
    words = plan.book.words(clip=clip.name, roll=card.roll)
    if clip.kind is ClipKind.RAW:
        return PlannedClip(card.roll, clip.name, clip.raw_format, "", 0, 0, 0, 0, "camera raw: not decoded here")
    if clip.kind is ClipKind.SOUND:
        note = "production sound: matched with the clips of its day"
        return PlannedClip(card.roll, clip.name, "sound", "", 0, 0, 0, 0, note)
    source = _source(place, clip)
    essence = probed(plan.child, ProbeTask(source, words.source.rate))
    if isinstance(essence, str):
        return PlannedClip(card.roll, clip.name, "", "", 0, 0, 0, 0, essence)
    try:
        specs = specs_for(essence, words, clip.name, "")
    except NearsetError as error:
        return PlannedClip(card.roll, clip.name, "", "", essence.seconds, 0, 0, 0, error.what)
    row = _estimated(card, clip, essence, specs, plain_alone(plan.config, essence, words), plan.pace)
    between = is_cut(plan.config, essence, words, plan.book.folder)
    return replace(
        row,
        hash_seconds=sum(file.mark.size_bytes for file in source.files) / plan.pace.rate(HASHED),
        parts_bytes=part_bytes(specs.working, essence.frames) if between else 0,
    )


def _source(place: CardPlace, clip: FoundClip) -> Source:
    return Source(place, clip.kind, _files(place, clip.files), place, _files(place, clip.sidecars))


def _files(place: CardPlace, paths: tuple[str, ...]) -> tuple[CameraFile, ...]:
    files = []
    for path in paths:
        with open_beneath(place.root, place.relative(path)) as file:
            files.append(CameraFile(path, mark(file)))
    return tuple(files)


def _estimated(card: FoundCard, clip: FoundClip, essence: Essence, specs: Specs, alone: str, pace: Pace) -> PlannedClip:
    """Return a clip's row; `alone` says why it gets no enhanced twin."""
    size = sum(proxy_bytes(essence, spec) for spec in specs.proxies)
    source_pixels = essence.width * essence.height * essence.frames
    enhanced = 0.0
    if not alone:
        pixels = specs.working.width * specs.working.height * essence.frames
        seen = pace.jobs(Twin.ENHANCED)
        enhanced = source_pixels / pace.rate(Twin.ENHANCED) if seen else pixels / _ENHANCED_PIXELS_A_SECOND
    return PlannedClip(
        card.roll,
        clip.name,
        f"{essence.width}x{essence.height} {essence.codec} {_rate(essence.rate)}",
        ", ".join(f"{spec.width}x{spec.height} {spec.preset or spec.codec}" for spec in specs.proxies),
        essence.seconds,
        size,
        0 if alone else size,
        source_pixels / pace.rate(Twin.PLAIN) + enhanced,
        "; ".join(filter(None, (alone, *specs.notes))),
        enhanced,
    )


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
