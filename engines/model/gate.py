"""The gate: whether a candidate may take the place of the active weights. All must hold, or the old ones stay.

Judged on frozen canaries with ground truth: the production's own holdout pictures, restored by the reference and
averaged down, under its own noise, and rendered pictures under the noise of base training; base, active and best
ever promoted weights are scored on the very same ones. Reads; changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.backends.base import Backend
from engines.backends.eager import EagerBackend
from engines.model.footage import Still
from engines.model.leaves import dead_leaves
from engines.model.motion import Brought, bring_back
from engines.model.network import Network, network_of
from engines.model.patches import Patches
from engines.model.replay import FRAMES, Cut
from engines.model.synthetic import Noise, add_noise, luma_deviation, quiet, told
from engines.model.weights import Weights

Scores = dict[str, float]
Bound = tuple[str, float, float, str]
"""A score's name, the least and the most that it may be, and how it is said with its value."""

_SEED = 77
_RENDERED = (
    Noise("white", shot=0.5 * 0.02**2 / 0.4, read=0.02 * 0.7),
    Noise("bayer", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7),
    Noise("coarse", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7, blur=1.0, white=0.3, mix=0.3),
    Noise("white", shot=0.5 * 0.05**2 / 0.4, read=0.05 * 0.7),
)
BELOW_BEST_DB = 0.05
"""Most that a candidate may be below the best ever promoted: against the one before alone, forty small steps down
would pass."""
EACH_CUT = "filmed_"
"""How the score of a held-out cut is named; they are compared in pairs."""
UNTOLD = 0.1
"""Most that may be lost again of what was gained in foretelling the next frames: 0.05 dB is some 6 % of what is gained
on a production's canaries."""
CLEAN_DB = 45.0
SHARE = (0.7, 1.1)
"""Variance taken out over the noise's: below is copying, above is eating detail."""
CORRELATION = 0.1
COLOUR_SHIFT = 0.001
FLICKER = 1.05
ENGINE_DB = 45.0


_FORETOLD = 96
"""Packed rows and columns of a held-out cut's middle, in which its next frames are foretold: whole cuts took most of
an exam's seconds, and each network sits one."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A sequence whose truth is known: `[T, 8, h, w]`, and what is told of its noise `[T, 3, h, w]`."""

    name: str
    noisy: Tensor
    noise: Tensor
    clean: Tensor
    own: bool
    still: bool


@dataclass(frozen=True, slots=True)
class Filmed:
    """A held-out cut as it came, `[T, 8, h, w]` with what is told of its noise, and its next pictures brought back.

    `seen` is what the reference makes of it.
    """

    pictures: Tensor
    noise: Tensor
    seen: Tensor
    brought: Brought


@dataclass(frozen=True, slots=True)
class Exam:
    """What all weights of an update are scored on, the very same for each."""

    canaries: tuple[Canary, ...]
    filmed: tuple[Filmed, ...]


def exam(holdout: Sequence[Cut], reference: Weights) -> Exam:
    """Return the exam of a production; `reference` sees the motion in what was filmed, so that all are judged alike."""
    network = network_of(reference)
    filmed = tuple(_filmed(cut, network) for cut in holdout)
    return Exam(tuple(canaries(holdout, [one.seen for one in filmed])), filmed)


def canaries(holdout: Sequence[Cut], restored: Sequence[Tensor]) -> list[Canary]:
    """Return the frozen canaries of a production: the same ones from the same holdout, noise drawn once.

    `restored` is what the reference makes of each holdout.
    """
    found = []
    for number, (cut, seen_by) in enumerate(zip(holdout, restored, strict=True)):
        clean = cut.truth(seen_by)
        noisy, seen = cut.grain.add_to(clean, torch.Generator().manual_seed(_SEED + number))
        found.append(Canary(f"holdout {number + 1}", noisy, seen, clean, own=True, still=False))
    for number, noise in enumerate(_RENDERED):
        generator = torch.Generator().manual_seed(_SEED - 1 - number)
        stills = Patches([], [_sheet(number)], generator)
        for still in (True, False):
            clean = stills.still(FRAMES, 64) if still else stills.laid(FRAMES, 64)
            noisy, deviation = add_noise(clean, noise, generator)
            found.append(
                Canary(f"leaves {noise.kind}", noisy, told(clean, noisy, deviation), clean, own=False, still=still)
            )
    return found


