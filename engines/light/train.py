"""Train the illumination network's base weights: one loop, read top to bottom.

    python -m engines.light.train --samples SAMPLES --out OUT

Rendered sets, whose light is known, teach what is light and what is paint; permitted footage, whose light nobody knows,
teaches that light which is put on a picture must be found again, and nothing else (`found_again`, the loss that
tuning on a production goes by alone). Seeded; one process, one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.light.curve import FLOOR, curve_of
from engines.light.network import LightNetwork, luma_of
from engines.light.renderer import render
from engines.light.sets import drawn_set
from engines.light.stops import stops_of_packed
from engines.media.essence import CodeRange
from engines.model.footage import TRAINING, decode_clean, sha256_of
from engines.model.network import tensors_of
from engines.model.schedule import follow, rate
from engines.model.topology import LIGHT_SIDE, RELIGHT, topology
from engines.model.weights import save_weights

_SCALES = (1, 2, 4, 8)
_FRAMES = 24
"""Frames of a clip of which stills are taken."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training run is made of, with the reason for each number."""

    seed: int = 20261127
    steps: int = 4000
    seconds: float = 720.0  # of one core, footage and rendering included
    sets: int = 140  # small rendered sets: 0.7 s each
    wide_sets: int = 12  # as large as a proxy's: 4 s each
    size: tuple[int, int] = (160, 256)  # rows and columns of a small one; half of a 512 x 320 picture
    wide: tuple[int, int] = (288, 480)
    batch: int = 4
    rate: float = 3e-3
    rate_end: float = 2e-5
    warmup_steps: int = 100
    ema: float = 0.998  # averaged weights are what ships
    wide_each: int = 4  # each such step sees a wide set instead
    filmed: float = 1.0  # weight of the footage's loss,
    filmed_each: int = 3  # which joins each such step


Pair = tuple[Tensor, Tensor]
"""A picture in linear light `[3, h, w]` and the light in it."""


def train(
    settings: Settings, sets: list[Pair], wide: list[Pair], filmed: list[Tensor], checkpoint: Path | None = None
) -> tuple[LightNetwork, int]:
    """Return the averaged network and its steps; it ends when steps or seconds do.

    `checkpoint` gets the weights so far, each hundred steps.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    network = LightNetwork().train()
    averaged = deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-4)
    began, step = time.process_time(), 0
    while step < settings.steps and (spent := time.process_time() - began) < settings.seconds:
        gone = min(1.0, max(step / settings.steps, spent / settings.seconds))
        for group in optimiser.param_groups:
            group["lr"] = rate(
                step, gone, highest=settings.rate, lowest=settings.rate_end, warmup_steps=settings.warmup_steps
            )
        pool, count = (wide, 1) if wide and step % settings.wide_each == 0 else (sets, settings.batch)
        loss = rendered_loss(network, [lit(pool, generator) for _ in range(count)], generator)
        if filmed and step % settings.filmed_each == 0:
            loss = loss + settings.filmed * found_again(network, windows(filmed, generator), generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        follow(averaged, network, step + 1, settings.ema)
        step += 1
        if step % 100 == 0:
            if checkpoint:
                save_weights(checkpoint, tensors_of(averaged), {"stopped_after": step})
            print(f"step {step}  loss {loss.item():.4f}  {spent:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
    return averaged.eval(), step


def rendered_loss(network: LightNetwork, lit: list[Pair], generator: torch.Generator) -> Tensor:
    """Return how far the light that is found is from the light that is known, in stops."""
    pictures, lights = (torch.stack(part) for part in zip(*lit, strict=True))
    stops = in_stops(_filmed_by_a_camera(pictures, generator))
    return apart(network.light(stops), luma_of(in_stops(lights, floor=1e-5)))


def apart(found: Tensor, known: Tensor) -> Tensor:
    """Return the distance of two lights in stops: how bright they are, a little; how they vary, and their slopes."""
    error = found - known
    mean = error.mean((1, 2, 3), keepdim=True)
    loss = 0.2 * mean.abs().mean() + _rounded(error - mean).mean()
    for scale in _SCALES:
        coarse = functional.avg_pool2d(error, scale) if scale > 1 else error
        for axis in (2, 3):
            loss = loss + 0.25 * _rounded(coarse.diff(dim=axis)).mean()
    return loss


def _rounded(error: Tensor) -> Tensor:
    """Return |error|, rounded off below a tenth of a stop."""
    return (error**2 + 0.01).sqrt() - 0.1


def found_again(network: LightNetwork, stops: Tensor, generator: torch.Generator) -> Tensor:
    """Return how far light that is put on pictures `[N, 3, h, w]` is from what is found to be more of it, in stops.

    Nothing need be known of the pictures: their own light stays what it was, and what they reflect does too.
    """
    more = drawn_light(stops, generator)
    return apart(network.light(stops + more), network.light(stops) + luma_of(more))


def drawn_light(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return light to put on pictures, in stops `[N, 3, h, w]`: slopes, pools with soft or hard edges, and a tint."""
    count, _, height, width = like.shape
    down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    found = []
    for _ in range(count):
        draws = torch.rand(12, generator=generator) * 2 - 1
        light = 1.2 * (draws[0] * down + draws[1] * across)
        for pool in range(2):
            at = draws[2 + 4 * pool : 6 + 4 * pool]
            turned = (down - at[0]) * torch.cos(3.2 * at[2]) + (across - at[1]) * torch.sin(3.2 * at[2])
            softness = 0.01 + 0.6 * float(at[3].abs()) ** 2
            light = light + 1.5 * draws[11 - pool] * torch.sigmoid(turned / softness)
        tint = 0.3 * draws[10] * torch.tensor([1.0, 0.0, -1.0])
        found.append(light[None] + tint[:, None, None] * light.sigmoid()[None])
    return torch.stack(found)


