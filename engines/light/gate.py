"""The gate of the illumination network: whether a candidate may take the place of the active weights.

Judged on sets that are rendered anew each time and are ever the same, whose light is known, and on the production's own
holdout, where light that is put on must be found again. Errors of light are told in dB beside one stop. Reads; changes
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from engines.backends.base import LightBackend
from engines.light.network import LightNetwork, light_network_of, luma_of
from engines.light.train import drawn_light, in_stops, set_of
from engines.model.gate import Scores, floor, refusals
from engines.model.topology import LIGHT_GRID
from engines.model.weights import Weights

_SEED = 4177
_SETS, _SIZE = 6, (96, 160)
_NOISE_STOPS = 0.15
SHARE = 0.1
"""How far the share of the picture's variation that is taken for light may move: all of it finds any light again."""
FLICKER = 1.05
ENGINE_DB = 26.0
"""A twentieth of a stop: what bfloat16 leaves of the reference."""


@dataclass(frozen=True, slots=True)
class Known:
    """A rendered set in stops `[1, 3, h, w]`, its light `[1, 1, h, w]`, and its picture twice under other noise."""

    stops: Tensor
    light: Tensor
    noisy: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class PutOn:
    """A held-out picture in stops `[1, 3, h, w]`, and light that is put on it."""

    stops: Tensor
    more: Tensor


@dataclass(frozen=True, slots=True)
class Exam:
    """What all weights of an update are scored on, the very same for each."""

    known: tuple[Known, ...]
    own: tuple[PutOn, ...]


def exam(held_out: Sequence[Tensor]) -> Exam:
    """Return the exam of a production, of pictures in stops `[3, h, w]` that nothing is learned from."""
    own = []
    for number, picture in enumerate(held_out):
        stops = on_grid(picture)[None]
        own.append(PutOn(stops, drawn_light(stops, torch.Generator().manual_seed(_SEED + number))))
    return Exam(_known(), tuple(own))


def on_grid(picture: Tensor) -> Tensor:
    """Return the part of a picture `[..., h, w]` that lies on the network's grid."""
    height, width = (side // LIGHT_GRID * LIGHT_GRID for side in picture.shape[-2:])
    return picture[..., :height, :width]


@cache
def _known() -> tuple[Known, ...]:
    rng, generator = np.random.default_rng(_SEED), torch.Generator().manual_seed(_SEED)
    found = []
    for _ in range(_SETS):
        picture, light = set_of(rng, *_SIZE)
        exposure = 0.18 / float(picture.clamp(min=1e-6).log2().mean().exp2())
        stops = in_stops(picture * exposure)[None]
        noisy = tuple(stops + _NOISE_STOPS * torch.randn(stops.shape, generator=generator) for _ in range(2))
        found.append(Known(stops, luma_of(in_stops(light * exposure, floor=1e-5)[None]), (noisy[0], noisy[1])))
    return tuple(found)


def score(weights: Weights, taken: Exam) -> Scores:
    """Return a network's scores in an exam.

    `known_db` is how well the light of rendered sets is found, `own_db` how well light put on held-out footage is,
    `mean_db` and `worst_db` of both together. Lower is better for `filmed` (error on held-out footage, stops) and
    `flicker` (how far noise moves the light, stops); `share` is what of the footage's variation is taken for light.
    """
    network = light_network_of(weights)
    with torch.inference_mode():
        known = [_stops_off(network.light(one.stops) - one.light) for one in taken.known]
        own = [_stops_off(_missed(network, one)) for one in taken.own]
        shares = [float(network(one.stops - luma_of(one.stops).mean())[:, 0].mean()) for one in taken.own]
        moved = [_stops_off(network.light(one.noisy[0]) - network.light(one.noisy[1])) for one in taken.known]
    decibels = np.sort([_decibel(off) for off in (*known, *own)])
    return {
        "mean_db": float(decibels.mean()),
        "worst_db": float(decibels[: max(1, len(decibels) // 20)].mean()),
        "known_db": float(np.mean([_decibel(off) for off in known])),
        "own_db": float(np.mean([_decibel(off) for off in own] or [0.0])),
        "filmed": float(np.mean(own or [0.0])),
        "share": float(np.mean(shares or [0.0])),
        "flicker": float(np.mean(moved)),
    }


def judge(candidate: Scores, base: Scores, active: Scores, best: Scores) -> tuple[str, ...]:
    """Return why a candidate is refused; empty if all holds."""
    bounds = (
        ("known_db", floor(base, best, "known_db"), math.inf, "the light of rendered sets is found at {:.2f} dB"),
        ("worst_db", floor(base, best, "worst_db"), math.inf, "the worst picture's light is found at {:.2f} dB"),
        ("own_db", base["own_db"], math.inf, "light put on held-out footage is found again at {:.2f} dB"),
        ("filmed", 0.0, active["filmed"], "light put on held-out footage is missed by {:.4f} stops"),
        ("share", base["share"] - SHARE, base["share"] + SHARE, "what it takes for light and not paint is {:.2f}"),
        ("flicker", 0.0, base["flicker"] * FLICKER, "noise moves the light by {:.4f} stops"),
    )
    return refusals(candidate, bounds)


def engine_db(weights: Weights, backend: LightBackend, taken: Exam) -> float:
    """Return how near an engine's coefficients come to the float32 reference's on a rendered set, in dB."""
    stops = taken.known[0].stops
    stops = stops - luma_of(stops).mean()
    with torch.inference_mode():
        wanted = light_network_of(weights)(stops).numpy()
    found = backend.open_light(weights, *stops.shape[-2:]).coefficients(stops.numpy())
    return -10 * float(np.log10(max(float(((found - wanted) ** 2).mean()), 1e-12)))


def _missed(network: LightNetwork, one: PutOn) -> Tensor:
    return network.light(one.stops + one.more) - network.light(one.stops) - luma_of(one.more)


def _stops_off(error: Tensor) -> float:
    """Return the deviation of an error of light from its mean over the picture, in stops."""
    return float((error - error.mean()).double().square().mean().sqrt())


def _decibel(stops: float) -> float:
    return -20 * math.log10(max(stops, 1e-6)) if math.isfinite(stops) else math.nan
