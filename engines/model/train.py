"""Train base weights: one loop, read top to bottom.

    python -m engines.model.train --samples SAMPLES --out engines/model/base --size lite --minutes 60

Clean sequences are cut from permitted footage, made noisy as cameras do, and the recurrent network learns to
give the clean ones back. Seeded. With `--minutes` the learning rate follows the clock, so another machine, or a
busier one, makes other weights; with `--steps` it follows the steps, and a run can be repeated.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.model.network import Network
from engines.model.patches import TRAINING, Shots, decode_clean, sha256_of
from engines.model.synthetic import add_noise, random_noise
from engines.model.topology import NOISE_SCALE, topology
from engines.model.weights import save_weights


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training run is made of, with the reason for each number."""

    size: str = "lite"
    seed: int = 20261124
    minutes: float = 60.0
    steps: int = 0  # 0: as many as fit into the minutes
    batch: int = 6  # more gives smoother steps, but fewer of them on two cores
    length: int = 5  # frames a sequence: few, so that many fit; the recurrence would want more (docs/log.md)
    side: int = 48  # packed pixels, 96 in the picture
    rate: float = 4e-3  # Adam's, after warm-up; tried from 1.5e-3 to 8e-3 (docs/log.md)
    rate_end: float = 2e-5
    warmup_steps: int = 60
    ema: float = 0.999  # averaged weights are what ships
    clean_share: float = 0.06  # sequences without noise: clean in must come out clean
    map_jitter: float = 0.25  # the noise map is an estimate in the field, so it is one here
    betas: tuple[float, float] = (0.9, 0.98)  # forgets a wild batch in fifty steps, not in a thousand
    clip_norm: float = 0.5  # gradients were 0.1-0.4 after 150 steps


def train(settings: Settings, shots: Shots, tell: Tell) -> tuple[Network, int]:
    """Return the averaged network and the steps that were made."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    network = Network(topology(settings.size))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing in torch's stubs
    averaged = deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, betas=settings.betas, weight_decay=1e-4)
    began = time.monotonic()
    step = 0
    while (done := _done(settings, step, time.monotonic() - began)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = _rate(settings, step, done)
        clean, noisy, deviation = batch(settings, shots, generator)  # [T, N, 8, s, s] twice, [T, N, 1, s, s]
        with torch.autocast("cpu", torch.bfloat16):  # 0.10 s a step against 0.15 s, two cores, 2026-11-24
            loss = sequence_loss(network, clean, noisy, deviation)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimiser.step()
        step += 1
        keep = min(settings.ema, (step + 1) / (step + 10))
        with torch.no_grad():
            for slow, fast in zip(averaged.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        tell(step, done, loss.item(), time.monotonic() - began, averaged)
    return averaged, step


def batch(settings: Settings, shots: Shots, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return clean and noisy sequences `[T, N, 8, s, s]` and the noise map `[T, N, 1, s, s]`."""
    cleans, noisies, maps = [], [], []
    for _ in range(settings.batch):
        clean = shots.sequence(settings.length, settings.side)
        draws = torch.rand(3, generator=generator)
        if draws[0] < settings.clean_share:
            noisy, deviation = clean, torch.full_like(clean[:, :1], 0.0005)
        else:
            noisy, deviation = add_noise(clean, random_noise(generator), generator)
        if draws[1] < 0.3:  # noqa: PLR2004 - a level alone, where the signal's share could not be told
            deviation = deviation.mean().expand_as(deviation)
        jitter = math.exp(settings.map_jitter * (2 * draws[2].item() - 1))
        cleans.append(clean)
        noisies.append(noisy)
        maps.append(deviation * jitter)
    return torch.stack(cleans, 1), torch.stack(noisies, 1), torch.stack(maps, 1)


