"""Train base weights: one loop, read top to bottom.

    python -m engines.model.train --samples SAMPLES --out OUT --size lite --size mid --device cuda --makers 15
    torchrun --nproc-per-node 2 -m engines.model.train --samples SAMPLES --out OUT --size lite

Clean sequences come from permitted footage and rendered pictures, are made noisy as cameras do, and the recurrent
network learns to give the clean ones back. Sizes that are trained together learn from the same lessons, for making
these costs more than learning. On a GPU the lessons are made ahead by processes; on CPUs alone there is a process
a core, each with lessons of its own, and gradients are averaged at every step: two processes of one thread do four
times the steps of one process of two, where others use the machine too (2026-11-25).

Seeded, and the learning rate follows the steps: on a CPU a run can be repeated exactly, on a GPU, which adds in no
fixed order, to rounding. Which runs made the shipped weights is told in docs/log.md.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from engines.model.footage import TRAINING, Clip, Footage, Still, decode_clean, decode_stills, sha256_of
from engines.model.leaves import RENDERED_SIZE, dead_leaves
from engines.model.lessons import Lesson, Lessons, Scenes, Teaching
from engines.model.network import Network, network_of, tensors_of
from engines.model.prints import Prints
from engines.model.resized import resized
from engines.model.schedule import follow, rate
from engines.model.synthetic import luma_deviation
from engines.model.topology import topology
from engines.model.weights import Weights, load_weights, save_weights

_SHARPER = 1.6
"""Each clip is taken once more, this much smaller: what was soft at its size is sharp there."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training run is made of, with the reason for each number."""

    teaching: Teaching = field(default_factory=Teaching)
    seed: int = 20261124
    steps: int = 5_000
    workers: int = 1  # processes that learn
    makers: int = 0  # processes that make lessons ahead; none: the learning process makes its own
    device: str = "cpu"
    rate: float = 4e-3  # Adam's, after warm-up; tried from 1.5e-3 to 8e-3 (docs/log.md)
    rate_end: float = 2e-5
    warmup_steps: int = 100
    ema: float = 0.999  # averaged weights are what ships
    betas: tuple[float, float] = (0.9, 0.98)  # forgets a wild batch in fifty steps, not in a thousand
    clip_norm: float = 0.5  # gradients were 0.1-0.4 after 150 steps
    decibels_from: float = 0.5  # share of the steps after which the loss is in decibels, as what is judged
    start: str = ""  # digest of the weights that a run goes on from
    rendered: int = 20  # pictures of dead leaves
    stills: int = 3  # of each clip, at its full size
    prints: int = 120  # photographs taken ahead


