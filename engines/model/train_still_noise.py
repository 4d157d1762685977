"""Teach the reading of a still's noise: stills are made and measured, then one loop.

    python -m engines.model.train_still_noise --samples SAMPLES --out OUT

A third are photographs (`photograph.py`), a third pictures with noise put on (`synthetic.py`), a third show strands,
which have no flat place, in either way. Scenes are permitted footage and rendered pictures. What is to be read is
known, since the truth is. Seeded; on one kind of machine a run gives the same numbers again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from engines.model.footage import Still
from engines.model.leaves import RENDERED_SIZE
from engines.model.noise import estimate
from engines.model.packing import pictures_of
from engines.model.schedule import rate
from engines.model.still_noise import FILE, clues, put_right
from engines.model.stills import photographed, put_on
from engines.model.strands import strands
from engines.model.synthetic import ROUNDING, planes
from engines.model.train import Settings as Training
from engines.model.train import material
from engines.model.weights import save_weights

Floats = npt.NDArray[np.float32]

KINDS = ("photograph", "noise put on", "strands")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is made of, with the reason for each number."""

    seed: int = 20261128
    count: int = 6_000  # stills
    strands: int = 24  # rendered pictures without a flat place
    judged: int = 600  # of the stills, those that only judge
    steps: int = 8_000
    batch: int = 256
    rate: float = 3e-3
    jitter: float = 0.05  # put on clues, in their deviations: no clue is to count by its last digit
    hidden: int = 32


class Scenes(NamedTuple):
    """What is shown: stills of footage and of dead leaves, and those of strands."""

    stills: list[Still]
    strands: list[Still]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a still shows `[K]` and what is to be read of it `[3]`."""

    clues: Floats
    wanted: Floats


class Stills(Dataset[Lesson | None]):
    """The stills of a run, each made and measured when it is asked for, by the run's seed and its own number alone."""

    def __init__(self, scenes: Scenes, *, seed: int, count: int) -> None:
        self._scenes, self._seed, self._count = scenes, seed, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Lesson | None:
        """Return a still's lesson; None where all of it is black or white."""
        seeds = np.random.SeedSequence((self._seed, number)).generate_state(2, np.uint64)
        rng, generator = np.random.default_rng(seeds[0]), torch.Generator().manual_seed(int(seeds[1]) >> 1)
        kind = KINDS[number % len(KINDS)]
        shown = self._scenes.strands if kind == "strands" else self._scenes.stills
        made = photographed if kind == "photograph" or (kind == "strands" and rng.random() < 1 / 3) else put_on
        noisy, truth = made(shown, rng, generator)
        picture = pictures_of(noisy.numpy())[0]
        seen = clues(picture, estimate([picture]))
        return None if seen is None else Lesson(seen, put_right(*_of_truth(noisy - truth), seen[-3:]))

    def made(self) -> Iterator[Lesson | None]:
        """Yield all of them, made by a process a core, and tell how it goes."""
        began = time.monotonic()
        makers = len(os.sched_getaffinity(0))
        # forked, so that scenes are shared, not copied
        loader = DataLoader(self, batch_size=None, num_workers=makers, multiprocessing_context="fork")
        for number, one in enumerate(loader, 1):
            yield one
            if number % 500 == 0:
                seconds = time.monotonic() - began
                left = seconds / number * (len(self) - number) / 60
                print(f"{number} stills  {number / seconds:.1f} a second  ETA {left:.1f} min", file=sys.stderr)  # noqa: T201 - the command's own progress


def _of_truth(noise: Tensor) -> tuple[float, float, float]:
    """Return the deviation of luma and of chroma, code values / 1023, and how coarse luma's noise is."""
    luma, chroma = planes(noise)
    power = float(luma.square().mean())
    across = float((luma[..., 1:] * luma[..., :-1]).mean())
    down = float((luma[..., 1:, :] * luma[..., :-1, :]).mean())
    deviations = max(power**0.5, ROUNDING), max(float(chroma.square().mean()) ** 0.5, ROUNDING / 2)
    return *deviations, float(np.clip((across + down) / 2 / max(power, 1e-12), 0, 1))


