"""What would be made of an offload, before anything is: clips, rasters, sizes, time. Writes nothing.

Sizes are codec bitrates times length, times are the rates that were measured on two cores; both are estimates
and say so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from daemon import cards, recipe, wire
from daemon.beneath import mark, open_beneath, read_small
from daemon.config import Config
from daemon.errors import NearsetError
from daemon.recipe import Words
from daemon.scan import scan
from daemon.slate import CameraFile, CardPlace, ClipKind, FoundCard, FoundClip
from daemon.stages.probe import Probed, ProbeTask, Source
from daemon.worker import Limits, serve
from engines.media.essence import Essence
from engines.media.proxy import ProxyCodec, ProxySpec, spec_for

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
    """Return what would be made of the cards beneath a folder."""
    book = recipe.load(config.production.recipe, config)
    root = offload.resolve()
    found = cards.recognise(scan(root).marks, lambda path: read_small(root, path, _INDEX_BYTES), root.name)
    with _Prober(config) as prober:
        return [_planned(root, card, clip, book, prober) for card in found for clip in card.clips]


class _Prober:
    """A child that probes, as the service's does: media is opened nowhere else."""

    def __init__(self, config: Config) -> None:
        self._limits = Limits(config.workers.memory_gib << 30)

    def __enter__(self) -> Self:
        context = get_context("spawn")
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._limits), daemon=True)
        self._process.start()
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def probe(self, task: ProbeTask) -> Essence | str:
        """Return a clip's essence, or why there is none."""
        request = {"stage": "probe", "task": wire.dump(ProbeTask, task)}
        self._pipe.send_bytes(json.dumps(request).encode())
        while True:
            try:
                answer = json.loads(self._pipe.recv_bytes())
            except EOFError:
                return "the probe ended without an answer"
            if answer["kind"] == "result":
                return wire.load(Probed, answer["result"]).essence
            if answer["kind"] == "error":
                return f"{answer['what']}: {answer['why']}"


def _planned(root: Path, card: FoundCard, clip: FoundClip, book: recipe.RecipeBook, prober: _Prober) -> PlannedClip:
    words = book.words(clip=clip.name, roll=card.roll)
    if clip.kind is ClipKind.RAW:
        return PlannedClip(card.roll, clip.name, clip.raw_format, "", 0, 0, 0, 0, "camera raw: not decoded here")
    essence = prober.probe(ProbeTask(_source(root, card, clip), words.source.rate))
    if isinstance(essence, str):
        return PlannedClip(card.roll, clip.name, "", "", 0, 0, 0, 0, essence)
    try:
        spec = _spec(essence, clip, words)
    except NearsetError as error:
        return PlannedClip(card.roll, clip.name, "", "", essence.seconds, 0, 0, 0, error.what)
    return _estimated(card, clip, essence, spec)


def _source(root: Path, card: FoundCard, clip: FoundClip) -> Source:
    place = CardPlace(str(root), card.path)
    return Source(place, clip.kind, _files(place, clip.files), place, _files(place, clip.sidecars))


def _files(place: CardPlace, paths: tuple[str, ...]) -> tuple[CameraFile, ...]:
    files = []
    for path in paths:
        with open_beneath(place.root, place.relative(path)) as file:
            files.append(CameraFile(path, mark(file)))
    return tuple(files)


def _spec(essence: Essence, clip: FoundClip, words: Words) -> ProxySpec:
    return spec_for(
        essence,
        codec=words.proxy.codec,
        width=words.proxy.width,
        clip_name=clip.name,
        reel="",
        deinterlace=words.source.deinterlace,
        rotation=words.source.rotation,
    )


def _estimated(card: FoundCard, clip: FoundClip, essence: Essence, spec: ProxySpec) -> PlannedClip:
    pixels = spec.width * spec.height * essence.frames
    sound = sum(track.samples * track.channels * max(track.bits, 16) // 8 for track in essence.audio)
    size = int(pixels * _BITS_A_PIXEL[spec.codec] / 8) + sound
    source_pixels = essence.width * essence.height * essence.frames
    seconds = source_pixels / _PLAIN_PIXELS_A_SECOND + pixels / _ENHANCED_PIXELS_A_SECOND
    return PlannedClip(
        card.roll,
        clip.name,
        f"{essence.width}x{essence.height} {essence.codec} {_rate(essence.rate)}",
        f"{spec.width}x{spec.height} {spec.codec}",
        essence.seconds,
        size,
        size,
        seconds,
        "",
    )


def _rate(rate: Fraction) -> str:
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