@cache
def _sheet(number: int) -> Still:
    return dead_leaves(432, 576, _SEED + number)


def _filmed(cut: Cut, reference: Network) -> Filmed:
    noise = cut.grain.told(cut.pictures)
    seen = reference.from_both_ends(cut.pictures, noise)
    return Filmed(cut.pictures, noise, seen, bring_back(cut.pictures, seen, luma_deviation(noise)))


def score(weights: Weights, taken: Exam) -> Scores:
    """Return a network's scores in an exam.

    `mean_db` and `worst_db` (mean of the worst 5 % of frames) are PSNR over all samples, peak 1. Lower is
    better for `filmed` (squared error to the next frame, in units of the noise, and beside it that of each cut),
    `colour_shift` and `flicker` (code values / 1023).
    """
    network = network_of(weights)
    runs = [(canary, _outputs(network, canary.noisy, canary.noise)) for canary in taken.canaries]
    foretold = [_foretold(network, cut) for cut in taken.filmed]
    frames = np.concatenate([_psnr(output, canary.clean) for canary, output in runs])
    worst = np.sort(frames)[: max(1, len(frames) // 20)]
    shares, correlations = zip(*(_residual(canary, output) for canary, output in runs), strict=True)
    own = [_psnr(output, canary.clean).mean() for canary, output in runs if canary.own]
    return {
        "mean_db": float(frames.mean()),
        "worst_db": float(worst.mean()),
        "own_db": float(np.mean(own or [0.0])),
        "filmed": float(np.mean(foretold or [0.0])),
        **{f"{EACH_CUT}{number:02}": error for number, error in enumerate(foretold, 1)},
        "residual_share": float(np.mean(shares)),
        "residual_correlation": float(np.mean(correlations)),
        "colour_shift": max(_colour_shift(canary, output) for canary, output in runs),
        "flicker": float(np.mean([_flicker(output) for canary, output in runs if canary.still])),
        "clean_db": float(np.min([_clean_db(network, canary) for canary in taken.canaries])),
    }


def judge(candidate: Scores, base: Scores, active: Scores, best: Scores) -> tuple[str, ...]:
    """Return why a candidate is refused; empty if all holds. `best` has each score of the best promoted by it."""
    foretold = _most_foretold(candidate, base, min(active, best, key=lambda scores: scores["filmed"]))
    bounds = (
        ("mean_db", floor(base, best, "mean_db"), math.inf, "canaries come out at {:.2f} dB"),
        ("worst_db", floor(base, best, "worst_db"), math.inf, "the worst canaries come out at {:.2f} dB"),
        ("filmed", 0.0, foretold, "the next frames are foretold with an error of {:.4f}"),
        ("residual_share", min(SHARE[0], base["residual_share"] - 0.05), math.inf, "it copies: noise taken out {:.2f}"),
        ("residual_share", 0.0, max(SHARE[1], base["residual_share"] + 0.05), "it eats detail: taken out {:.2f} noise"),
        (
            "residual_correlation",
            -_like_picture(base),
            _like_picture(base),
            "what it takes out follows the picture: {:+.2f}",
        ),
        ("colour_shift", 0.0, max(COLOUR_SHIFT, base["colour_shift"] * 1.5), "it shifts colour by {:.4f}"),
        ("flicker", 0.0, base["flicker"] * FLICKER, "still shots flicker by {:.5f}"),
        ("clean_db", min(CLEAN_DB, base["clean_db"]), math.inf, "clean pictures come out at {:.1f} dB"),
    )
    return refusals(candidate, bounds)


def refusals(candidate: Scores, bounds: Sequence[Bound]) -> tuple[str, ...]:
    """Return a line for each bound that a candidate's scores break; empty if all hold."""
    if not all(math.isfinite(value) for value in candidate.values()):
        return ("its outputs are not numbers",)
    return tuple(
        f"{text.format(candidate[name])}, allowed is {low:.4g} to {high:.4g}"
        for name, low, high, text in bounds
        if not low <= candidate[name] <= high
    )


def floor(base: Scores, best: Scores, name: str) -> float:
    """Return the least that a score may be: that of base, and next to that of the best ever promoted."""
    return max(base[name], best[name] - BELOW_BEST_DB)


def _most_foretold(candidate: Scores, base: Scores, least: Scores) -> float:
    """Return the most that the error of the next frames may be, beside the active or best ever, whichever had less.

    The next frames are noisy, so that of weights that are as good one comes out ahead by chance. Who is within one
    standard error of the best is not told apart from it (Breiman et al. 1984, "Classification and Regression Trees",
    section 3.4.3): over held-out cuts and in pairs, for both see the same noise (Diebold and Mariano 1995, "Comparing
    Predictive Accuracy"). One ruined cut makes a spread of its own: so nine tenths of what was gained over base must
    stay, and before anything was gained there is no margin.
    """
    apart = np.array([candidate[name] - least[name] for name in least if name.startswith(EACH_CUT)])
    error = float(apart.std(ddof=1)) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
    return least["filmed"] + min(error, UNTOLD * max(0.0, base["filmed"] - least["filmed"]))


def _like_picture(base: Scores) -> float:
    return max(CORRELATION, abs(base["residual_correlation"]) + 0.02)


def engine_db(weights: Weights, backend: Backend, canary: Canary) -> float:
    """Return how near an engine comes to the float32 reference on a canary, worst frame, in dB."""
    height, width = canary.noisy.shape[-2:]
    sessions = [source.open(weights, height, width) for source in (backend, EagerBackend())]
    worst = float("inf")
    for noisy, noise in zip(canary.noisy.numpy(), canary.noise.numpy(), strict=True):
        one, other = (session.step(noisy[None], noise[None]).copy() for session in sessions)
        worst = min(worst, -10 * float(np.log10(max(float(((one - other) ** 2).mean()), 1e-12))))
    return worst


def _outputs(network: Network, noisy: Tensor, noise: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat(list(network.run(noisy[:, None], noise[:, None]))).clamp(0, 1)


def _psnr(output: Tensor, clean: Tensor) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    error = ((output.double() - clean) ** 2).mean((1, 2, 3)).clamp(min=1e-9)
    frames: np.ndarray[tuple[int], np.dtype[np.float64]] = (-10 * torch.log10(error)).numpy()
    return frames


def _residual(canary: Canary, output: Tensor) -> tuple[float, float]:
    """Return the variance taken out of luma over the noise's, and how what was taken out follows the fine picture."""
    taken = (canary.noisy - output)[1:, :4]
    fine = canary.clean[1:, :4] - functional.avg_pool2d(canary.clean[1:, :4], 5, 1, 2, count_include_pad=False)
    share = taken.var() / (canary.noisy - canary.clean)[1:, :4].var()
    both = torch.stack((taken.flatten(), fine.flatten()))
    return float(share), float(torch.corrcoef(both)[0, 1].nan_to_num())


def _colour_shift(canary: Canary, output: Tensor) -> float:
    """Return the largest mean error of luma, cb and cr."""
    error = (output - canary.noisy).mean((0, 2, 3))
    return float(torch.stack((error[:4].mean(), error[4:6].mean(), error[6:].mean())).abs().max())


def _flicker(output: Tensor) -> float:
    """Return the deviation over time of a still shot's later frames."""
    return float(output[FRAMES // 2 :, :4].std(0).mean())


def _clean_db(network: Network, canary: Canary) -> float:
    """Return how near clean pictures come out, in dB."""
    output = _outputs(network, canary.clean, quiet(canary.clean))
    return float(_psnr(output, canary.clean).mean())


def _foretold(network: Network, cut: Filmed) -> float:
    """Return the squared error to the next frames brought back, in units of the noise."""
    rows, columns = (_middle(side) for side in cut.pictures.shape[-2:])
    parts = (cut.pictures, cut.noise, cut.brought.pictures, cut.brought.mask)
    pictures, noise, nexts, mask = (part[..., rows, columns] for part in parts)
    error = ((_outputs(network, pictures, noise)[:-1] - nexts) / (luma_deviation(noise).mean() + 0.003)) ** 2
    return float((error * mask).mean() / mask.mean().clamp(min=1e-3))


def _middle(side: int) -> slice:
    kept = min(side, _FORETOLD)
    return slice((side - kept) // 2, (side + kept) // 2)