def sequence_loss(network: Network, clean: Tensor, noisy: Tensor, deviation: Tensor) -> Tensor:
    """Return the loss over a sequence: Charbonnier on errors in units of the noise, luma first, each frame alike.

    In code values, loud sequences rule and quiet ones are damaged (2026-11-24, docs/log.md); in units of the noise
    each counts as its decibels do. Absolute error aims at the median of shot noise, so the penalty is squared
    where errors are small.
    """
    length, count, _, rows, columns = noisy.shape
    before = fed_back = noisy[0]
    hidden = noisy.new_zeros(count, network.topology.hidden, rows, columns)
    total = noisy.new_zeros(())
    weights = noisy.new_tensor([1.0] * 4 + [0.5] * 4).view(1, 8, 1, 1)
    unit = deviation.mean((0, 2, 3, 4)).view(-1, 1, 1, 1) + 0.003  # [N, 1, 1, 1]
    for now in range(length):
        output, hidden = network(noisy[now], before, fed_back, deviation[now] * NOISE_SCALE, hidden)
        before, fed_back = noisy[now], output.clamp(0, 1)
        error = (output.float() - clean[now]) * weights / unit
        total = total + ((error**2 + 0.25).sqrt() - 0.5).mean()
    return total / length


class Tell:
    """Prints loss, rate and ETA, and keeps a checkpoint."""

    def __init__(self, out: Path, settings: Settings) -> None:
        self._out, self._settings = out, settings
        self._loss: float | None = None
        self._saved = 0.0

    def __call__(self, step: int, done: float, loss: float, seconds: float, averaged: Network) -> None:
        """Note a step."""
        self._loss = loss if self._loss is None else 0.99 * self._loss + 0.01 * loss
        if step % 100 == 0:
            eta = seconds / max(done, 1e-6) * (1 - done)
            print(  # noqa: T201 - the command's own progress
                f"step {step}  loss {self._loss:.4f}  {step / seconds:.2f} steps/s  ETA {eta / 60:.1f} min",
                file=sys.stderr,
                flush=True,
            )
        if seconds - self._saved > 300:  # noqa: PLR2004 - five minutes lost at most
            self._saved = seconds
            save_weights(self._out / f"{averaged.topology.name}.checkpoint.safetensors", tensors_of(averaged), {})


def tensors_of(network: Network) -> dict[str, Any]:
    """Return a network's numbers under the topology's names."""
    state = network.state_dict()
    return {name.removeprefix("convolutions."): value.contiguous().numpy() for name, value in state.items()}


def _done(settings: Settings, step: int, seconds: float) -> float:
    return step / settings.steps if settings.steps else seconds / (settings.minutes * 60)


def _rate(settings: Settings, step: int, done: float) -> float:
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return warm * (settings.rate_end + (settings.rate - settings.rate_end) * cosine)


def load_shots(samples: Path, generator: torch.Generator) -> tuple[Shots, list[dict[str, Any]]]:
    """Return the training shots and their lineage: path, digest, licence, frames."""
    shots, lineage = [], []
    for footage in TRAINING:
        path = samples / footage.path
        cut = decode_clean(path, footage.divide, footage.frames)
        shots.extend(cut)
        lineage.append(asdict(footage) | {"sha256": sha256_of(path), "frames": sum(len(shot) for shot in cut)})
    return Shots(shots, generator), lineage


def main() -> None:
    """Train and write weights and card."""
    parser = argparse.ArgumentParser(description="Train base weights from the permitted samples.")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="lite")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--steps", type=int, default=0)
    arguments = parser.parse_args()
    settings = Settings(size=arguments.size, minutes=arguments.minutes, steps=arguments.steps)
    shots, lineage = load_shots(arguments.samples, torch.Generator().manual_seed(settings.seed + 1))
    began = time.strftime("%Y-%m-%d")
    network, steps = train(settings, shots, Tell(arguments.out, settings))
    card = {
        "name": network.topology.name,
        "topology": network.topology.digest,
        "parameters": network.topology.parameters,
        "made": began,
        "command": " ".join(["python -m engines.model.train", *sys.argv[1:]]),
        "repeatable": bool(settings.steps),
        "settings": asdict(settings) | {"steps": steps},
        "footage": lineage,
        "noise": "synthetic: white, demosaiced and coarse camera noise, some through a DCT codec",
        "parent": None,
    }
    save_weights(arguments.out / f"{network.topology.name}.safetensors", tensors_of(network), card)


if __name__ == "__main__":
    main()
