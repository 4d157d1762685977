"""Lessons of the weighing: stills that are made, and estimated as the service does it, each by its number alone.

Most are photographs (`photograph.py`) of permitted footage, dead leaves and rendered print, many of them coded once
more; some have noise put on (`synthetic.py`); and many show rendered texture without a flat place, loud and faint, in
either way. What is told of the noise is what is read of each, made wrong by as much as reading is.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engines.backends.base import Session
from engines.backends.openvino import OpenVinoBackend
from engines.media.frames import CODE_MAX, Picture
from engines.model.estimates import estimates
from engines.model.footage import Still
from engines.model.leaves import RENDERED_SIZE
from engines.model.noise import CHROMA, NoiseProfile
from engines.model.packing import pack, pictures_of
from engines.model.still_noise import first_noise
from engines.model.stills import SIDE, photographed, put_on
from engines.model.strands import fainter
from engines.model.weights import base_weights

Codes = npt.NDArray[np.uint16]

KINDS = ("photograph",) * 5 + ("lettering",) * 2 + ("noise put on",) * 2 + ("strands",)
"""What the stills show in turn."""
TEXTURE, AGAIN, FAINT = "texture", "coded again", "faint texture"
_FAINTEST = 0.06
"""Least share of its texture that faint texture is left."""
PARTS = 16
"""A code value's parts in which truths are kept."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is made of, with the reason for each number."""

    seed: int = 20261129
    count: int = 2_000  # stills
    textures: int = 800  # and those without a flat place: without them grass lost 2 dB after 1,000 steps (docs/log.md)
    again: int = 1_200  # and photographs that were coded once more, as archives and the web have them
    faint: int = 600  # and texture as faint as noise
    judged: int = 200  # of the stills, those that only judge, and a third as many of each other kind
    rendered: int = 24  # pictures of strands, as many of print and of ground, half as many of gravel
    told_off: tuple[float, float] = (-0.05, 0.25)  # mean and deviation of log(told / read)
    colours_off: tuple[float, float] = (-0.2, 0.3)  # the same for chroma, where pictures were coded once more
    steps: int = 20_000
    batch: int = 24
    side: int = 48  # packed pixels, 96 in the picture
    gains: tuple[float, float] = (0.6, 1.2)  # contrast, so that levels vary
    rate: float = 2e-3
    rate_end: float = 2e-5
    warmup_steps: int = 100
    whole_from: float = 0.6  # share of the steps after which stills are judged, not windows
    ema: float = 0.999  # averaged weights are what ships
    clip_norm: float = 0.5
    less: float = 0.3  # what the hidden state's numbers of restoration count for at first

    @property
    def stills(self) -> int:
        """How many there are in all."""
        return self.count + self.textures + self.again + self.faint

    def kind(self, number: int) -> str:
        """Return what a still shows."""
        for kind, first in (
            (FAINT, self.stills - self.faint),
            (AGAIN, self.count + self.textures),
            (TEXTURE, self.count),
        ):
            if number >= first:
                return kind
        return KINDS[number % len(KINDS)]

    def judges(self, number: int) -> bool:
        """Return whether a still is set apart to judge."""
        others = (self.count, self.count + self.textures, self.stills - self.faint)
        return number < self.judged or any(first <= number < first + self.judged // 3 for first in others)


class Scenes(NamedTuple):
    """What is shown: stills of footage and of dead leaves, those of strands, of print, and of gravel and ground."""

    stills: list[Still]
    strands: list[Still]
    print: list[Still]
    ground: list[Still]


@dataclass(frozen=True, slots=True)
class Lesson:
    """A still as filmed, near, wide and as restored `[4, 8, s, s]` in whole code values, its truth in 1/16 of them."""

    number: int
    seen: Codes
    truth: Codes
    noise: NoiseProfile


class Stills(Dataset[Lesson | None]):
    """The stills of a run, each made and estimated when it is asked for, by the run's seed and its own number alone."""

    def __init__(self, scenes: Scenes, settings: Settings) -> None:
        self._scenes, self._settings = scenes, settings

    def __len__(self) -> int:
        return self._settings.stills

    def __getitem__(self, number: int) -> Lesson | None:
        """Return a still's lesson; None where nothing of it is restored."""
        seeds = np.random.SeedSequence((self._settings.seed, number)).generate_state(2, np.uint64)
        rng, generator = np.random.default_rng(seeds[0]), torch.Generator().manual_seed(int(seeds[1]) >> 1)
        kind = self._settings.kind(number)
        noisy, truth = _made(kind, self._scenes, rng, generator)
        filmed = pictures_of(noisy.numpy())[0]
        noise = _told(first_noise([filmed]), float(np.exp(rng.normal(*self._settings.told_off))))
        if kind == AGAIN:
            noise = _coloured(noise, float(np.exp(rng.normal(*self._settings.colours_off))))
        session = _session("lite" if rng.random() < 0.5 else "mid")  # noqa: PLR2004 - half of each
        stream = session.stream(filmed.height, filmed.width, noise)
        stream.reset()
        found = estimates(session, stream, stream.step(stream.ready(filmed)), noise)
        if found is None:
            return None
        seen = np.stack([_codes(one) for one in (filmed, found.near, found.wide, found.restored)])
        kept = np.rint(truth.numpy()[0] * (CODE_MAX * PARTS)).astype(np.uint16)
        return Lesson(number, seen, kept, found.noise)

    def made(self) -> list[Lesson]:
        """Return all of them, made by a process a core, and tell how it goes."""
        began, lessons = time.monotonic(), []
        makers = len(os.sched_getaffinity(0))
        # forked, so that scenes are shared, not copied
        loader = DataLoader(self, batch_size=None, num_workers=makers, multiprocessing_context="fork")
        for number, one in enumerate(loader, 1):
            lessons += [one] if one else []
            if number % 100 == 0:
                seconds = time.monotonic() - began
                left = seconds / number * (len(self) - number) / 60
                say(f"{number} stills  {number / seconds:.1f} a second  ETA {left:.1f} min")
        return lessons


def _made(kind: str, scenes: Scenes, rng: np.random.Generator, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a noisy still and its truth, `[1, 8, SIDE, SIDE]`."""
    chance = rng.random()
    if kind == FAINT:
        shown, again = _faint(scenes, rng), chance < 0.75  # noqa: PLR2004 - half of the photographs
        return put_on(shown, rng, generator) if chance < 0.5 else photographed(shown, rng, generator, again=again)  # noqa: PLR2004 - half
    if kind == "noise put on":
        return put_on(scenes.stills if chance < 0.7 else scenes.print, rng, generator)  # noqa: PLR2004 - seven in ten
    if kind == "strands":
        return (put_on if rng.random() < 0.5 else photographed)(scenes.strands, rng, generator)  # noqa: PLR2004 - half
    if kind == TEXTURE:
        return (put_on if chance < 0.5 else photographed)([*scenes.strands, *scenes.ground], rng, generator)  # noqa: PLR2004 - half
    if kind == AGAIN:
        kinds = ((scenes.stills, 0.6), (scenes.print, 0.15), (scenes.strands, 0.1), (scenes.ground, 0.15))
        chosen = int(np.searchsorted(np.cumsum([share for _, share in kinds]), chance))
        return photographed(kinds[chosen][0], rng, generator, again=True)
    return photographed(scenes.stills if kind == "photograph" else scenes.print, rng, generator)


def _faint(scenes: Scenes, rng: np.random.Generator) -> list[Still]:
    """Return one picture, mostly a texture's, with its texture made faint."""
    large = [still for still in scenes.stills if min(still.shape[1:]) >= RENDERED_SIZE[0]]
    often = rng.random() >= 0.2  # noqa: PLR2004 - four in five
    shown = [*scenes.strands, *scenes.ground] if often or not large else large
    return [fainter(shown[rng.integers(len(shown))], _FAINTEST ** rng.random())]


def _told(noise: NoiseProfile, louder: float) -> NoiseProfile:
    return replace(noise, shot=noise.shot * louder**2, read=noise.read * louder**2)


def _coloured(noise: NoiseProfile, louder: float) -> NoiseProfile:
    return replace(noise, chroma=float(np.clip(noise.chroma * louder, *CHROMA)))


@cache
def _session(size: str) -> Session:
    return OpenVinoBackend("f32").open(base_weights(size), SIDE, SIDE)


def _codes(picture: Picture) -> Codes:
    codes: Codes = np.rint(pack(picture)[0] * CODE_MAX).astype(np.uint16)
    return codes


def say(text: str) -> None:
    """Tell how the command goes."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command's own progress
