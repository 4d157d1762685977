"""Teach the weighing of a still's estimates: stills are made, estimated as the service does it, then one loop.

    python -m engines.model.train_weighing --samples SAMPLES --out OUT

What they show is told in `weighing_lessons.py`. Seeded; learning is in bfloat16 on all cores, so that a run can be
repeated to rounding.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engines.media.frames import CODE_MAX
from engines.model.footage import Still
from engines.model.leaves import RENDERED_SIZE, dead_leaves
from engines.model.lettering import lettering
from engines.model.network import tensors_of
from engines.model.patches import turned
from engines.model.schedule import follow, rate
from engines.model.strands import ground, strands
from engines.model.topology import NOISE_SCALE, WEIGHING, topology
from engines.model.train import Settings as Training
from engines.model.train import material
from engines.model.weighing_lessons import (
    AGAIN,
    FAINT,
    KINDS,
    PARTS,
    TEXTURE,
    Lesson,
    Scenes,
    Settings,
    Stills,
    say,
)
from engines.model.weighing_network import WeighingNetwork, grown, weighing_network_of
from engines.model.weights import Weights, base_weights, load_weights, save_weights

Floats = npt.NDArray[np.float32]

_HALF = np.float32(0.5)
_QUIETEST = 0.0015
"""Code values / 1023 that errors are measured in where less noise than that is told."""


def lacking(lesson: Lesson) -> float:
    """Return the mean squared error of a still's near estimate, code values / 1023."""
    near, truth = (codes.astype(np.float32) for codes in (lesson.seen[1], lesson.truth))
    return float(np.square(near - truth / np.float32(PARTS)).mean()) / CODE_MAX**2


