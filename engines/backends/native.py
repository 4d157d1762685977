"""The network in our own machine code on the CPU, in float32: for processors with AVX2 and without bfloat16."""

from __future__ import annotations

import numpy as np

from engines.backends.base import Session
from engines.backends.stream import OnProcessor
from engines.model.carry import Flow, flow
from engines.model.packing import Codes, Packed
from engines.model.topology import PICTURE_CHANNELS
from engines.model.weights import Weights
from engines.native.hindsight import smoothed
from engines.native.library import library
from engines.native.plan import Plan


class NativeBackend:
    """Runs networks in `engines/native`."""

    name = "native"

    def __init__(self) -> None:
        library()

    def describe(self) -> str:
        """Return what runs, and the precision."""
        return "native avx2 f32"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session whose kernels are laid out in some milliseconds."""
        return _NativeSession(weights, height, width)


class _NativeSession(OnProcessor):
    smoothed = staticmethod(smoothed)

    def __init__(self, weights: Weights, height: int, width: int) -> None:
        self.weights = weights
        self._plan = Plan(weights, height, width)
        self._output = np.zeros((1, PICTURE_CHANNELS, height, width), np.float32)
        self._before: Packed | None = None

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        if motion is None and self._before is not None:
            motion = flow(now[0], self._before[0])
        self._codes = np.empty(now.shape, np.uint16)
        self._plan.step(now, noise, motion, self._output, self._codes)
        self._before = now
        return self._output

    def codes(self, restored: Packed, packed: Packed) -> Codes:
        del restored, packed
        return self._codes

    def reset(self) -> None:
        self._before = None
        self._plan.reset()
