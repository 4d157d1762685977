"""What a production's noise looks like, measured on its own pictures, and made again for training.

White noise is not camera noise: level and signal dependence are the profile's, and how coarse the noise is in
luma and in chroma is this module's: its power at each frequency, measured with the scene taken out. Nothing is
assumed of its shape, so stripes and codec noise are met as they are. Luma and chroma are made independent of each
other, and so are frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from engines.media.frames import CODE_MAX, Picture
from engines.model.noise import NoiseProfile
from engines.model.synthetic import noise_maps, pack_planes, planes

SIDE = 16
"""Frequencies of a grain, down and across."""
_BLOCK = 2 * SIDE
"""Side of the blocks whose spectrum is taken, every other frequency of it: a smaller one smears coarse noise."""
_SMEAR = (0.808, 0.096)
"""Share of a frequency's power that such a block, tapered by a half sine, tells as its own, and as each neighbour's."""
_QUIET, _LOUDER = 0.15, 1.5
"""The share of the blocks that is free of motion for sure, and how much louder others may be. The quietest alone
would make coarse noise fine: what little varies is what has least of the low frequencies (tests/model)."""
_LEAST_BLOCKS = 24

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grain:
    """Noise power at each frequency of y, cb and cr, over the luma variance that the profile tells.

    `power` has the shape `[3, SIDE, SIDE]`, frequencies as numpy.fft.fft2 orders them, in each plane's own raster;
    its mean over luma is 1.
    """

    profile: NoiseProfile
    power: Floats

    def add_to(self, clean: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return clean pictures with this noise, and what is told of it.

        Shape: `[T, 8, h, w]` and `[T, 3, h, w]`. Range: code values / 1023, rounded to whole ones.
        """
        luma, chroma = planes(clean)
        deviation = self.deviation(luma)
        fields = [_field(luma.shape, self.power[0], generator)]
        half = (chroma.shape[0], 1, *chroma.shape[2:])
        fields += [_field(half, self.power[channel], generator) for channel in (1, 2)]
        beside = functional.avg_pool2d(deviation, (1, 2))
        noisy = pack_planes(luma + deviation * fields[0], chroma + beside * torch.cat(fields[1:], 1))
        return (noisy * CODE_MAX).round().clamp(4, 1019) / CODE_MAX, self._told(functional.avg_pool2d(deviation, 2))

    def told(self, filmed: Tensor) -> Tensor:
        """Return what is told of the noise of packed pictures `[T, 8, h, w]` that have it: `[T, 3, h, w]`."""
        return self._told(self.deviation(filmed[:, :4].mean(1, keepdim=True)))

    def _told(self, deviation: Tensor) -> Tensor:
        beside = np.cos(2 * np.pi * np.fft.fftfreq(SIDE))
        coarse = (self.power[0] * (beside[:, None] + beside) / 2).sum() / self.power[0].sum()
        return noise_maps(deviation, float(self.power[1:].mean() ** 0.5), float(np.clip(coarse, 0, 1)))

    def deviation(self, luma: Tensor) -> Tensor:
        """Return the deviation at a luma, same shape."""
        return (self.profile.shot * luma + self.profile.read).clamp(min=2.5e-7).sqrt()


def measure(pictures: Sequence[Picture], profile: NoiseProfile) -> Grain:
    """Return the grain of a shot, from two or more of its pictures in a row.

    From the changes between pictures, in blocks as quiet as any: where something moved, texture only adds.
    """
    spectra = [
        _spectrum(np.concatenate([_changes(pair, name, profile) for pair in pairwise(pictures)]))
        for name in ("y", "cb", "cr")
    ]
    level = float(spectra[0].mean())
    return Grain(profile, np.stack([spectrum / level for spectrum in spectra]).astype(np.float32))


def _changes(pair: tuple[Picture, Picture], name: str, profile: NoiseProfile) -> Floats:
    """Return blocks `[N, _BLOCK, _BLOCK]` of one picture's noise, in units of the luma deviation there.

    Left out are blocks that clip and those that did not change: a codec copied them.
    """
    before, now = (_cut(getattr(picture, name)) for picture in pair)
    luma = _cut(pair[1].y if name == "y" else pair[1].y[:, ::2]).mean((1, 2), keepdims=True)
    change = (now - before) * np.float32(0.5**0.5) / profile.deviation(luma.astype(np.float32))
    usable = ((luma > 0.02) & (luma < 0.98))[:, 0, 0] & change.any((1, 2))  # noqa: PLR2004 - clipped noise is not noise
    blocks: Floats = (change - change.mean((1, 2), keepdims=True))[usable].astype(np.float32)
    return blocks


def _spectrum(blocks: Floats) -> Floats:
    """Return the mean power of the quiet blocks, white where there are too few to tell."""
    if len(blocks) < _LEAST_BLOCKS:
        return np.ones((SIDE, SIDE), np.float32)
    variance = blocks.var((1, 2))
    quiet = blocks[variance <= _LOUDER * np.quantile(variance, _QUIET)]
    taper = np.sin(np.pi * (np.arange(_BLOCK) + 0.5) / _BLOCK).astype(np.float32)
    power = np.abs(np.fft.fft2(quiet * taper[:, None] * taper)) ** 2 / (taper**2).sum() ** 2
    spectrum = _sharpened(power.mean(0)[::2, ::2])
    spectrum[0, 0] = (spectrum[0, 1] + spectrum[1, 0]) / 2  # a change of light is none of the noise's
    told: Floats = spectrum.astype(np.float32)
    return told


def _sharpened(spectrum: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a spectrum with what a block smears of each frequency into the next ones put back."""
    kept, beside = _SMEAR
    left = kept + 2 * beside * np.cos(2 * np.pi * np.arange(SIDE) / SIDE)
    sharp: npt.NDArray[np.float64] = np.fft.fft2(np.fft.ifft2(spectrum) / left / left[:, None]).real
    return np.maximum(sharp, 0)


def _field(shape: torch.Size | tuple[int, ...], power: Floats, generator: torch.Generator) -> Tensor:
    """Return noise of the given power, new for each frame."""
    rows, columns = shape[-2:]
    wrapped = torch.from_numpy(np.pad(power, ((0, 1), (0, 1)), mode="wrap"))[None, None]
    spread = functional.interpolate(wrapped, (rows + 1, columns + 1), mode="bilinear", align_corners=True)
    gain = spread[0, 0, :rows, : columns // 2 + 1].clamp(min=0).sqrt()
    white = torch.randn(shape, generator=generator)
    field: Tensor = torch.fft.irfft2(torch.fft.rfft2(white) * gain, s=(rows, columns))
    return field


def _cut(plane: npt.NDArray[np.uint16]) -> Floats:
    rows, columns = plane.shape[0] // _BLOCK, plane.shape[1] // _BLOCK
    cut = plane[: rows * _BLOCK, : columns * _BLOCK].astype(np.float32) / CODE_MAX
    blocks = cut.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK, _BLOCK)
    return blocks.astype(np.float32, copy=False)
