"""The kernels on the GPU: loaded from machine code, run on a stream through pycuda."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from engines.gpu.machine import Machine
from engines.kernels.cubin import cubin
from engines.model.noise import NoiseProfile

_BLOCK = (32, 4, 1)
"""Small, so that the few hundred blocks of a picture come out even over a GPU's processors."""
_NOWHERE = np.intp(0)


class Kernels:
    """The kernels of one source on a GPU; a field is run with a thread for each of its places.

    `code` is their machine code, made here where it is not given.
    """

    def __init__(self, machine: Machine, name: str, code: bytes | None = None) -> None:
        self._machine = machine
        code = code or cubin(machine.gpu.sm, name)
        with machine.working(f"the kernels of {name} cannot be loaded"):
            self._module = machine.cuda.module_from_buffer(code)

    def run(self, name: str, width: int, height: int, *arguments: Any, stream: Any = None) -> None:
        """Start a kernel for `width` x `height` places.

        Whole numbers go as 32 bit, None as no memory, structures as float arrays.
        """
        across, down = (_BLOCK[0] * _BLOCK[1], 1) if height == 1 else _BLOCK[:2]
        grid = (-(-width // across), -(-height // down))
        with self._machine.working(f"the kernel {name} failed"):
            function = self._module.get_function(name)
            function(*map(_as_c, arguments), block=(across, down, 1), grid=grid, stream=stream)


def _as_c(value: Any) -> Any:
    if value is None:
        return _NOWHERE
    return np.int32(value) if isinstance(value, int) else value


def profile_of(noise: NoiseProfile) -> npt.NDArray[np.float32]:
    """Return noise as kernels take it: `Profile` of noise.cuh."""
    return np.array((noise.shot, noise.read, noise.chroma, noise.coarse), np.float32)
