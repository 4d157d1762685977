"""The kernels on the GPU: loaded from machine code, run on a stream through pycuda."""

from __future__ import annotations

from typing import Any

import numpy as np

from engines.gpu.machine import Machine
from engines.kernels.cubin import cubin

_BLOCK = (32, 4, 1)
"""Small, so that the few hundred blocks of a picture come out even over a GPU's processors."""


class Kernels:
    """The kernels of `pictures.cu` on a GPU; a field is run with a thread for each of its places."""

    def __init__(self, machine: Machine, code: bytes | None = None) -> None:
        self._machine = machine
        with machine.working("the kernels cannot be loaded"):
            self._module = machine.cuda.module_from_buffer(code or cubin(machine.gpu.sm))

    def run(self, name: str, width: int, height: int, *arguments: Any, stream: Any = None) -> None:
        """Start a kernel for `width` x `height` places; whole numbers go as 32 bit, structures as float arrays."""
        across, down = (_BLOCK[0] * _BLOCK[1], 1) if height == 1 else _BLOCK[:2]
        given = [np.int32(value) if isinstance(value, int) else value for value in arguments]
        grid = (-(-width // across), -(-height // down))
        with self._machine.working(f"the kernel {name} failed"):
            self._module.get_function(name)(*given, block=(across, down, 1), grid=grid, stream=stream)
