"""Lessons: sequences with their noise and what is told of it, made by number, so that a run can be repeated.

A lesson depends on the run's seed, the process and its own number alone, not on who makes it: any count of processes
may prepare them ahead. Motion is found while a lesson is made, since it depends on no weights (`carry.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engines.model.carry_torch import flows
from engines.model.footage import Clip, Still
from engines.model.patches import Patches
from engines.model.prints import Print
from engines.model.synthetic import Noise, add_noise, quiet, random_noise, told


@dataclass(frozen=True, slots=True)
class Teaching:
    """What lessons are made of, with the reason for each number."""

    batch: int = 3  # sequences a lesson; more gives smoother steps, but fewer of them
    short_until: float = 0.4  # share of the lessons with short sequences, and more of them (docs/log.md, 2026-11-25):
    short: int = 3  # a shot's first picture has nothing to lean on, and in long sequences it hardly counts
    alone_after: float = 0.15  # share of those that follow with single pictures: a photograph has none beside it
    photographs: float = 0.2  # share of the sequences that a camera has made a picture of: with 0.35 made coarse noise
    photographs_alone: float = 0.6  # came out 0.75 dB worse midway (docs/log.md, 2026-11-27); of single pictures
    short_after: float = 0.25  # share of short ones among those that follow: stills and first pictures stay learned
    length: int = 8  # frames a sequence: with five the recurrence was hardly used (docs/log.md)
    leaning: int = 2  # first pictures of a long sequence that only make its past; in use a shot has a look ahead
    side: int = 48  # packed pixels, 96 in the picture
    clean_share: float = 0.06  # sequences without noise: clean in must come out clean
    map_jitter: float = 0.3  # the noise map is an estimate in the field, so it is one here
    low_share: float = 0.25  # camera sequences whose noise is told too low, as an estimate in flat places does:
    lowest: float = 0.3  # down to this share of it (on real photographs 0.14 to 1.3, most a half; docs/log.md)
    coarse_jitter: float = 0.15  # the same for how coarse it is


@dataclass(frozen=True, slots=True)
class Scenes:
    """What lessons show: shots and stills to put noise on, and prints, which have a camera's own."""

    shots: list[Clip]
    stills: list[Still]
    prints: list[Print] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Sequences: clean and noisy `[T, N, 8, s, s]`, what is told `[T, N, 3, s, s]`, motion `[T-1, N, s, s, 2]`.

    The first `leaning` pictures of each are not judged.
    """

    clean: Tensor
    noisy: Tensor
    noise: Tensor
    motion: Tensor
    leaning: int

    def to(self, device: torch.device) -> Lesson:
        """Return the lesson on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Lesson:
        """Return the lesson in memory that a GPU reads by itself; torch's loader asks for it by this name."""
        return self._each(Tensor.pin_memory)

    def _each(self, done: Callable[[Tensor], Tensor]) -> Lesson:
        return Lesson(done(self.clean), done(self.noisy), done(self.noise), done(self.motion), self.leaning)


class Lessons(Dataset[Lesson]):
    """The lessons of a run, each made when it is asked for."""

    def __init__(self, found: Scenes, teaching: Teaching, *, seed: int, rank: int, steps: int) -> None:
        self._found, self._teaching = found, teaching
        self._seed, self._rank, self._steps = seed, rank, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, number: int) -> Lesson:
        seed = np.random.SeedSequence((self._seed, self._rank, number)).generate_state(2)
        generator = torch.Generator().manual_seed(int(seed[0]) << 31 | int(seed[1]) >> 1)
        length = self._length(number, torch.rand((), generator=generator).item())
        sequences = self._teaching.batch * self._teaching.length // length
        parts = zip(*(self._sequence(length, generator) for _ in range(sequences)), strict=True)
        clean, noisy, noise = (torch.stack(part, 1) for part in parts)
        moved = [flows(now, before) for before, now in pairwise(noisy)]
        motion = torch.stack(moved) if moved else noisy.new_zeros(0, sequences, *noisy.shape[-2:], 2)
        return Lesson(clean, noisy, noise, motion, self._teaching.leaning if length == self._teaching.length else 0)

    def _length(self, number: int, drawn: float) -> int:
        """Return the length of a lesson's sequences: short ones first, then drawn."""
        teaching = self._teaching
        if number < teaching.short_until * self._steps or drawn < teaching.short_after:
            return teaching.short
        return 1 if drawn > 1 - teaching.alone_after else teaching.length

    def _sequence(self, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a clean and a noisy sequence `[T, 8, s, s]` and what is told of the noise `[T, 3, s, s]`."""
        found, teaching = self._found, self._teaching
        share = teaching.photographs_alone if length == 1 else teaching.photographs
        if found.prints and torch.rand((), generator=generator) < share:
            chosen = int(torch.randint(len(found.prints), (), generator=generator))
            return found.prints[chosen].cut(length, teaching.side, generator)
        return _made(teaching, Patches(found.shots, found.stills, generator), length, generator)

    def loaded(self, makers: int, *, pinned: bool) -> DataLoader[Lesson]:
        """Return the lessons in order, made ahead by `makers` processes, or here where there are none."""
        return DataLoader(
            self,
            batch_size=None,
            num_workers=makers,
            pin_memory=pinned,
            prefetch_factor=4 if makers else None,
            multiprocessing_context="fork" if makers else None,  # shots and stills are shared, not copied
        )


def _made(
    teaching: Teaching, patches: Patches, length: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a sequence with noise that is put on: clean, noisy, and what is told of it."""
    clean = patches.sequence(length, teaching.side)
    draws = torch.rand(6, generator=generator)
    if draws[0] < teaching.clean_share:
        noisy, told_of, low = clean, quiet(clean), False
    else:
        noise = random_noise(generator)
        noisy, deviation = add_noise(clean, noise, generator)
        if _level_alone(noise) or draws[1] < 0.3:  # noqa: PLR2004 - where the signal's share could not be told
            deviation = deviation.mean().expand_as(deviation)
        told_of, low = told(clean, noisy, deviation), noise.kind == "coarse" and bool(draws[5] < teaching.low_share)
    return clean, noisy, _jittered(told_of, (2 * draws[2:] - 1).tolist(), teaching, low=low)


def _level_alone(noise: Noise) -> bool:
    """Return whether the noise falls where the signal rises, which an estimate tells as one level."""
    return noise.gamma > 1


def _jittered(noise: Tensor, draws: list[float], teaching: Teaching, *, low: bool) -> Tensor:
    """Return what is told, as wrong as an estimate is in the field."""
    level = math.exp(teaching.map_jitter * draws[0])
    if low:
        level = math.exp(math.log(teaching.lowest) * (draws[0] + 1) / 2)
    chroma = math.exp(teaching.map_jitter * (1.5 * draws[1] - 0.5))  # smeared chroma noise hides from an estimate
    coarse = (noise[:, 2:] + teaching.coarse_jitter * draws[2]).clamp(0, 1)
    return torch.cat((noise[:, :1] * level, noise[:, 1:2] * level * chroma, coarse), 1)
