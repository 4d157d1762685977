"""Learn from a card: a few steps from the last promoted weights, on this production's own footage alone.

Three sources share each step:

- what was filmed, frame to frame: the output of a causal network at t has never seen t+1, so the next noisy
  picture, brought back by its motion, is a target whose noise is independent (Ehret et al. 2019; Dewil et al.
  2021). Squared error, for absolute error aims at the median of shot noise;
- the production's own pictures, restored, under its own measured noise, now as they are, now averaged down: the
  first are of the right size and as smooth as the network left them (it saw what came after, which who learns does
  not), the second are clean and sharp, but small. Both together teach what neither does alone (docs/log.md,
  2026-11-28);
- base replay: rendered pictures under the noise of base training, so that nothing is forgotten.

Weights are pulled toward those it began from (L2-SP, Li et al. 2018) and averaged (EMA). Steps and seconds are
capped: more tuning is harmful (our measurement, docs/log.md). Reads samples, writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engines.model.grain import Grain
from engines.model.leaves import dead_leaves
from engines.model.motion import Brought, bring_back
from engines.model.network import Network, network_of
from engines.model.patches import Patches
from engines.model.replay import FRAMES
from engines.model.synthetic import add_noise, luma_deviation, random_noise, told
from engines.model.train import channel_weights, charbonnier
from engines.model.tuning import Loop, Tuned, tune
from engines.model.weights import Weights

_BF16 = torch.backends.cpu.get_cpu_capability() == "AVX512"
"""Whether bfloat16 is the faster one: without AVX-512 torch convolves it by hand, a step of `lite` takes six times as
long as in float32 (1.2 s against 0.2 s of one core, 2026-11-25)."""


_FILMED_WEIGHT = 0.2
"""Of what was filmed: its targets are as noisy as its pictures, and in full it undid a third of what the others gained
(docs/log.md, 2026-11-27)."""


@dataclass(frozen=True, slots=True)
class Settings(Loop):
    """What an update is made of, beside the loop."""

    filmed: int = 1  # sequences a step of each source
    restored: int = 3
    base: int = 1
    lessons: int = 24  # cuts an update looks at: half of them the newest, half drawn from those before
    side: int = 48  # packed pixels
    sheets: int = 6  # rendered pictures of base replay
    rate: float = 2e-4  # with twice that the other camera forgets (docs/log.md, 2026-11-27)


class Teaching(Protocol):
    """What can be learned from: a replay.Cut, or for an oracle the truth."""

    @property
    def pictures(self) -> Tensor:
        """Noisy pictures `[T, 8, h, w]`."""

    @property
    def grain(self) -> Grain:
        """Their noise."""

    def truths(self, restored: Tensor) -> tuple[Tensor, ...]:
        """Return clean pictures `[T, 8, h, w]`, of one size or more, from what a network made of these."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """A cut made ready: filmed with its targets and its noise, and clean."""

    cut: Teaching
    brought: Brought
    noise: Tensor
    truths: tuple[Tensor, ...]


def refine(
    parent: Weights,
    cuts: Sequence[Teaching],
    settings: Settings,
    progress: Callable[[int, int], None],
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Return candidate weights tuned from `parent` on the cuts of a production, newest last."""
    began = clock()
    generator = torch.Generator().manual_seed(settings.seed)
    network = network_of(parent).train()
    lessons = [_lesson(cut, network) for cut in _chosen(cuts, settings.lessons, generator)]
    replay = Patches([], [dead_leaves(432, 576, settings.seed + n) for n in range(settings.sheets)], generator)

    def loss_of(learning: Network) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=_BF16):
            return _loss(learning, lessons, replay, settings, generator)

    return tune(network, loss_of, settings, progress, clock, began)