class Learner:
    """One network that learns: its averaged twin is what ships."""

    def __init__(self, network: Network, settings: Settings) -> None:
        self.settings, self.device = settings, torch.device(settings.device)
        self.network = network.train().to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing in torch's stubs
        self.averaged = deepcopy(self.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.rate, betas=settings.betas, weight_decay=1e-4
        )

    def learn(self, lesson: Lesson, step: int) -> Tensor:
        """Take one step and return the loss before it."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(step)
        judge = LOSSES[step >= self.settings.decibels_from * self.settings.steps]
        loss = judge(_errors(self.network, lesson)[lesson.leaning :])
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        _average_gradients(self.network, self.settings.workers)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimiser.step()
        follow(self.averaged, self.network, step + 2, self.settings.ema)
        return loss.detach()

    def _rate(self, step: int) -> float:
        highest, lowest = self.settings.rate, self.settings.rate_end
        gone = step / self.settings.steps
        return rate(step, gone, highest=highest, lowest=lowest, warmup_steps=self.settings.warmup_steps)


def train(
    settings: Settings,
    lessons: Lessons,
    learners: Sequence[Learner],
    tell: Callable[[int, Tensor, float], None],
) -> None:
    """Let the learners go through the lessons; each one's averaged network is the result.

    Raises:
        ArithmeticError: a loss is no number.
    """
    began = time.monotonic()
    for step, made in enumerate(lessons.loaded(settings.makers, pinned=settings.device != "cpu")):
        lesson = made.to(torch.device(settings.device))
        losses = torch.stack([learner.learn(lesson, step) for learner in learners])
        tell(step + 1, losses, time.monotonic() - began)


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


def _errors(network: Network, lesson: Lesson) -> list[Tensor]:
    """Return what each frame lacks, in units of the noise that there is."""
    there = (lesson.noisy - lesson.clean)[:, :, :4].square().mean((0, 2, 3, 4)).sqrt()
    told = luma_deviation(lesson.noise).mean((0, 2, 3, 4))
    unit = torch.maximum(there, told).view(-1, 1, 1, 1) + 0.003  # [N, 1, 1, 1]
    weights = channel_weights(lesson.noisy)
    outputs = network.run(lesson.noisy, lesson.noise, lesson.motion)
    return [(output.float() - lesson.clean[t]) * weights / unit for t, output in enumerate(outputs)]


def charbonnier(error: Tensor) -> Tensor:
    """Return a penalty that is squared for small errors and absolute for large ones."""
    return (error**2 + 0.25).sqrt() - 0.5


def channel_weights(like: Tensor) -> Tensor:
    """Return what errors of packed channels weigh: luma 1, chroma less, for the eye sees less of it."""
    return like.new_tensor([1.0] * 4 + [0.75] * 4).view(1, 8, 1, 1)


LOSSES = (sequence_loss, decibel_loss)


class Tell:
    """Prints losses, rate and ETA, and keeps checkpoints."""

    def __init__(self, out: Path, settings: Settings, learners: Sequence[Learner], cards: list[dict[str, Any]]) -> None:
        self._out, self._settings, self._learners, self._cards = out, settings, learners, cards
        self._losses: Tensor | None = None
        self._saved = 0.0

    def __call__(self, step: int, losses: Tensor, seconds: float) -> None:
        """Note a step: a loss for each learner."""
        self._losses = losses if self._losses is None else 0.99 * self._losses + 0.01 * losses
        if step % 100 and step != self._settings.steps:
            return
        said = self._losses.tolist()  # waits for the GPU, so not at each step
        if not all(math.isfinite(loss) for loss in said):
            raise ArithmeticError(f"a loss is no number by step {step}; the checkpoint before it is whole")
        if _rank():
            return
        eta = seconds / step * (self._settings.steps - step)
        print(  # noqa: T201 - the command's own progress
            f"step {step}  loss {'  '.join(f'{loss:.4f}' for loss in said)}  {step / seconds:.2f} steps/s"
            f"  ETA {eta / 60:.1f} min",
            file=sys.stderr,
            flush=True,
        )
        if seconds - self._saved > 100:  # noqa: PLR2004 - seconds; little is lost
            self._saved = seconds
            self.save(".checkpoint", {"stopped_after": step})

    def save(self, suffix: str = "", more: dict[str, Any] | None = None) -> None:
        """Write weights and cards."""
        for learner, card in zip(self._learners, self._cards, strict=True):
            path = self._out / f"{learner.network.topology.name}{suffix}.safetensors"
            save_weights(path, tensors_of(learner.averaged), card | (more or {}))


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from, and the footage's lineage: path, digest, licence, frames."""

    shots: list[Clip]
    stills: list[Still]
    lineage: list[dict[str, Any]]


def material(samples: Path, settings: Settings) -> Material:
    """Decode the footage and render the pictures, on all cores."""
    seeds = [settings.seed + number for number in range(settings.rendered)]
    with ProcessPoolExecutor() as pool:
        leaves = pool.map(dead_leaves, *zip(*(RENDERED_SIZE for _ in seeds), strict=True), seeds)
        taken = list(pool.map(_taken, [samples] * len(TRAINING), TRAINING, [settings] * len(TRAINING)))
        stills = [*leaves, *chain.from_iterable(stills for _, stills in taken)]
    lineage = [asdict(footage) | {"sha256": sha256_of(samples / footage.path)} for footage in TRAINING]
    return Material(list(chain.from_iterable(shots for shots, _ in taken)), stills, lineage)


