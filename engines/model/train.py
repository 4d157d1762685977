"""Train base weights: one loop, read top to bottom.

    torchrun --nproc-per-node 2 -m engines.model.train --samples SAMPLES --out OUT --size start

A process a core, each with sequences of its own; gradients are averaged at every step. Two processes of one thread do
four times the steps of one process of two, where others use the machine too (2026-11-25).

Clean sequences come from permitted footage and rendered pictures, are made noisy as cameras do, and the recurrent
network learns to give the clean ones back. Seeded; the learning rate follows the steps, so a run can be repeated. Which
runs made the shipped weights is told in docs/log.md.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from engines.model.footage import TRAINING, Clip, decode_clean, decode_stills, sha256_of
from engines.model.leaves import dead_leaves
from engines.model.network import Network, network_of, tensors_of
from engines.model.patches import Patches
from engines.model.resized import resized
from engines.model.synthetic import add_noise, luma_deviation, quiet, random_noise, told
from engines.model.topology import topology
from engines.model.weights import Weights, load_weights, save_weights

_RENDERED_SIZE = (864, 1152)
_SHARPER = 1.6
"""Each clip is taken once more, this much smaller: what was soft at its size is sharp there."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training run is made of, with the reason for each number."""

    size: str = "lite"
    seed: int = 20261124
    steps: int = 5_000
    workers: int = 1  # processes
    batch: int = 3  # sequences a process; more gives smoother steps, but fewer of them
    short_until: float = 0.4  # share of the steps with short sequences, and more of them (docs/log.md, 2026-11-25):
    short: int = 3  # a shot's first picture has nothing to lean on, and in long sequences it hardly counts
    length: int = 8  # frames a sequence: with five the recurrence was hardly used (docs/log.md)
    side: int = 48  # packed pixels, 96 in the picture
    rate: float = 4e-3  # Adam's, after warm-up; tried from 1.5e-3 to 8e-3 (docs/log.md)
    rate_end: float = 2e-5
    warmup_steps: int = 100
    ema: float = 0.999  # averaged weights are what ships
    clean_share: float = 0.06  # sequences without noise: clean in must come out clean
    map_jitter: float = 0.3  # the noise map is an estimate in the field, so it is one here
    coarse_jitter: float = 0.15  # the same for how coarse it is
    betas: tuple[float, float] = (0.9, 0.98)  # forgets a wild batch in fifty steps, not in a thousand
    clip_norm: float = 0.5  # gradients were 0.1-0.4 after 150 steps
    decibels_from: float = 0.5  # share of the steps after which the loss is in decibels, as what is judged
    start: str = ""  # digest of the weights that a run goes on from
    leaning: int = 0  # first pictures of a sequence that only make its past; in use a shot begins with a look ahead
    rendered: int = 20  # pictures of dead leaves
    stills: int = 3  # of each clip, at its full size


def train(settings: Settings, patches: Patches, tell: Tell, start: Weights | None = None) -> Network:
    """Return the averaged network; `start` are weights to go on from."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed + 1000 * _rank())
    network = network_of(start).train() if start else Network(topology(settings.size))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing in torch's stubs
    averaged = deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, betas=settings.betas, weight_decay=1e-4)
    began = time.monotonic()
    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = _rate(settings, step)
        length = settings.short if step < settings.short_until * settings.steps else settings.length
        clean, noisy, noise = batch(settings, patches, length, generator)  # [T, N, 8, s, s] twice, [T, N, 3, s, s]
        judge = LOSSES[step >= settings.decibels_from * settings.steps]
        loss = judge(_errors(network, clean, noisy, noise)[settings.leaning :])
        if not math.isfinite(loss.item()):
            raise ArithmeticError(f"the loss is no number at step {step + 1}; the checkpoint before it is whole")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        _average_gradients(network, settings.workers)
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimiser.step()
        keep = min(settings.ema, (step + 2) / (step + 11))
        with torch.no_grad():
            for slow, fast in zip(averaged.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        tell(step + 1, loss.item(), time.monotonic() - began, averaged)
    return averaged


def _average_gradients(network: Network, workers: int) -> None:
    """Make every process's gradients the mean of all."""
    if workers == 1:
        return
    gradients = [x.grad for x in network.parameters() if x.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient) / workers)