def _lesson(cut: Teaching, network: Network) -> _Lesson:
    """Return a cut with its frame-to-frame targets, by motion seen in what the network already restores."""
    noise = cut.grain.told(cut.pictures)
    denoised = network.from_both_ends(cut.pictures, noise)
    brought = bring_back(cut.pictures, denoised, luma_deviation(noise))
    return _Lesson(cut, brought, noise, cut.truths(denoised))


def _chosen(cuts: Sequence[Teaching], most: int, generator: torch.Generator) -> list[Teaching]:
    """Return the newest cuts and some of the earlier ones, that the cards before are not forgotten."""
    if len(cuts) <= most:
        return list(cuts)
    newest, earlier = cuts[-(most // 2) :], cuts[: -(most // 2)]
    order = torch.randperm(len(earlier), generator=generator)[: most - len(newest)]
    return [*(earlier[number] for number in order.tolist()), *newest]


def _loss(
    network: Network, lessons: list[_Lesson], replay: Patches, settings: Settings, generator: torch.Generator
) -> Tensor:
    """Return the loss of one step over its three sources, each sequence alike."""
    least = min(side for lesson in lessons for truth in lesson.truths for side in truth.shape[-2:])
    side = min(settings.side, least // 4 * 4)
    drawn = [lessons[_draw(len(lessons), generator)] for _ in range(settings.filmed + settings.restored)]
    examples = [_filmed(lesson, side, generator) for lesson in drawn[: settings.filmed]]
    examples += [_restored(lesson, side, generator) for lesson in drawn[settings.filmed :]]
    examples += [_replayed(replay, side, generator) for _ in range(settings.base)]
    noisy, noise = (torch.stack(parts, 1) for parts in zip(*((x.noisy, x.noise) for x in examples), strict=True))
    outputs = torch.stack([output.float() for output in network.run(noisy, noise)])
    return torch.stack([x.loss(outputs[:, number]) for number, x in enumerate(examples)]).mean()


@dataclass(frozen=True, slots=True)
class _Example:
    """A sequence to learn from: `target` and `mask` may be shorter, `filmed` ones are noisy themselves."""

    noisy: Tensor
    noise: Tensor
    target: Tensor
    mask: Tensor | None = None

    def loss(self, output: Tensor) -> Tensor:
        """Return the loss of the outputs `[T, 8, h, w]`."""
        unit = luma_deviation(self.noise).mean() + 0.003
        error = (output[: len(self.target)] - self.target) / unit * channel_weights(output)
        if self.mask is None:
            return charbonnier(error).mean()
        return _FILMED_WEIGHT * 0.5 * (error**2 * self.mask).mean()


def _filmed(lesson: _Lesson, side: int, generator: torch.Generator) -> _Example:
    rows, columns = _window(lesson.cut.pictures, side, generator)
    noisy, noise = lesson.cut.pictures[..., rows, columns], lesson.noise[..., rows, columns]
    return _Example(noisy, noise, lesson.brought.pictures[..., rows, columns], lesson.brought.mask[..., rows, columns])


def _restored(lesson: _Lesson, side: int, generator: torch.Generator) -> _Example:
    truth = lesson.truths[_draw(len(lesson.truths), generator)]
    rows, columns = _window(truth, side, generator)
    clean = truth[..., rows, columns]
    noisy, noise = lesson.cut.grain.add_to(clean, generator)
    return _Example(noisy, noise, clean)


def _replayed(replay: Patches, side: int, generator: torch.Generator) -> _Example:
    clean = replay.laid(FRAMES, side)
    noisy, deviation = add_noise(clean, random_noise(generator), generator)
    return _Example(noisy, told(clean, noisy, deviation), clean)


def _window(pictures: Tensor, side: int, generator: torch.Generator) -> tuple[slice, slice]:
    """Return rows and columns of a square window, at random."""
    top = _draw(pictures.shape[-2] - side + 1, generator)
    left = _draw(pictures.shape[-1] - side + 1, generator)
    return slice(top, top + side), slice(left, left + side)


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(max(count, 1), (), generator=generator))
