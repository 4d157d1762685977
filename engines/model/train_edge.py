"""Training of the network that refines a key's edges, on keys that we make ourselves.

    python -m engines.model.train_edge --samples DIR --out DIR [--steps N] [--pool N] [--seed N] [--settle]
        [--share N] [--parent FILE]

Half of the fronts are footage whose licence permits training (the list of `footage.py`), half are made up. Keys cost
more than steps do, so patches are cut from a pool of them, mirrored at will, in which new ones take the place of old.
The loss is the error of alpha and of its gradient, edges counting more than the flat. With `--settle` the last layer is
solved for in the end, over the pool; with `--steps 0` too, that is all. `--share` is how much is kept of what it adds.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load as load_tensors
from torch import Tensor, nn
from torch.nn import functional

from engines.enhance.screen import KeyColour, measured, screen_of
from engines.errors import NoScreen
from engines.media.ycbcr import rgb_of
from engines.model.edge import AROUND, AROUND_DILATIONS, DILATIONS, INPUTS, NAME, OUTPUTS, WIDTH, packed
from engines.model.footage import TRAINING, decode_stills, sha256_of
from engines.model.keys import Keyed, coverage, kept_apart, keyed, made_up
from engines.model.schedule import follow
from engines.model.settle_edge import settle
from engines.model.weights import save_weights

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

_SIDE = 384
"""Pixels of a composite."""
_POOL, _RENEWED_EVERY = 512, 6
"""Composites that patches are cut from, and steps between two new ones."""
_PATCH = 160
"""Pixels: ten of the cells that the network sees far by, so that most of what it learns from is not at a border."""
_BATCH = 4
_SMOKE = 0.25
"""Of the keys have smoke, more than a tenth: it is what goes wrong most."""
_RATE = 1.5e-3
_EDGE_WEIGHT = 4.0
_STILLS = 2
"""Of each clip."""
_EVERY = 50
"""Steps between two points of the curve, and two savings."""
_AVERAGED = 0.995
"""What the averaged network, which ships, keeps of itself at each step."""
_NEW = 0.1
"""Scale of a layer's first weights where it joins a trained network."""
MIRRORED = (1, 0, 3, 2, 5, 4, 7, 6, 8, 9, 10, 11)
"""What `packed` gives, left for right: the phases of luma and alpha change places."""


class EdgeNetwork(nn.Module):
    """The network in torch."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [INPUTS, *[WIDTH] * len(DILATIONS)]
        for number, dilation in enumerate(DILATIONS):
            layer = nn.Conv2d(sizes[number], sizes[number + 1], 3, padding=dilation, dilation=dilation)
            self.add_module(f"conv{number}", layer)
        for number, dilation in enumerate(AROUND_DILATIONS):
            layer = nn.Conv2d(sizes[number], WIDTH, 3, padding=dilation, dilation=dilation)
            self.add_module(f"around{number}", layer)
        last = nn.Conv2d(WIDTH, OUTPUTS, 3, padding=1)
        nn.init.zeros_(last.weight)
        self.add_module(f"conv{len(DILATIONS)}", last)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what is to be added to alpha: `[N, 12, h, w]` to `[N, 4, h, w]`."""
        added: Tensor = self.last()(self.kept(inputs))
        return added

    def last(self) -> nn.Conv2d:
        """Return the last layer."""
        return cast("nn.Conv2d", self.get_submodule(f"conv{len(DILATIONS)}"))

    def kept(self, inputs: Tensor) -> Tensor:
        """Return what the last layer reads: `[N, 24, h, w]`."""
        around = functional.avg_pool2d(inputs, AROUND)
        for number in range(len(AROUND_DILATIONS)):
            around = torch.relu(self.get_submodule(f"around{number}")(around))
        kept = torch.relu(self.get_submodule("conv0")(inputs)) + functional.interpolate(around, scale_factor=AROUND)
        for number in range(1, len(DILATIONS)):
            kept = kept + torch.relu(self.get_submodule(f"conv{number}")(kept))
        return kept


def fronts(samples: Path, count: int) -> list[Floats]:
    """Return stills of the footage that may be trained on, R'G'B' 0-1, `count` of each clip; one is its first."""
    return [
        np.clip(rgb_of(np.moveaxis(still.astype(np.float32), 0, -1)), 0, 1)
        for footage in TRAINING
        for still in decode_stills(samples / footage.path, footage.frames if count > 1 else 1, count)
    ]


