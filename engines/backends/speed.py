"""How fast each engine of this machine restores, one picture after another as in a clip, the next ones known."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice

from engines.backends import CHOICES, choose
from engines.backends.base import Backend
from engines.enhance import LOOK_AHEAD
from engines.enhance.restore import BLOCK, Restore
from engines.errors import EngineError
from engines.media.frames import Picture
from engines.model.packing import packed_size
from engines.model.weights import Weights
from engines.plans.canary import CANARY_NOISE, canary_pictures
from engines.plans.store import PlanStore


@dataclass(frozen=True, slots=True)
class Speed:
    """Pictures a second of an engine at a raster, by the middle of its blocks; or why there is none, and the cure."""

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
    restore = Restore(backend, weights, 2 * height, 2 * width, strength=1.0, noise=CANARY_NOISE)
    clip = _clip(height, width)
    # The first block counts for nothing: what an engine prepares or records is prepared and recorded then.
    window, taken = deque(islice(clip, 1 + LOOK_AHEAD)), []
    for _ in range(1 + -(-frames // BLOCK)):
        began = time.perf_counter()
        for picture in islice(clip, BLOCK):
            restore(window.popleft(), tuple(window))
            window.append(picture)
        taken.append((time.perf_counter() - began) / BLOCK)
    return sorted(taken[1:])[len(taken[1:]) // 2]


def _clip(height: int, width: int) -> Iterator[Picture]:
    """Yield the canary's pictures over and over, numbered on."""
    pictures = list(canary_pictures(height, width))
    for number in count():
        yield replace(pictures[number % len(pictures)], number=number)
