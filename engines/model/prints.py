"""Prints: photographs that are taken before a run, with what is measured of their noise, to cut lessons from.

The network is told of a photograph what the service would tell it: of one what is read (`still_noise.py`), of several
an estimate, which sees the flat places that a camera's own denoiser has emptied, and misses what it left on texture. A
lesson is too small for either, so larger pictures are taken ahead. Each depends on the run's seed and its own number
alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engines.media.frames import CODE_MAX
from engines.model.footage import Clip, Still
from engines.model.noise import NoiseProfile, estimate
from engines.model.packing import pictures_of
from engines.model.patches import Patches, turned
from engines.model.photograph import light_of, mean_of_exposures, photographs, random_camera
from engines.model.still_noise import first_noise

LENGTH = 8
"""Exposures of a print, in a row."""
_SIDE = 160
"""Packed pixels, 320 in the picture: four hundred blocks to measure noise in."""
_CLOSER_STANDING, _CLOSER_MOVING = (1.5, 6.0), (1.0, 4.0)
"""How much closer a camera's own picture shows what footage shows. From where that is filmed, four hundred blocks have
hardly a flat one: noise was told 2.7 times as loud as it is, where the real pairs are told 0.58 of it (2026-11-27).
What moves is told by time, too: it may be all leaves."""
_PARTS = 16
"""A code value's parts in which truths are kept."""
_PAIRS_STANDING, _PAIRS_MOVING = 4, 2
"""Pairs of exposures that the truth is the mean of: what stands still has one truth, what moves one a picture."""


@dataclass(frozen=True, slots=True)
class Print:
    """Exposures in a row `[T, 8, s, s]`, whole code values, and what the camera gives on the mean, in 1/16 of them.

    `alone` is the noise as read of the first exposure, `together` as measured in all of them.
    """

    noisy: Clip
    truth: Clip
    alone: NoiseProfile
    together: NoiseProfile

    def cut(self, length: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return a true and a noisy sequence `[length, 8, side, side]`, and what is told of the noise, 3 channels.

        A single picture is told what is read of one, longer ones what is measured in many.
        """
        noisy, truth = (torch.from_numpy(codes.view("int16")) for codes in (self.noisy, self.truth))
        start, top, left = (
            _draw(size - taken + 1, generator)
            for size, taken in zip((len(noisy), *noisy.shape[2:]), (length, side, side), strict=True)
        )
        turns = [bool(_draw(2, generator)) for _ in range(3)]
        frames = slice(start, start + length)
        parts = noisy[frames], truth.expand_as(noisy)[frames]
        seen, wanted = (turned(part[:, :, top : top + side, left : left + side].float(), turns) for part in parts)
        profile = self.alone if length == 1 or (length < LENGTH and _draw(2, generator)) else self.together
        told = torch.from_numpy(profile.noise_map((seen / CODE_MAX).numpy()))
        return wanted / (CODE_MAX * _PARTS), seen / CODE_MAX, told


class Prints(Dataset[Print]):
    """The prints of a run, each taken when it is asked for."""

    def __init__(self, shots: list[Clip], stills: list[Still], *, seed: int, count: int) -> None:
        self._shots, self._stills, self._seed, self._count = shots, stills, seed, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Print:
        seeds = np.random.SeedSequence((self._seed, number)).generate_state(2, np.uint64)
        rng = np.random.default_rng(seeds[0])
        standing = number % 2 == 0
        side = round(_SIDE / rng.uniform(*(_CLOSER_STANDING if standing else _CLOSER_MOVING)))
        patches = Patches(self._wide(side), self._fine(side), torch.Generator().manual_seed(int(seeds[1]) >> 1))
        scene = patches.still(1, side) if standing else patches.sequence(LENGTH, side)
        camera = random_camera(rng)
        light = light_of(scene, camera, 2 * _SIDE)
        truth = mean_of_exposures(light, camera, rng, _PAIRS_STANDING if standing else _PAIRS_MOVING)
        noisy = photographs(np.repeat(light, LENGTH, 0) if standing else light, camera, rng)
        pictures = pictures_of(noisy.numpy())
        return Print(_codes(noisy), _codes(truth * _PARTS), first_noise(pictures[:1]), estimate(pictures))

    def _wide(self, side: int) -> list[Clip]:
        """Return the shots that are large enough."""
        return [shot for shot in self._shots if min(shot.shape[2:]) >= side]

    def _fine(self, side: int) -> list[Still]:
        """Return the stills that will be averaged down, so that their own noise is none of the light's."""
        return [still for still in self._stills if min(still.shape[1:]) >= 4 * side + 32]

    def taken(self, makers: int) -> list[Print]:
        """Return all of them, taken by so many processes, or here where there are none."""
        return list(
            DataLoader(
                self,
                batch_size=None,
                num_workers=makers,
                multiprocessing_context="fork" if makers else None,  # shots and stills are shared, not copied
            )
        )


def _codes(packed: Tensor) -> Clip:
    codes: Clip = (packed * CODE_MAX).round().numpy().astype(np.uint16)
    return codes


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
