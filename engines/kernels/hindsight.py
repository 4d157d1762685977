"""Going back over a shot on the GPU: which kernels of `hindsight.cu` run on what memory, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engines.gpu.machine import Machine, OnGpu
from engines.kernels.launch import Kernels, profile_of
from engines.model.hindsight import DETAIL, LASTING, MOVES, MOVING, ODD, STANDING, TOLERANCE, WEIGHED
from engines.model.noise import NoiseProfile
from engines.model.topology import PICTURE_CHANNELS

_SOFT = 1
"""Colours are sampled linearly; see `engines/model/hindsight.py`."""
_PAIR, _HALF = 8, 2
"""Bytes of a place's motion, and of a sample."""


def gain_of(noise: NoiseProfile) -> npt.NDArray[np.float32]:
    """Return how much is taken over as the kernel takes it: `Gain` of hindsight.cu."""
    white = 1 - noise.coarse
    return np.array((STANDING, MOVING, MOVES, TOLERANCE, LASTING * white, ODD * white, DETAIL, WEIGHED), np.float32)


class Hindsight(OnGpu):
    """Smooths packed pictures of `height` x `width`, last one first, in memory of its own: one shot at a time.

    `leaning` is where the picture lies that was smoothed last.
    """

    def __init__(
        self, machine: Machine, kernels: Kernels, motion: Kernels, height: int, width: int, noise: NoiseProfile
    ) -> None:
        self.machine, self._kernels, self._motion, self._size = machine, kernels, motion, (height, width)
        self._noise, self._gain = profile_of(noise), gain_of(noise)
        self.picture_bytes, self.motion_bytes = height * width * PICTURE_CHANNELS * _HALF, height * width * _PAIR
        self.leaning, self._carried = (machine.cuda.mem_alloc(self.picture_bytes) for _ in range(2))

    def turn(self, motion: Any, back: Any, stream: Any) -> None:
        """Write the motion the other way."""
        rows, columns = self._size
        self._kernels.run("turned", columns, rows, motion, back, rows, columns, stream=stream)

    def begin(self, last: Any, stream: Any) -> None:
        """Take a shot's last picture as it is."""
        self.machine.cuda.memcpy_dtod_async(self.leaning, last, self.picture_bytes, stream)

    def lean(self, own: Any, back: Any, stream: Any) -> None:
        """Smooth the picture before the one that was smoothed last; `back` leads from it to that."""
        rows, columns = self._size
        carried = (self.leaning, back, self._carried, rows, columns, _SOFT)
        self._motion.run("carried_picture", columns, rows, *carried, stream=stream)
        words = (own, self._carried, back, self.leaning, self._noise, self._gain, rows, columns)
        self._kernels.run("leant", columns, rows, *words, stream=stream)