def window(lesson: Lesson, lacks: float, settings: Settings, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Return a window of a lesson `[5, 8, s, s]`, its truth last, what is told `[3, s, s]`, and what its still lacks.

    Any way round, and of more or less contrast.
    """
    side, room = settings.side, lesson.seen.shape[-1] - settings.side
    top, left = rng.integers(0, room + 1, 2)
    place = slice(top, top + side), slice(left, left + side)
    seen = lesson.seen[:, :, *place].astype(np.float32) / np.float32(CODE_MAX)
    truth = lesson.truth[:, *place].astype(np.float32) / np.float32(CODE_MAX * PARTS)
    gain = np.float32(rng.uniform(*settings.gains))
    mirrored = [bool(rng.random() < 0.5) for _ in ("across", "down")]  # noqa: PLR2004 - half of them, either way
    shown = turned(torch.from_numpy(np.concatenate((seen, truth[None]))), [False, *mirrored]).numpy()
    told = lesson.noise.noise_map(shown[:1])[0] * np.array((gain, gain, 1), np.float32)[:, None, None]
    return (shown - _HALF) * gain + _HALF, told, np.asarray(lacks * gain * gain, np.float32)


def _batch(lessons: Sequence[tuple[Lesson, float]], settings: Settings, rng: np.random.Generator) -> list[Tensor]:
    chosen = [lessons[number] for number in rng.integers(0, len(lessons), settings.batch)]
    parts = zip(*(window(lesson, lacks, settings, rng) for lesson, lacks in chosen), strict=True)
    return [torch.from_numpy(np.ascontiguousarray(np.stack(part))) for part in parts]


def taught(lessons: Sequence[Lesson], settings: Settings, parent: Weights, out: Path) -> WeighingNetwork:
    """Return the network, averaged over its steps; the next windows are cut while it learns.

    It is grown from restoration's weights, or goes on from its own.

    The loss is the mean logarithm of each window's squared error at first, in units of the noise told: a wall counts as
    much as fur. Then it is what a still is judged by: its windows' squared errors added up, in units of what its near
    estimate lacks, which follows the logarithm of the sum as closely as one window of it can.
    """
    rng, known = np.random.default_rng(settings.seed), [(lesson, lacking(lesson)) for lesson in lessons]
    torch.manual_seed(settings.seed)
    network = weighing_network_of(parent) if parent.topology.name == WEIGHING else grown(parent, settings.less)
    network.train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing in torch's stubs
    averaged = deepcopy(network)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.rate, betas=(0.9, 0.98), weight_decay=1e-4, fused=True
    )
    began, gained = time.monotonic(), torch.zeros(2)
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(_batch, known, settings, rng)
        for step in range(settings.steps):
            shown, told, lacks = coming.result()
            coming = beside.submit(_batch, known, settings, rng)
            now = rate(
                step,
                step / settings.steps,
                highest=settings.rate,
                lowest=settings.rate_end,
                warmup_steps=settings.warmup_steps,
            )
            optimiser.param_groups[0]["lr"] = now
            with torch.autocast("cpu", dtype=torch.bfloat16):
                made = network(shown[:, 0], shown[:, 1:4], told)
            errors = torch.stack([_decibels(one, shown[:, 4], told) for one in (made, shown[:, 0], shown[:, 1])])
            whole = ((made - shown[:, 4]).square().mean((1, 2, 3)) / (lacks + _QUIETEST**2 / 10)).mean()
            loss = errors[0] if step < settings.whole_from * settings.steps else whole
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimiser.step()
            follow(averaged, network, step + 2, settings.ema)
            gained = gained + (errors[1:] - errors[0]).detach()
            if (step + 1) % 100 == 0:
                pace = (step + 1) / (time.monotonic() - began)
                say(
                    f"step {step + 1}  over filmed {gained[0] / 100:+.2f} dB  over near {gained[1] / 100:+.2f} dB"
                    f"  {pace:.1f} steps/s  ETA {(settings.steps - step) / pace / 60:.0f} min"
                )
                gained = torch.zeros(2)
            if (step + 1) % 1000 == 0:
                save_weights(
                    out / f"{WEIGHING}.checkpoint.safetensors", tensors_of(averaged), {"stopped_after": step + 1}
                )
    return averaged.eval()


def _decibels(made: Tensor, truth: Tensor, told: Tensor) -> Tensor:
    """Return the mean error in decibels of the noise told, all samples alike."""
    unit = (told[:, :1].mean((1, 2, 3)) / NOISE_SCALE + _QUIETEST).view(-1, 1, 1, 1)
    power: Tensor = ((made - truth) / unit).square().mean((1, 2, 3))
    return 10 * (power + 2e-3).log10().mean()


def judged(network: WeighingNetwork, lessons: Sequence[Lesson], settings: Settings) -> dict[str, dict[str, float]]:
    """Return by kind the mean gain over what was filmed, in dB of all samples: of the near estimate, and weighed."""
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in (*dict.fromkeys(KINDS), TEXTURE, AGAIN, FAINT)}
    for lesson in lessons:
        seen = torch.from_numpy(lesson.seen.astype(np.float32) / CODE_MAX)
        truth = torch.from_numpy(lesson.truth.astype(np.float32) / (CODE_MAX * PARTS))
        told = torch.from_numpy(lesson.noise.noise_map(seen[:1].numpy()))
        with torch.inference_mode():
            made = network(seen[:1], seen[None, 1:], told)[0]
        filmed, near, weighed = (10 * float((one - truth).square().mean().log10()) for one in (seen[0], seen[1], made))
        if np.isfinite(filmed):  # a clean one is its own truth
            found[settings.kind(lesson.number)].append((filmed - near, filmed - weighed))
    means = {kind: np.mean(gains, 0).round(2).tolist() for kind, gains in found.items() if gains}
    return {kind: dict(zip(("near", "weighed"), both, strict=True)) for kind, both in means.items()}


def main() -> None:
    """Make stills, teach, judge, and write weights and card."""
    parser = argparse.ArgumentParser(description="Teach the weighing of a still's estimates from permitted samples.")
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Settings().steps)
    parser.add_argument("--parent", type=Path, help="weights to go on from, half as fast, judging whole stills alone")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    settings, parent = replace(Settings(), steps=arguments.steps), base_weights("mid")
    if arguments.parent:
        settings, parent = going_on(settings), load_weights(arguments.parent, WEIGHING)
    found = material(arguments.samples, replace(Training(), stills=6))
    first = settings.seed + 99  # none of what taught the reading of noise, which would be read too well
    seeds = range(first, first + settings.rendered)
    with ProcessPoolExecutor() as pool:
        sizes = list(zip(*(RENDERED_SIZE for _ in seeds), strict=True))
        rendered = [list(pool.map(picture, *sizes, seeds)) for picture in (strands, lettering, ground)]
        rendered[-1] += pool.map(_gravel, seeds[::2])
    learn(Stills(Scenes(found.stills, *rendered), settings).made(), settings, parent, found.lineage, arguments.out)


def _gravel(seed: int) -> Still:
    return dead_leaves(*RENDERED_SIZE, seed, largest=8 + seed % 8 * 4)


def going_on(settings: Settings) -> Settings:
    """Return the settings of a run that goes on from weights."""
    return replace(settings, rate=settings.rate / 2, whole_from=0.0)


def learn(
    lessons: Sequence[Lesson], settings: Settings, parent: Weights, lineage: list[dict[str, Any]], out: Path
) -> None:
    """Teach by the lessons, judge by those set apart, and write weights and card."""
    network = taught([lesson for lesson in lessons if not settings.judges(lesson.number)], settings, parent, out)
    gains = judged(network, [lesson for lesson in lessons if settings.judges(lesson.number)], settings)
    save_weights(out / f"{WEIGHING}.safetensors", tensors_of(network), _card(settings, parent, lineage, gains))
    for kind, gain in gains.items():
        say(f"{kind:14} over filmed: near {gain['near']:+.2f} dB, weighed {gain['weighed']:+.2f} dB")


def _card(
    settings: Settings, parent: Weights, lineage: list[dict[str, Any]], gains: dict[str, dict[str, float]]
) -> dict[str, Any]:
    return {
        "name": WEIGHING,
        "topology": topology(WEIGHING).digest,
        "parameters": topology(WEIGHING).parameters,
        "made": time.strftime("%Y-%m-%d"),
        "command": " ".join(["python -m engines.model.train_weighing", *sys.argv[1:]]),
        "machine": "CPU",
        "repeatable": "to rounding",
        "settings": asdict(settings),
        "footage": lineage,
        "rendered": "dead leaves and gravel (engines/model/leaves.py), strands and ground (strands.py),"
        " print (lettering.py)",
        "noise": "photographs (engines/model/photograph.py) and noise put on (engines/model/synthetic.py)",
        "gains_db": gains,
        "parent": {"name": parent.name, "card": parent.card if parent.topology.name == WEIGHING else None},
    }


if __name__ == "__main__":
    main()
