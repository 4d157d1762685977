"""The GPU as the engines use it, through pycuda: memory, a stream, its context in whichever thread works.

Never in one process with torch on CUDA: the two fight over contexts.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from engines.errors import BackendUnavailable, EngineError
from engines.gpu.device import Gpu, gpu
from engines.gpu.faults import gpu_error

Number = TypeVar("Number", bound=np.generic)


class Machine:
    """The first GPU, its primary context (TensorRT takes the same one) and its facts."""

    def __init__(self) -> None:
        os.environ.setdefault("CUDA_CACHE_DISABLE", "1")  # what a driver compiles must not lie outside the state folder
        self.gpu: Gpu = gpu()  # starts the driver, which reads its environment then
        self.cuda = _pycuda()
        with told("the GPU cannot be opened"):
            self.cuda.init()
            self._context = self.cuda.Device(0).retain_primary_context()

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Make the context this thread's while `what` is done; what fails in it is told in our words."""
        with told(what):
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()

    def pinned(self, shape: tuple[int, ...], kind: type[Number]) -> npt.NDArray[Number]:
        """Return memory of this side that the GPU reads and writes by itself."""
        pinned: npt.NDArray[Number] = self.cuda.pagelocked_empty(shape, kind)
        return pinned


class OnGpu:
    """What holds memory, streams or events: it gives them back in their context, whichever thread lets go of it last.

    pycuda frees nothing in a thread that neither made the context nor has it as its own: it warns, and what was held
    is lost until the process ends. Source: `scoped_context_activation` in pycuda's cuda.hpp.
    """

    machine: Machine

    def __del__(self) -> None:
        with self.machine.working("what lay on the GPU could not be given back"):
            vars(self).clear()


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what pycuda and torch throw into an EngineError about `what`; ours, and faults of our own, go through."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        if isinstance(error, RuntimeError) or type(error).__module__.startswith(("pycuda", "torch")):
            raise gpu_error(what, f"{type(error).__name__}: {error}") from error
        raise


def _pycuda() -> Any:
    try:
        return importlib.import_module("pycuda.driver")
    except (ImportError, OSError) as error:
        raise BackendUnavailable(
            "no engine can run on the GPU",
            why=f"pycuda cannot be loaded ({error})",
            fix="pip install 'nearset[gpu]' or 'nearset[rtx]' where CUDA's toolkit is, or set `engine: auto`",
        ) from error