def _taken(samples: Path, footage: Footage, settings: Settings) -> tuple[list[Clip], list[Still]]:
    """Return a clip's shots, at two sizes, and its stills."""
    path, side = samples / footage.path, settings.teaching.side
    shots = [
        shot
        for divide in (footage.divide, footage.divide * _SHARPER)
        for shot in decode_clean(path, divide, footage.frames)
        if shot.shape[2] >= side
    ]
    stills = decode_stills(path, footage.frames, settings.stills)
    return shots, [still for still in stills if min(still.shape[1:]) >= 4 * side + 16]


def _card(size: str, settings: Settings, found: Material, start: Weights | None) -> dict[str, Any]:
    network = topology(size)
    return {
        "name": network.name,
        "topology": network.digest,
        "parameters": network.parameters,
        "made": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python -m engines.model.train", *sys.argv[1:]]),
        "machine": torch.cuda.get_device_name() if settings.device == "cuda" else "CPU",
        "repeatable": "exactly" if settings.device == "cpu" else "to rounding",
        "settings": asdict(settings),
        "footage": found.lineage,
        "rendered": "dead leaves (engines/model/leaves.py)",
        "noise": "synthetic: white, demosaiced and coarse camera noise, some sharpened, some through a DCT codec;"
        " photographs (engines/model/photograph.py)",
        "parent": start.card if start else None,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train base weights from the permitted samples.")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", action="append", required=True, help="may be given more than once")
    parser.add_argument("--steps", type=int, default=Settings().steps)
    parser.add_argument("--batch", type=int, default=Teaching().batch, help="sequences a step and process")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--makers", type=int, default=0, help="processes that make lessons ahead")
    parser.add_argument(
        "--no-photographs", action="store_true", help="made noise alone: photographs cost it 0.06 to 0.09 dB"
    )
    parser.add_argument("--parent", type=Path, help="weights to go on from, in decibels")
    parser.add_argument("--parent-size", help="their size, if another: the network is grown from them, or thinned")
    return parser.parse_args()


def main() -> None:
    """Train and write weights and cards."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    workers = int(os.environ.get("WORLD_SIZE", "1"))  # set by torchrun
    if workers > 1:
        torch.set_num_threads(1)
        distributed.init_process_group("gloo")
    torch.backends.cudnn.benchmark = True  # the same shapes at each step
    teaching = Teaching(batch=arguments.batch)
    if arguments.no_photographs:
        teaching = replace(teaching, photographs=0.0, photographs_alone=0.0)
    settings = Settings(
        teaching=teaching,
        prints=0 if arguments.no_photographs else Settings().prints,
        steps=arguments.steps,
        workers=workers,
        makers=arguments.makers,
        device=arguments.device,
    )
    parent = load_weights(arguments.parent, arguments.parent_size or arguments.size[0]) if arguments.parent else None
    if parent:
        settings = _going_on(settings, parent)
    found = material(arguments.samples, settings)
    torch.manual_seed(settings.seed)
    starts = [resized(parent, size) if parent else None for size in arguments.size]
    networks = [
        network_of(start) if start else Network(topology(size))
        for size, start in zip(arguments.size, starts, strict=True)
    ]
    learners = [Learner(network, settings) for network in networks]
    cards = [_card(size, settings, found, start) for size, start in zip(arguments.size, starts, strict=True)]
    tell = Tell(arguments.out, settings, learners, cards)
    prints = Prints(found.shots, found.stills, seed=settings.seed, count=settings.prints).taken(settings.makers)
    scenes = Scenes(found.shots, found.stills, prints)
    lessons = Lessons(scenes, settings.teaching, seed=settings.seed, rank=_rank(), steps=settings.steps)
    train(settings, lessons, learners, tell)
    if not _rank():
        tell.save()


def _going_on(settings: Settings, parent: Weights) -> Settings:
    """Return the settings of a run that goes on from weights: other sequences, a lower rate, decibels only.

    What is told too low are the photographs alone, as they are measured: with coarse noise told so to the end, it lost
    0.4 to 0.6 dB where it was told as it is (2026-11-27).
    """
    return replace(
        settings,
        teaching=replace(settings.teaching, short_until=0.0, low_share=0.0),
        seed=int(parent.digest[:8], 16),
        decibels_from=0.0,
        start=parent.digest,
        rate=1e-3,
        rendered=16,
    )


if __name__ == "__main__":
    main()
