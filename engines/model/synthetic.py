"""Camera noise made on purpose, for training and for judging: on packed pictures, in torch.

White noise is not camera noise: a sensor's noise depends on the signal, goes through a mosaic and its
interpolation (which colours and coarsens it), through the camera's own filtering, and through a codec. Each
of these steps is linear in the noise or nearly so, therefore noise fields are made in R'G'B', carried to
Y'CbCr 4:2:2 by the matrix and added to the clean code values, which stay untouched by conversion.

Source: Foi et al. 2008 (Poisson-Gaussian model); kinds and their effect on real pairs as measured in the
project's model notes, 2026-11.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.model.topology import NOISE_SCALE

LEGAL_BLACK, LEGAL_SPAN = 64 / 1023, 876 / 1023
ROUNDING = 0.0005
"""Least luma deviation that is told, half a code value of 1023: nothing is divided by less, also where a codec has
taken all noise out (a run of 6,800 steps was lost to a zero there, 2026-11-25)."""
_TO_YCBCR = torch.tensor([[0.2126, 0.7152, 0.0722], [-0.114572, -0.385428, 0.5], [0.5, -0.454153, -0.045847]])
"""BT.709, R'G'B' to Y'CbCr. Source: ITU-R BT.709-6, item 3.2-3.3."""
_GREY = 0.4
"""Middle grey, of R'G'B' 0-1."""
_LEGAL_SCALE = torch.tensor([876 / 1023, 896 / 1023, 896 / 1023])


@dataclass(frozen=True, slots=True)
class Noise:
    """One camera's noise: variance `shot * signal + read^2` of R'G'B' 0-1, coarseness and codec.

    `kind` is white, bayer or coarse; `blur` the standard deviation in pixels of coarse noise, `white` its white
    share, `mix` how much the channels share; `codec` the quantiser step (0: none) of an 8x8 DCT codec. `smear` is
    how much further a camera has blurred its chroma noise, `flat` what its own denoiser leaves of it in flat places,
    `sharp` how much its sharpening has raised it. Above 1, `gamma` is the curve that came after the sensor: the
    variance is then that of linear light, and noise is loudest in the dark.
    """

    kind: str
    shot: float
    read: float
    blur: float = 0.0
    white: float = 0.0
    mix: float = 0.0
    codec: float = 0.0
    smear: float = 0.0
    flat: float = 1.0
    sharp: float = 0.0
    gamma: float = 1.0


def random_noise(generator: torch.Generator) -> Noise:
    """Return a camera drawn at random: coarse and correlated most often, as real footage is."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    kind = ("coarse", "coarse", "bayer", "white", "white")[int(draw(0, 5))]
    level = 10 ** draw(-2.7, -1.0)  # standard deviation at middle grey: 0.5 to 26 of 255
    share = draw(0.0, 1.0)
    return Noise(
        kind,
        shot=share * level**2 / 0.4,
        read=((1 - share) ** 0.5) * level,
        blur=draw(0.4, 1.8),
        white=draw(0.0, 0.5),
        mix=draw(0.0, 0.6),
        codec=10 ** draw(-2.6, -1.5) if draw(0, 1) < (0.4 if kind == "coarse" else 0.1) else 0.0,
        smear=draw(0.5, 3.0) if kind == "coarse" and draw(0, 1) < 0.5 else 0.0,  # noqa: PLR2004 - half of them
        flat=draw(0.2, 1.0) if kind == "coarse" and draw(0, 1) < 0.5 else 1.0,  # noqa: PLR2004 - half of them
        sharp=draw(0.0, 1.5) if kind == "coarse" and draw(0, 1) < 0.4 else 0.0,  # noqa: PLR2004 - two in five
        gamma=draw(1.5, 2.6) if kind == "coarse" and draw(0, 1) < 0.4 else 1.0,  # noqa: PLR2004 - two in five
    )


def add_noise(clean: Tensor, noise: Noise, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the noisy pictures and the luma noise's standard deviation.

    Shape: clean and noisy `[T, 8, h, w]`, deviation `[T, 1, h, w]`. Range: code values / 1023.
    """
    luma, chroma = planes(clean)
    colours = rgb(luma, chroma)
    deviation = _deviation(colours.clamp(0, 1), noise)
    field = deviation * _unit_field(colours.shape, noise, generator)
    ycc = torch.einsum("ij,tjhw->tihw", _TO_YCBCR, field) * _LEGAL_SCALE.view(1, 3, 1, 1)
    if noise.smear:
        ycc = torch.cat((ycc[:, :1], _as_loud(_blurred(ycc[:, 1:], noise.smear), ycc[:, 1:])), 1)
    told_luma = ycc[:, :1]
    if noise.flat < 1:
        told_luma = noise.flat * told_luma
        ycc = ycc * _left_by_denoiser(luma, noise)
    noisy = pack_planes(luma + ycc[:, :1], chroma + functional.avg_pool2d(ycc[:, 1:], (1, 2)))
    if noise.codec:
        noisy = _codec(noisy, noise.codec)
    noisy = (noisy * 1023).round().clamp(4, 1019) / 1023
    return noisy, _luma_deviation(deviation, told_luma)


