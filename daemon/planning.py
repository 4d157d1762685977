"""What would be made of an offload, before anything is: clips, rasters, sizes, time. Writes nothing.

Sizes are codec bitrates times length, times are the rates that were measured on two cores; both are estimates
and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from daemon import cards, recipe
from daemon.beneath import mark, open_beneath, read_small
from daemon.config import Config
from daemon.errors import NearsetError, RootAway
from daemon.executor import LocalExecutor
from daemon.presets import Specs, specs_for
from daemon.probing import probed, prober
from daemon.scan import scan
from daemon.slate import CameraFile, CardPlace, ClipKind, FoundCard, FoundClip
from daemon.stages.probe import ProbeTask, Source
from daemon.stages.render import plain_alone
from engines.media.essence import Essence
from engines.media.layout import tracks_of
from engines.media.preset import ProxyCodec, dnxhd_36_bits_a_second
from engines.media.proxy import ProxySpec

_BITS_A_PIXEL = {
    ProxyCodec.DNXHR_LB: 0.74,
    ProxyCodec.PRORES_PROXY: 0.74,
    ProxyCodec.PRORES_LT: 1.63,
    ProxyCodec.PRORES_HQ: 4.93,
    ProxyCodec.H264: 0.09,
}
"""Bits a pixel of our own proxies without sound, mean over three clips at 960x540 and 1280x720. Source: our
measurement, 2026-11-24; what is filmed moves all but DNxHR by half either way."""
_PLAIN_PIXELS_A_SECOND = 108e6
_ENHANCED_PIXELS_A_SECOND = 9.4e6
"""Source pixels of a plain render and proxy pixels of an enhanced one, a second. Source: our measurement on two idle
cores, 2026-11-24: 52 fps from 1080p and 18.2 fps at 960x540 (docs/performance.md)."""
_INDEX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlannedClip:
    """One clip of a plan; `note` says why nothing is made where that is so."""

    roll: str
    clip: str
    source: str
    proxy: str
    seconds: float
    plain_bytes: int
    enhanced_bytes: int
    work_seconds: float
    note: str

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


def plan_offload(config: Config, offload: Path) -> list[PlannedClip]:
    """Return what would be made of the cards beneath a folder.

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
        plan = _Plan(config, book, child)
        return [_planned(CardPlace(str(root), card.path), card, clip, plan) for card in found for clip in card.clips]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What every clip is planned with."""

    config: Config
    book: recipe.RecipeBook
    child: LocalExecutor


def _planned(place: CardPlace, card: FoundCard, clip: FoundClip, plan: _Plan) -> PlannedClip:
    words = plan.book.words(clip=clip.name, roll=card.roll)
    if clip.kind is ClipKind.RAW:
        return PlannedClip(card.roll, clip.name, clip.raw_format, "", 0, 0, 0, 0, "camera raw: not decoded here")
    if clip.kind is ClipKind.SOUND:
        note = "production sound: matched with the clips of its day"
        return PlannedClip(card.roll, clip.name, "sound", "", 0, 0, 0, 0, note)
    essence = probed(plan.child, ProbeTask(_source(place, clip), words.source.rate))
    if isinstance(essence, str):
        return PlannedClip(card.roll, clip.name, "", "", 0, 0, 0, 0, essence)
    try:
        specs = specs_for(essence, words, clip.name, "")
    except NearsetError as error:
        return PlannedClip(card.roll, clip.name, "", "", essence.seconds, 0, 0, 0, error.what)
    return _estimated(card, clip, essence, specs, plain_alone(plan.config, essence, words))


def _source(place: CardPlace, clip: FoundClip) -> Source:
    return Source(place, clip.kind, _files(place, clip.files), place, _files(place, clip.sidecars))


def _files(place: CardPlace, paths: tuple[str, ...]) -> tuple[CameraFile, ...]:
    files = []
    for path in paths:
        with open_beneath(place.root, place.relative(path)) as file:
            files.append(CameraFile(path, mark(file)))
    return tuple(files)


def _estimated(card: FoundCard, clip: FoundClip, essence: Essence, specs: Specs, alone: str) -> PlannedClip:
    """Return a clip's row; `alone` says why it gets no enhanced twin."""
    size = sum(_bytes(essence, spec) for spec in specs.proxies)
    source_pixels = essence.width * essence.height * essence.frames
    pixels = specs.working.width * specs.working.height * essence.frames
    seconds = source_pixels / _PLAIN_PIXELS_A_SECOND + (0 if alone else pixels / _ENHANCED_PIXELS_A_SECOND)
    return PlannedClip(
        card.roll,
        clip.name,
        f"{essence.width}x{essence.height} {essence.codec} {_rate(essence.rate)}",
        ", ".join(f"{spec.width}x{spec.height} {spec.preset or spec.codec}" for spec in specs.proxies),
        essence.seconds,
        size,
        0 if alone else size,
        seconds,
        "; ".join(filter(None, (alone, *specs.notes))),
    )


def _bytes(essence: Essence, spec: ProxySpec) -> int:
    """Return about how large a proxy will be."""
    sound = sum(track.samples * track.channels * max(track.bits, 16) // 8 for track in tracks_of(essence, spec))
    if spec.codec is ProxyCodec.DNXHD_36:
        return int(dnxhd_36_bits_a_second(essence.rate) * essence.seconds / 8) + sound
    return int(spec.width * spec.height * essence.frames * _BITS_A_PIXEL[spec.codec] / 8) + sound


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
