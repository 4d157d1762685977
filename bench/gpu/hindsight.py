"""Going back over a shot on the GPU: each kernel against the bytes that it cannot avoid and its twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.gpu.kernels import Bench
from engines.gpu.machine import Machine
from engines.kernels import hindsight_twin
from engines.kernels.cubin import HINDSIGHT
from engines.kernels.hindsight import gain_of
from engines.kernels.launch import Kernels, profile_of
from engines.model.noise import NoiseProfile

_NOISE = NoiseProfile(2e-4, 1e-4, 0.7, 0.2)
_PAN = (1.5, 0.25)
"""Packed pixels a picture."""


class Hindsight(Bench):
    """Measures the kernels of `hindsight.cu` at a raster; what is carried is measured in `motion.py`."""

    def __init__(self, machine: Machine, width: int, height: int) -> None:
        super().__init__(machine, Kernels(machine, HINDSIGHT), width, height)

    def leaning(self) -> list[dict[str, Any]]:
        """Measure motion that is turned, and a picture that leans on the next one: as far apart as the noise is."""
        size, rng = (self._rows, self._columns), np.random.default_rng(4)
        motion = np.ascontiguousarray(np.broadcast_to(np.array(_PAN, np.float32), (*size, 2)))
        back, own = hindsight_twin.turned(motion), rng.uniform(0.1, 0.9, (8, *size)).astype(np.float32)
        later = own + _NOISE.deviation(own) * rng.standard_normal(own.shape, np.float32)
        pictures = [picture.astype(np.float16) for picture in (own, later)]
        leant = hindsight_twin.leant(*pictures, back, _NOISE)
        field, words = size[::-1], (profile_of(_NOISE), gain_of(_NOISE), *size)
        return [
            self.row("turned", *field, [motion], [np.zeros_like(back)], [back], lambda at: (*at, *size)),
            self.row("leant", *field, [*pictures, back], [np.zeros_like(leant)], [leant], lambda at: (*at, *words)),
        ]