def _deviation(colours: Tensor, noise: Noise) -> Tensor:
    """Return the deviation at a signal 0-1: as the model has it, or through the curve that came after the sensor.

    A curve x^(1/g) raises noise by its slope. At middle grey the level is the same for every curve.
    """
    if noise.gamma == 1:
        return (noise.shot * colours + noise.read**2).sqrt()
    linear = colours**noise.gamma
    slope = (colours + 0.05) ** (1 - noise.gamma) * _GREY ** (noise.gamma - 1)
    bent: Tensor = (noise.shot * linear * _GREY ** (1 - noise.gamma) + noise.read**2).sqrt() * slope.clamp(max=4.0)
    return bent


def told(clean: Tensor, noisy: Tensor, deviation: Tensor) -> Tensor:
    """Return what is to be told of this noise, `[T, 3, h, w]`: as `NoiseProfile.noise_map`, but from the truth.

    The luma deviation is scaled to what is really there, since a codec takes noise out; what it takes out of the
    picture besides is not noise, so it is never scaled up.
    """
    luma, chroma = planes(noisy - clean)
    level, rms = luma.std(), (deviation**2).mean().sqrt()
    beside = (luma[..., 1:] * luma[..., :-1]).mean() + (luma[..., 1:, :] * luma[..., :-1, :]).mean()
    coarse = (beside / (2 * level**2 + 1e-12)).clamp(0, 1)
    scaled = (deviation * (level / rms).clamp(max=1.0)).clamp(min=ROUNDING)
    return noise_maps(scaled, float((chroma.std() / level.clamp(min=ROUNDING)).clamp(0.3, 2)), float(coarse))


def noise_maps(deviation: Tensor, chroma: float, coarse: float) -> Tensor:
    """Return what the network is told `[T, 3, h, w]`, of the luma deviation `[T, 1, h, w]` in code values / 1023."""
    luma = deviation * NOISE_SCALE
    return torch.cat((luma, luma * chroma, torch.full_like(luma, coarse)), 1)


def quiet(clean: Tensor) -> Tensor:
    """Return what is told `[T, 3, h, w]` of pictures that have no noise but their rounding."""
    return noise_maps(torch.full_like(clean[:, :1], ROUNDING), 0.6, 0.0)


def luma_deviation(noise: Tensor) -> Tensor:
    """Return the luma deviation `[..., 1, h, w]` in code values / 1023 that is told `[..., 3, h, w]`."""
    return noise[..., :1, :, :] / NOISE_SCALE