def in_stops(linear: Tensor, floor: float = FLOOR) -> Tensor:
    """Return linear light in stops."""
    return (linear.clamp(min=0) + floor).log2()


def lit(pool: list[Pair], generator: torch.Generator) -> Pair:
    """Return a rendered picture and its light, mirrored, its colours exchanged, lit a little more, at any exposure."""
    picture, light = pool[int(torch.randint(len(pool), (), generator=generator))]
    draws = torch.rand(4, generator=generator)
    if draws[0] < 0.5:  # noqa: PLR2004 - half of them
        picture, light = picture.flip(-1), light.flip(-1)
    order = torch.randperm(3, generator=generator)
    picture, light = picture[order], light[order]
    if draws[1] < 0.5:  # noqa: PLR2004 - half of them
        more = torch.exp2(drawn_light(picture[None], generator)[0])
        picture, light = picture * more, light * more
    exposure = 0.18 * 2 ** float(2 * draws[2] - 1) / float(picture.log2().mean().exp2().clamp(min=1e-3))
    return picture * exposure, light * exposure


def _filmed_by_a_camera(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Return linear pictures as a camera gives them: some blown out, with some noise, a little soft."""
    white = torch.exp2(4 * torch.rand((len(pictures), 1, 1, 1), generator=generator))
    noise = torch.randn(pictures.shape, generator=generator) * torch.rand((len(pictures), 1, 1, 1), generator=generator)
    noisy = pictures + noise * (0.03 * pictures.clamp(min=0).sqrt() + 0.003)
    return torch.minimum(noisy, white)


def windows(filmed: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Return two windows of footage in stops, pictures of LIGHT_SIDE and more `[3, h, w]`."""
    found = []
    for _ in range(2):
        stops = filmed[int(torch.randint(len(filmed), (), generator=generator))]
        top, left = (int(torch.randint(side - LIGHT_SIDE + 1, (), generator=generator)) for side in stops.shape[-2:])
        found.append(stops[:, top : top + LIGHT_SIDE, left : left + LIGHT_SIDE])
    return torch.stack(found)


def rendered(settings: Settings) -> tuple[list[Pair], list[Pair]]:
    """Return the small and the wide sets, rendered."""
    rng = np.random.default_rng(settings.seed)
    return tuple(  # type: ignore[return-value] # two of them
        [set_of(rng, *size) for _ in range(count)]
        for count, size in ((settings.sets, settings.size), (settings.wide_sets, settings.wide))
    )


def set_of(rng: np.random.Generator, height: int, width: int) -> Pair:
    """Return a set at random, rendered."""
    lit = render(drawn_set(rng), height, width)
    return tuple(torch.from_numpy(x.transpose(2, 0, 1).copy()) for x in (lit.picture, lit.light))  # type: ignore[return-value]


def footage(samples: Path, frames: int = 4) -> tuple[list[Tensor], list[dict[str, Any]]]:
    """Return stills of the permitted footage in stops, and its lineage."""
    stills, lineage = [], []
    for clip in TRAINING:
        path = samples / clip.path
        for shot in decode_clean(path, clip.divide, min(clip.frames, _FRAMES)):
            if min(shot.shape[-2:]) >= LIGHT_SIDE:
                for still in shot[:: max(1, len(shot) // frames)][:frames]:
                    stops = stops_of_packed(still.astype(np.float32), curve_of("rec709", CodeRange.LEGAL, "bt709"))
                    stills.append(torch.from_numpy(stops.transpose(2, 0, 1).copy()))
        lineage.append(asdict(clip) | {"sha256": sha256_of(path)})
    return stills, lineage


def main() -> None:
    """Train and write weights and card."""
    parser = argparse.ArgumentParser(description="Train the illumination network's base weights.")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Settings().steps)
    parser.add_argument("--seconds", type=float, default=Settings().seconds)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings, began = Settings(steps=arguments.steps, seconds=arguments.seconds), time.process_time()
    filmed, lineage = footage(arguments.samples)
    sets, wide = rendered(settings)
    spent = time.process_time() - began
    left = Settings(steps=arguments.steps, seconds=arguments.seconds - spent)
    network, steps = train(left, sets, wide, filmed, arguments.out / f"{RELIGHT}.checkpoint.safetensors")
    card = {
        "name": RELIGHT,
        "topology": topology(RELIGHT).digest,
        "parameters": topology(RELIGHT).parameters,
        "made": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python -m engines.light.train", *sys.argv[1:]]),
        "repeatable": steps == settings.steps,
        "steps": steps,
        "core_seconds": round(time.process_time() - began),
        "settings": asdict(settings),
        "footage": lineage,
        "rendered": "sets of solids under lamps (engines/light/sets.py), whose light is known",
        "learned": "supervised on rendered sets; on footage self-supervised: light put on must be found again",
        "parent": None,
    }
    save_weights(arguments.out / f"{RELIGHT}.safetensors", tensors_of(network), card)


if __name__ == "__main__":
    main()
