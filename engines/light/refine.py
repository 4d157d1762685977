"""The illumination network tuned on a production's own footage, self-supervised: light put on must be found again.

That alone would be served best by taking everything for light, so each step also learns from rendered sets whose light
is known, as base training did, and the gate watches the share. Reads; writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engines.backends.base import LightBackend
from engines.light import gate
from engines.light.curve import Curve
from engines.light.network import LightNetwork, light_network_of, luma_of
from engines.light.stops import stops_of_packed
from engines.light.train import found_again, lit, rendered_loss, set_of, windows
from engines.media.frames import CODE_MAX
from engines.model.gate import Scores
from engines.model.replay import Cut
from engines.model.tuning import Loop, Tuned, tune
from engines.model.weights import Weights


@dataclass(frozen=True, slots=True)
class Settings(Loop):
    """What an update is made of, beside the loop."""

    steps: int = 160
    rate: float = 1e-4
    filmed: float = 1.0  # weight of the production's own,
    rendered: float = 1.0  # and of rendered sets
    sets: int = 32  # rendered for replay, at random: from eight, light that is known was found worse than before
    size: tuple[int, int] = (96, 160)
    batch: int = 4


def pictures_in_stops(cut: Cut, curve: Curve, matrix: str) -> list[Tensor]:
    """Return the first and the last picture of a cut in stops `[3, h, w]`, half its raster each."""
    codes = (cut.pictures[[0, -1]] * CODE_MAX).numpy()
    return [torch.from_numpy(stops_of_packed(one, curve, matrix).transpose(2, 0, 1).copy()) for one in codes]


class Illumining:
    """The illumination network as what is tuned: see `engines.model.update.Subject`."""

    least_engine_db = gate.ENGINE_DB

    def __init__(
        self, learned: Sequence[Tensor], held_out: Sequence[Tensor], settings: Settings, backend: LightBackend
    ) -> None:
        self._learned, self._settings, self._backend = learned, settings, backend
        self._taken = gate.exam(held_out)

    def score(self, weights: Weights) -> Scores:
        """Return a network's scores in the exam."""
        return gate.score(weights, self._taken)

    def judge(self, candidate: Scores, base: Scores, active: Scores, best: Scores) -> tuple[str, ...]:
        """Return why a candidate is refused."""
        return gate.judge(candidate, base, active, best)

    def engine_db(self, weights: Weights) -> float:
        """Return how near the engine comes to the reference."""
        return gate.engine_db(weights, self._backend, self._taken)

    def tune(
        self,
        parent: Weights,
        budget_seconds: float,
        progress: Callable[[int, int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> Tuned:
        """Return candidate weights tuned from `parent`."""
        began, settings = clock(), self._settings
        generator = torch.Generator().manual_seed(settings.seed)
        rng = np.random.default_rng((settings.seed, 1))
        sets = [set_of(rng, *settings.size)]
        while len(sets) < settings.sets and clock() - began < budget_seconds / 2:
            sets.append(set_of(rng, *settings.size))
            progress(0, settings.steps)

        def loss_of(network: LightNetwork) -> Tensor:
            loss = rendered_loss(network, [lit(sets, generator) for _ in range(settings.batch)], generator)
            return settings.rendered * loss + settings.filmed * found_again(
                network, windows(self._learned, generator), generator
            )

        loop = Loop(
            settings.steps,
            budget_seconds,
            settings.seed,
            settings.rate,
            settings.warmup_steps,
            settings.ema,
            settings.pull,
            settings.clip_norm,
        )
        return tune(light_network_of(parent).train(), loss_of, loop, progress, clock, began)

    def stills(self, base: Weights, weights: Weights) -> bytes:
        """Return a JPEG of a held-out picture: its luma in stops, then its light by base and by the candidate."""
        stops = self._taken.own[0].stops
        with torch.inference_mode():
            shown = [luma_of(stops), *(light_network_of(one).light(stops) for one in (base, weights))]
        low, high = (float(shown[0].quantile(share)) for share in (0.01, 0.99))
        strip = torch.cat([((one[0, 0] - low) / max(high - low, 1e-3)).clamp(0, 1) for one in shown], 1)
        buffer = BytesIO()
        codes = (strip * 255).nan_to_num().round().to(torch.uint8).numpy()
        Image.fromarray(codes).save(buffer, "JPEG", quality=93)
        return buffer.getvalue()