def planes(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Return luma `[T, 1, H, W]` and chroma `[T, 2, H, W/2]` of packed pictures `[T, 8, h, w]`."""
    luma = functional.pixel_shuffle(packed[:, :4], 2)
    t, _, h, w = packed.shape
    chroma = packed[:, 4:].reshape(t, 2, 2, h, w).permute(0, 1, 3, 2, 4).reshape(t, 2, h * 2, w)
    return luma, chroma


def pack_planes(luma: Tensor, chroma: Tensor) -> Tensor:
    """Return packed pictures `[T, 8, h, w]`; the inverse of `planes`."""
    t, _, height, width = chroma.shape
    lines = chroma.reshape(t, 2, height // 2, 2, width).permute(0, 1, 3, 2, 4)
    return torch.cat((functional.pixel_unshuffle(luma, 2), lines.reshape(t, 4, height // 2, width)), 1)


def rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Return R'G'B' `[T, 3, H, W]`, 0-1 nominal, of luma `[T, 1, H, W]` and chroma `[T, 2, H, W/2]`."""
    y = (luma - LEGAL_BLACK) / LEGAL_SPAN
    cb, cr = ((chroma - 512 / 1023) * (1023 / 896)).repeat_interleave(2, dim=3).unbind(1)
    red, blue = y[:, 0] + 1.5748 * cr, y[:, 0] + 1.8556 * cb
    green = y[:, 0] - 0.187324 * cb - 0.468124 * cr
    return torch.stack((red, green, blue), 1)


def from_rgb(colours: Tensor) -> tuple[Tensor, Tensor]:
    """Return luma and chroma, as `rgb` takes them, of R'G'B' `[T, 3, H, W]`."""
    ycc = torch.einsum("ij,tjhw->tihw", _TO_YCBCR, colours) * _LEGAL_SCALE.view(1, 3, 1, 1)
    return ycc[:, :1] + LEGAL_BLACK, functional.avg_pool2d(ycc[:, 1:], (1, 2)) + 512 / 1023


def _unit_field(shape: torch.Size, noise: Noise, generator: torch.Generator) -> Tensor:
    """Return R'G'B' noise of unit variance, new for each frame."""
    if noise.kind == "bayer":
        return _demosaicked(shape, generator)
    white = torch.randn(shape, generator=generator)
    if noise.kind == "white":
        return white
    coarse = _unit(_blurred(torch.randn(shape, generator=generator), noise.blur))
    field = noise.white**0.5 * white + (1 - noise.white) ** 0.5 * coarse
    if noise.sharp:
        field = _unit(field + noise.sharp * (field - _blurred(field, 1.0)))
    shared = field.mean(1, keepdim=True) * 3**0.5
    mixed: Tensor = noise.mix**0.5 * shared + (1 - noise.mix) ** 0.5 * field
    return mixed


def _demosaicked(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Return white mosaic noise after bilinear interpolation of an RGGB mosaic, unit variance."""
    t, _, height, width = shape
    mosaic = torch.randn((t, 1, height, width), generator=generator)
    rows, columns = torch.arange(height).view(-1, 1) % 2, torch.arange(width).view(1, -1) % 2
    masks = torch.stack(((rows + columns == 0), (rows != columns), (rows + columns == 2))).float()  # noqa: PLR2004 - RGGB
    kernel = torch.tensor([[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]).repeat(3, 1, 1, 1)
    kernel[1] = torch.tensor([[0.0, 0.25, 0.0], [0.25, 1.0, 0.25], [0.0, 0.25, 0.0]])
    return _unit(functional.conv2d(mosaic * masks, kernel, padding=1, groups=3))


def _blurred(field: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(3 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).view(1, 1, 1, -1).repeat(field.shape[1], 1, 1, 1)
    padded = functional.pad(field, (radius,) * 4, mode="reflect")
    across = functional.conv2d(padded, taps, groups=field.shape[1])
    return functional.conv2d(across, taps.transpose(2, 3), groups=field.shape[1])


def _as_loud(field: Tensor, other: Tensor) -> Tensor:
    return field * (other.std() / field.std())


def _left_by_denoiser(luma: Tensor, noise: Noise) -> Tensor:
    """Return the share of the noise that a camera's own denoiser leaves: `flat` in flat places, all in texture.

    What is told is the noise of the flat places, as an estimate finds it: on the real pairs of the bench a half of the
    noise's deviation (2026-11-25).
    """
    mean = functional.avg_pool2d(luma, 7, 1, 3, count_include_pad=False)
    spread = functional.avg_pool2d((luma - mean) ** 2, 7, 1, 3, count_include_pad=False).sqrt()
    level = (0.4 * noise.shot + noise.read**2) ** 0.5
    left: Tensor = noise.flat + (1 - noise.flat) * spread / (spread + level)
    return left


def _unit(field: Tensor) -> Tensor:
    return field / field.std(dim=(0, 2, 3), keepdim=True)


def _luma_deviation(deviation: Tensor, luma: Tensor) -> Tensor:
    """Return the deviation of luma noise at half resolution, in code values / 1023.

    It follows the signal as the model says, and is as loud as the field is: channels that share their noise add up.
    """
    weights = _TO_YCBCR[0].view(1, 3, 1, 1)
    variance = ((deviation * weights) ** 2).sum(1, keepdim=True)
    return functional.avg_pool2d(variance * ((luma**2).mean() / variance.mean()), 2).sqrt()


def _codec(packed: Tensor, step: float) -> Tensor:
    """Return pictures after an 8x8 DCT codec that quantises high frequencies more, blind to time."""
    luma, chroma = planes(packed)
    coded = [_quantised(plane, step * factor) for plane, factor in ((luma, 1.0), (chroma, 1.5))]
    return pack_planes(*coded)


def _quantised(plane: Tensor, step: float) -> Tensor:
    t, c, height, width = plane.shape
    rows, columns = -(-height // 8) * 8, -(-width // 8) * 8
    padded = functional.pad(plane, (0, columns - width, 0, rows - height), mode="replicate")
    blocks = padded.reshape(t, c, rows // 8, 8, columns // 8, 8).permute(0, 1, 2, 4, 3, 5)
    basis = _dct_basis()
    steps = step * (1 + 0.35 * (torch.arange(8).view(-1, 1) + torch.arange(8).view(1, -1)))
    levels = (basis @ blocks @ basis.T / steps).round() * steps
    restored = (basis.T @ levels @ basis).permute(0, 1, 2, 4, 3, 5).reshape(t, c, rows, columns)
    return restored[:, :, :height, :width]


def _dct_basis() -> Tensor:
    """Return the orthonormal 8x8 DCT-II basis."""
    k, n = torch.arange(8.0).view(-1, 1), torch.arange(8.0).view(1, -1)
    basis = torch.cos(torch.pi * (n + 0.5) * k / 8) * 0.5
    basis[0] *= 2**-0.5
    return basis