def _rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def batch(
    settings: Settings, patches: Patches, length: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return clean and noisy sequences `[T, N, 8, s, s]` and what is told of their noise `[T, N, 3, s, s]`."""
    cleans, noisies, maps = [], [], []
    for _ in range(settings.batch * settings.length // length):
        clean = patches.sequence(length, settings.side)
        draws = torch.rand(5, generator=generator)
        if draws[0] < settings.clean_share:
            noisy, noise = clean, quiet(clean)
        else:
            noisy, deviation = add_noise(clean, random_noise(generator), generator)
            if draws[1] < 0.3:  # noqa: PLR2004 - a level alone, where the signal's share could not be told
                deviation = deviation.mean().expand_as(deviation)
            noise = told(clean, noisy, deviation)
        cleans.append(clean)
        noisies.append(noisy)
        maps.append(_jittered(noise, (2 * draws[2:] - 1).tolist(), settings))
    return torch.stack(cleans, 1), torch.stack(noisies, 1), torch.stack(maps, 1)


def _jittered(noise: Tensor, draws: list[float], settings: Settings) -> Tensor:
    """Return what is told, as wrong as an estimate is in the field."""
    level = math.exp(settings.map_jitter * draws[0])
    chroma = math.exp(settings.map_jitter * (1.5 * draws[1] - 0.5))  # smeared chroma noise hides from an estimate
    coarse = (noise[:, 2:] + settings.coarse_jitter * draws[2]).clamp(0, 1)
    return torch.cat((noise[:, :1] * level, noise[:, 1:2] * level * chroma, coarse), 1)


def sequence_loss(errors: list[Tensor]) -> Tensor:
    """Return the loss over sequences: Charbonnier on errors in units of the noise, luma first, each frame alike.

    In code values, loud sequences rule and quiet ones are damaged (2026-11-24, docs/log.md); in units of the noise
    each counts as its decibels do. Absolute error aims at the median of shot noise, so the penalty is squared
    where errors are small.
    """
    return torch.stack([charbonnier(error).mean() for error in errors]).mean()


def decibel_loss(errors: list[Tensor]) -> Tensor:
    """Return the mean logarithm of each sequence's squared error, in units of the noise: what is judged, decibels.

    So a smooth sequence, where nearly all noise can go, counts as much as one of leaves in wind, where little can;
    under the other loss leaves rule. It begins where the other one has ended.
    """
    squares = [error**2 for error in errors]
    return (torch.stack(squares).mean((0, 2, 3, 4)) + 1e-3).log().mean()


def _errors(network: Network, clean: Tensor, noisy: Tensor, noise: Tensor) -> list[Tensor]:
    """Return what each frame lacks, in units of the noise."""
    unit = luma_deviation(noise).mean((0, 2, 3, 4)).view(-1, 1, 1, 1) + 0.003  # [N, 1, 1, 1]
    weights = channel_weights(noisy)
    return [(output.float() - clean[t]) * weights / unit for t, output in enumerate(network.run(noisy, noise))]


def charbonnier(error: Tensor) -> Tensor:
    """Return a penalty that is squared for small errors and absolute for large ones."""
    return (error**2 + 0.25).sqrt() - 0.5


def channel_weights(like: Tensor) -> Tensor:
    """Return what errors of packed channels weigh: luma 1, chroma less, for the eye sees less of it."""
    return like.new_tensor([1.0] * 4 + [0.75] * 4).view(1, 8, 1, 1)


LOSSES = (sequence_loss, decibel_loss)


class Tell:
    """Prints loss, rate and ETA, and keeps a checkpoint."""

    def __init__(self, out: Path, settings: Settings, card: dict[str, Any]) -> None:
        self._out, self._settings, self._card = out, settings, card
        self._loss: float | None = None
        self._saved = 0.0

    def __call__(self, step: int, loss: float, seconds: float, averaged: Network) -> None:
        """Note a step."""
        self._loss = loss if self._loss is None else 0.99 * self._loss + 0.01 * loss
        if step % 100 == 0 and _rank() == 0:
            eta = seconds / step * (self._settings.steps - step)
            print(  # noqa: T201 - the command's own progress
                f"step {step}  loss {self._loss:.4f}  {step / seconds:.2f} steps/s  ETA {eta / 60:.1f} min",
                file=sys.stderr,
                flush=True,
            )
        if seconds - self._saved > 300 and _rank() == 0:  # noqa: PLR2004 - five minutes lost at most
            self._saved = seconds
            path = self._out / f"{averaged.topology.name}.checkpoint.safetensors"
            save_weights(path, tensors_of(averaged), self._card | {"stopped_after": step})


def _rate(settings: Settings, step: int) -> float:
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return warm * (settings.rate_end + (settings.rate - settings.rate_end) * cosine)


def load_patches(samples: Path, settings: Settings) -> tuple[Patches, list[dict[str, Any]]]:
    """Return what is trained on, and the footage's lineage: path, digest, licence, frames."""
    shots: list[Clip] = []
    lineage = []
    stills = [dead_leaves(*_RENDERED_SIZE, seed=settings.seed + number) for number in range(settings.rendered)]
    for footage in TRAINING:
        path = samples / footage.path
        for divide in (footage.divide, footage.divide * _SHARPER):
            shots.extend(shot for shot in decode_clean(path, divide, footage.frames) if shot.shape[2] >= settings.side)
        stills.extend(
            still
            for still in decode_stills(path, footage.frames, settings.stills)
            if min(still.shape[1:]) >= 4 * settings.side + 16
        )
        lineage.append(asdict(footage) | {"sha256": sha256_of(path)})
    return Patches(shots, stills, torch.Generator().manual_seed(settings.seed + 1 + _rank())), lineage


def main() -> None:
    """Train and write weights and card."""
    parser = argparse.ArgumentParser(description="Train base weights from the permitted samples.")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="lite")
    parser.add_argument("--steps", type=int, default=Settings().steps)
    parser.add_argument("--parent", type=Path, help="weights to go on from, in decibels")
    parser.add_argument("--parent-size", help="their size, if another: the network is grown from them, or thinned")
    arguments = parser.parse_args()
    workers = int(os.environ.get("WORLD_SIZE", "1"))  # set by torchrun
    if workers > 1:
        torch.set_num_threads(1)
        distributed.init_process_group("gloo")
    settings, start = Settings(size=arguments.size, steps=arguments.steps, workers=workers), None
    if arguments.parent:
        start = resized(load_weights(arguments.parent, arguments.parent_size or arguments.size), arguments.size)
        settings = replace(
            settings,
            seed=int(start.digest[:8], 16),  # other sequences than its parent's
            leaning=2,
            short_until=0.0,
            decibels_from=0.0,
            start=start.digest,
            rate=1.5e-3,
            rendered=16,
        )
    patches, lineage = load_patches(arguments.samples, settings)
    card = {
        "name": topology(settings.size).name,
        "topology": topology(settings.size).digest,
        "parameters": topology(settings.size).parameters,
        "made": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python -m engines.model.train", *sys.argv[1:]]),
        "repeatable": True,
        "settings": asdict(settings),
        "footage": lineage,
        "rendered": "dead leaves (engines/model/leaves.py)",
        "noise": "synthetic: white, demosaiced and coarse camera noise, some through a DCT codec",
        "parent": start.card if start else None,
    }
    network = train(settings, patches, Tell(arguments.out, settings, card), start)
    if not _rank():
        save_weights(arguments.out / f"{network.topology.name}.safetensors", tensors_of(network), card)


if __name__ == "__main__":
    main()