def composite(stills: list[Floats], rng: np.random.Generator) -> tuple[Keyed, KeyColour]:
    """Return a composite to learn from, and the colour of its screen."""
    colour = KeyColour.GREEN if rng.random() < 0.6 else KeyColour.BLUE  # noqa: PLR2004 - green is the commoner
    front = made_up(_SIDE, _SIDE, rng) if rng.random() < 0.5 else _cut(stills, rng)  # noqa: PLR2004 - half
    alpha = coverage(_SIDE, _SIDE, rng, smoke=_SMOKE)
    return keyed(kept_apart(front, colour), alpha, colour, rng), colour


def _cut(stills: list[Floats], rng: np.random.Generator) -> Floats:
    still = stills[rng.integers(len(stills))]
    tall = np.pad(still, ((0, max(0, _SIDE - still.shape[0])), (0, max(0, _SIDE - still.shape[1])), (0, 0)), "reflect")
    top, left = rng.integers(tall.shape[0] - _SIDE + 1), rng.integers(tall.shape[1] - _SIDE + 1)
    return tall[top : top + _SIDE, left : left + _SIDE]


@dataclass(frozen=True, slots=True)
class Example:
    """A key as the network reads it `[12, h, w]`, and its true alpha as phases `[4, h, w]`, in half floats."""

    inputs: Halves
    truth: Halves


def example(stills: list[Floats], rng: np.random.Generator) -> Example:
    """Return a key to learn from; one whose screen is not found is made again."""
    while True:
        made, colour = composite(stills, rng)
        try:
            found = measured(made.picture, screen_of(made.picture, colour))
        except NoScreen:
            continue
        inputs = packed(found.luma, found.along, found.beside, found.alpha)
        truth = packed(made.alpha, found.along, found.beside, made.alpha)[:4]
        return Example(inputs.astype(np.float16), truth.astype(np.float16))


