"""How fast each engine of this machine restores, one picture after another as in a clip, the next one always known."""

from __future__ import annotations

import time
from dataclasses import dataclass

from engines.backends import CHOICES, choose
from engines.backends.base import Backend
from engines.enhance.restore import Restore
from engines.errors import EngineError
from engines.model.packing import packed_size
from engines.model.weights import Weights
from engines.plans.canary import CANARY_NOISE, canary_pictures
from engines.plans.store import PlanStore

_WARM_UP = 8
"""Pictures before any counts: what an engine prepares or records is prepared and recorded then."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Pictures a second of an engine at a raster, by the middle of its steps; or why there is none, and the cure."""

    size: str
    engine: str
    described: str
    fps: float | None
    missing: str
    fix: str


def speeds(weights: Weights, store: PlanStore, width: int, height: int, frames: int) -> list[Speed]:
    """Return the speed of every engine that changes pictures, at a raster of the working picture."""
    return [speed(name, weights, store, width, height, frames) for name in CHOICES if name not in {"auto", "identity"}]


def speed(name: str, weights: Weights, store: PlanStore, width: int, height: int, frames: int) -> Speed:
    """Return the speed of one engine at a raster; one that cannot run has none and says why."""
    size = f"{width}x{height}"
    try:
        backend = choose(name, store)
        middle = _middle_seconds(backend, weights, *packed_size(height, width), frames)
    except EngineError as error:
        return Speed(size, name, "", None, f"{error.what}: {error.why}", error.fix)
    return Speed(size, name, backend.describe(), round(1 / middle, 2), "", "")


def _middle_seconds(backend: Backend, weights: Weights, height: int, width: int, frames: int) -> float:
    pictures = list(canary_pictures(height, width))
    restore = Restore(backend, weights, 2 * height, 2 * width, strength=1.0, noise=CANARY_NOISE)
    taken = []
    for number in range(_WARM_UP + frames):
        picture, following = (pictures[at % len(pictures)] for at in (number, number + 1))
        began = time.perf_counter()
        restore(picture, [following])
        taken.append(time.perf_counter() - began)
    return sorted(taken[_WARM_UP:])[frames // 2]
