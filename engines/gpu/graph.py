"""CUDA graphs by the driver's C interface, which pycuda does not speak: a stream's work, recorded, run at once."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Hashable
from typing import Any, Self

from engines.gpu.faults import gpu_error

_THREAD_LOCAL = 1
"""CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads ask of the GPU meanwhile does not disturb. Source: cuda.h."""

_FIRST = threading.Lock()
"""Held by who does work for the first time or records it: what a library loads, allocates or waits for as it first runs
can break what another thread records, whatever the mode. Source: github.com/NVIDIA/TensorRT, issue 2888."""


class Graph:
    """Work that was recorded once and is run with one call; what it reads and writes stays where it was."""

    def __init__(self, driver: Any, stream: int, handle: ctypes.c_void_p) -> None:
        self._driver, self._stream, self._handle = driver, ctypes.c_void_p(stream), handle

    @classmethod
    def recorded(cls, work: Callable[[], None], stream: int, driver: Any = None) -> Self:
        """Return the graph of what `work` does on a stream; it is recorded and not run.

        Raises:
            GpuFault: the work holds something that cannot be recorded. What the work itself raises goes through.
        """
        driver = driver or _libcuda()
        graph, handle = ctypes.c_void_p(), ctypes.c_void_p()
        _call(driver, "cuStreamBeginCapture_v2", ctypes.c_void_p(stream), _THREAD_LOCAL)
        try:
            work()
        except BaseException:  # it says why; that the recording broke with it is no news
            driver.cuStreamEndCapture(ctypes.c_void_p(stream), ctypes.byref(graph))
            if graph:
                driver.cuGraphDestroy(graph)
            raise
        _call(driver, "cuStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
        try:
            _call(driver, "cuGraphInstantiateWithFlags", ctypes.byref(handle), graph, ctypes.c_ulonglong(0))
        finally:
            driver.cuGraphDestroy(graph)
        return cls(driver, stream, handle)

    def launch(self) -> None:
        """Run the work on its stream; returns before it is done."""
        _call(self._driver, "cuGraphLaunch", self._handle, self._stream)

    def __del__(self) -> None:
        self._driver.cuGraphExecDestroy(self._handle)


class Recorder:
    """Runs work of one stream: the first time by itself, then as it was recorded.

    Libraries prepare in a first run what cannot be recorded. `may_record` says whether the work can be recorded yet.
    """

    def __init__(self, stream: Any, may_record: Callable[[], bool] = lambda: True) -> None:
        self._stream, self._may_record = stream, may_record
        self._graphs: dict[Hashable, Graph] = {}

    def run(self, key: Hashable, work: Callable[[], None]) -> None:
        """Start work that is the same, on the same memory, whenever it has the same key."""
        if key in self._graphs:
            self._graphs[key].launch()
            return
        with _FIRST:
            work()
            self._stream.synchronize()
            if self._may_record():
                self._graphs[key] = Graph.recorded(work, self._stream.handle)


def _libcuda() -> Any:
    return ctypes.CDLL("libcuda.so.1")


def _call(driver: Any, function: str, *arguments: Any) -> None:
    code = getattr(driver, function)(*arguments)
    if code:
        raise gpu_error("the GPU's work could not be recorded or run", f"{function}: cudaError {code}")