@dataclass(frozen=True, slots=True)
class Lessons:
    """The pool of keys, and what its keys are made of."""

    stills: list[Floats]
    pool: list[Example]
    rng: np.random.Generator

    def renew(self) -> None:
        """Put a new key in the place of one."""
        self.pool[self.rng.integers(len(self.pool))] = example(self.stills, self.rng)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return inputs `[N, 12, h, w]` and true alpha as phases `[N, 4, h, w]`, patches of the pool."""
        pairs = [self._patch(self.pool[self.rng.integers(len(self.pool))]) for _ in range(_BATCH)]
        inputs, truths = (np.stack(planes).astype(np.float32) for planes in zip(*pairs, strict=True))
        return torch.from_numpy(inputs), torch.from_numpy(truths)

    def _patch(self, one: Example) -> tuple[Halves, Halves]:
        top, left = self.rng.integers((_SIDE - _PATCH) // 2 + 1, size=2)
        window = (slice(None), slice(top, top + _PATCH // 2), slice(left, left + _PATCH // 2))
        if self.rng.random() < 0.5:  # noqa: PLR2004 - half
            return one.inputs[window], one.truth[window]
        return one.inputs[window][MIRRORED, :, ::-1], one.truth[window][MIRRORED[:4], :, ::-1]


def loss_of(added: Tensor, inputs: Tensor, truth: Tensor) -> Tensor:
    """Return the error of alpha, edges counting more, and of its gradient."""
    found = functional.pixel_shuffle(inputs[:, 4:8] + added, 2)
    true = functional.pixel_shuffle(truth, 2)
    edge = 1 + _EDGE_WEIGHT * ((true > 0.01) & (true < 0.99)).float()  # noqa: PLR2004 - neither here nor there
    beyond = torch.relu(found - 1) + torch.relu(-found)
    error = (edge * (found.clamp(0, 1) - true).abs()).mean() + 0.1 * beyond.mean()
    slopes = [(found.diff(dim=axis) - true.diff(dim=axis)).abs().mean() for axis in (2, 3)]
    return error + sum(slopes, torch.zeros(()))


def started(parent: Path | None) -> EdgeNetwork:
    """Return a network to train: new, or grown from weights that may lack layers, which then begin as nothing much."""
    network = EdgeNetwork()
    if parent is not None:
        tensors = {name: torch.from_numpy(array) for name, array in load_tensors(parent.read_bytes()).items()}
        network.load_state_dict(tensors, strict=False)
        if "around1.weight" not in tensors:
            with torch.no_grad():
                cast("nn.Conv2d", network.get_submodule("around1")).weight.mul_(_NEW)
    return network


@dataclass(frozen=True, slots=True)
class Course:
    """What is done: so many steps, with a pool of so many keys, and whether the last layer is solved for in the end.

    `share` 0-1 of what is added to alpha is kept then: what keys that nobody learns from are best with.
    """

    steps: int
    pool: int
    settles: bool
    share: float
    seed: int


def train(samples: Path, out: Path, course: Course, parent: Path | None = None) -> None:
    """Train, and save weights and card as it goes."""
    torch.manual_seed(course.seed)
    rng = np.random.default_rng(course.seed)
    stills = fronts(samples, _STILLS if course.steps else 1)
    lessons = Lessons(stills, [example(stills, rng) for _ in range(course.pool)], rng)
    network = started(parent)
    averaged = deepcopy(network)
    curve: list[float] = []

    def save(step: int, **more: Any) -> None:
        tensors = {name: value.numpy().astype(np.float32) for name, value in averaged.state_dict().items()}
        out.mkdir(parents=True, exist_ok=True)
        save_weights(out / f"{NAME}.safetensors", tensors, _card(samples, course, step, curve, parent) | more)

    for step, loss in enumerate(_steps(network, averaged, lessons, course.steps), 1):
        if step % _EVERY == 0:
            curve.append(round(loss, 5))
            print(f"step {step}  loss {curve[-1]}", flush=True)  # noqa: T201 - a command
            save(step)
    if course.settles:
        errors = [round(error, 5) for error in settle(averaged, lessons.pool, rng)]
        print("error of alpha, round by round", *errors, flush=True)  # noqa: T201 - a command
        with torch.no_grad():
            for tensor in averaged.last().parameters():
                tensor.mul_(course.share)
        save(course.steps, last_layer=f"solved for over {course.pool} keys, error {errors}; {course.share} of it kept")


def _steps(network: EdgeNetwork, averaged: EdgeNetwork, lessons: Lessons, steps: int) -> Iterator[float]:
    """Take so many steps; give the mean loss of the last few after each."""
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps), 2e-5)
    losses: deque[float] = deque(maxlen=_EVERY)
    for step in range(1, steps + 1):
        if step % _RENEWED_EVERY == 0:
            lessons.renew()
        inputs, truth = lessons.batch()
        loss = loss_of(network(inputs), inputs, truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch says no more
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        follow(averaged, network, step, _AVERAGED)
        losses.append(float(loss.detach()))
        yield sum(losses) / len(losses)


def _card(samples: Path, course: Course, step: int, curve: list[float], parent: Path | None) -> dict[str, Any]:
    before = json.loads(parent.with_suffix(".json").read_text(encoding="utf-8")) if parent else None
    return {
        "name": NAME,
        "command": "python -m engines.model.train_edge --samples SAMPLES --out OUT "
        f"--steps {course.steps} --pool {course.pool} --seed {course.seed}"
        + (" --parent PARENT" if parent else "")
        + (f" --settle --share {course.share}" if course.settles else ""),
        "seed": course.seed,
        "steps": step,
        "of_steps": course.steps,
        "batch": _BATCH,
        "patch": _PATCH,
        "pool": f"{course.pool} keys of {_SIDE} pixels, a new one every {_RENEWED_EVERY} steps",
        "curve": curve,
        "loss": "alpha L1, edges five times, plus L1 of its gradient",
        "keys": f"spill up to 0.15, mixed in light, {_SMOKE:.0%} with smoke",
        "fronts": "half made up, half stills of the footage below",
        "alpha": "rendered by engines/model/keys.py",
        "torch": torch.__version__,
        "footage": [
            {"path": footage.path, "licence": footage.licence, "sha256": sha256_of(samples / footage.path)}
            for footage in TRAINING
        ],
        "parent": {word: before.get(word) for word in ("command", "steps", "curve", "seed", "last_layer", "parent")}
        if before
        else None,
    }


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--pool", type=int, default=_POOL)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--settle", action="store_true")
    parser.add_argument("--share", type=float, default=1.0)
    arguments = parser.parse_args()
    course = Course(arguments.steps, arguments.pool, arguments.settle, arguments.share, arguments.seed)
    train(arguments.samples, arguments.out, course, arguments.parent)


if __name__ == "__main__":
    main()