def fitted(lessons: Sequence[Lesson | None], settings: Settings) -> tuple[dict[str, Floats], dict[str, list[float]]]:
    """Return what was taught, and the mean error of luma, chroma and coarseness on what only judges, by kind."""
    judged = [(number % len(KINDS), one) for number, one in enumerate(lessons[: settings.judged]) if one]
    taught = [one for one in lessons[settings.judged :] if one]
    seen, wanted = _tensors(taught)
    mean, scale = seen.mean(0), seen.std(0) + 1e-6
    torch.manual_seed(settings.seed)
    network = _network(seen.shape[1], settings.hidden)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    for step in range(settings.steps):
        now = rate(step, step / settings.steps, highest=settings.rate, lowest=0.0, warmup_steps=100)
        optimiser.param_groups[0]["lr"] = now
        drawn = torch.randint(len(taught), (settings.batch,))
        near = (seen[drawn] - mean) / scale + settings.jitter * torch.randn(settings.batch, seen.shape[1])
        loss = (network(near) - wanted[drawn]).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    errors = {}
    for number, kind in enumerate(KINDS):
        shown, right = _tensors([one for at, one in judged if at == number])
        with torch.inference_mode():
            read = network((shown - mean) / scale)
        for name, error in (("read", read - right), ("as measured", right)):
            errors[f"{kind}, {name}"] = [round(value, 3) for value in error.abs().mean(0).tolist()]
    layers = dict(zip(("first", "second", "last"), (network[at] for at in (0, 2, 4)), strict=True))
    numbers = {f"{name}.{part}": getattr(layer, part) for name, layer in layers.items() for part in ("weight", "bias")}
    kept = {name: value.detach().numpy().copy() for name, value in (numbers | {"mean": mean, "scale": scale}).items()}
    return kept, errors


def _tensors(lessons: Sequence[Lesson]) -> tuple[Tensor, Tensor]:
    seen, wanted = (np.stack(part) for part in zip(*((one.clues, one.wanted) for one in lessons), strict=True))
    return torch.from_numpy(seen), torch.from_numpy(wanted)


def _network(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3)
    )


def main() -> None:
    """Make stills, teach, and write weights and card."""
    parser = argparse.ArgumentParser(description="Teach the reading of a still's noise from the permitted samples.")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=Settings().count)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings = replace(Settings(), count=arguments.count)
    torch.set_num_threads(1)  # so that numbers are added in one order
    found = material(arguments.samples, replace(Training(), stills=6))
    with ProcessPoolExecutor() as pool:
        seeds = range(settings.seed, settings.seed + settings.strands)
        rendered = list(pool.map(strands, *zip(*(RENDERED_SIZE for _ in seeds), strict=True), seeds))
    stills = Stills(Scenes(found.stills, rendered), seed=settings.seed, count=settings.count)
    taught, errors = fitted(list(stills.made()), settings)
    save_weights(arguments.out / FILE, taught, _card(settings, found.lineage, errors))
    for kind, error in errors.items():
        print(f"{kind:28} luma {error[0]:.3f}  chroma {error[1]:.3f}  coarseness {error[2]:.3f}")  # noqa: T201 - the result


def _card(settings: Settings, lineage: list[dict[str, Any]], errors: dict[str, list[float]]) -> dict[str, Any]:
    return {
        "name": "still-noise",
        "made": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python -m engines.model.train_still_noise", *sys.argv[1:]]),
        "machine": "CPU",
        "repeatable": "exactly",
        "settings": asdict(settings),
        "footage": lineage,
        "rendered": "dead leaves (engines/model/leaves.py), strands (engines/model/strands.py)",
        "noise": "photographs (engines/model/photograph.py) and noise put on (engines/model/synthetic.py)",
        "errors": errors,
        "parent": None,
    }


if __name__ == "__main__":
    main()
