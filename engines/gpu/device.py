"""The NVIDIA GPU of this machine, asked of its driver alone: no CUDA toolkit, no library that needs one.

`nearset doctor` and the back-ends ask here first, so that a missing GPU is told as that, and not as what a library
makes of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.errors import GpuMissing, WrongDriver
from engines.gpu.faults import gpu_error

_OLDEST_CUDA = (13, 0)
"""CUDA version that a driver must carry for the libraries that nearset names: wheels of CUDA 13."""
_DRIVER_VERSION = Path("/sys/module/nvidia/version")
_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR. Source: cuda.h."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: `sm` is its compute capability in digits, such as 89; `driver` names driver and CUDA version."""

    name: str
    sm: str
    driver: str
    memory_bytes: int


def gpu(load: Callable[[], Any] = lambda: ctypes.CDLL("libcuda.so.1")) -> Gpu:
    """Return the first GPU that this process may use.

    Raises:
        GpuMissing: there is none, or no driver. WrongDriver: the driver is too old for the engines' libraries.
        GpuFault: it is there and does not answer.
    """
    try:
        driver = load()
    except OSError as error:
        raise GpuMissing(
            "no GPU can be used here",
            why=f"NVIDIA's driver is not installed ({error})",
            fix="install NVIDIA's driver and restart, or set `engine: auto`; `nearset doctor` tells when it is there",
        ) from error
    cuda = _Cuda(driver)
    version = divmod(cuda.number("cuDriverGetVersion"), 1000)
    if version < _OLDEST_CUDA:
        raise WrongDriver(
            "the GPU cannot run the engines",
            why=f"its driver carries CUDA {version[0]}.{version[1] // 10}, and CUDA {_OLDEST_CUDA[0]} is needed",
            fix="install a newer driver from NVIDIA, restart; then `nearset doctor`",
        )
    cuda.call("cuInit", 0)
    device = cuda.number("cuDeviceGet", 0)
    return Gpu(
        cuda.name(device),
        "".join(str(cuda.number("cuDeviceGetAttribute", word, device)) for word in (_MAJOR, _MINOR)),
        f"{_module_version()} CUDA {version[0]}.{version[1] // 10}",
        cuda.memory(device),
    )


def _module_version() -> str:
    try:
        return _DRIVER_VERSION.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"  # the CUDA version beside it still tells drivers apart


@dataclass(frozen=True, slots=True)
class _Cuda:
    """The driver's C interface; every call answers with a code, 0 is good. Source: CUDA driver API."""

    library: Any

    def call(self, function: str, *arguments: Any) -> None:
        code = getattr(self.library, function)(*arguments)
        if code:
            raise gpu_error("no GPU can be used here", f"{function}: cudaError {code}")

    def number(self, function: str, *arguments: Any) -> int:
        value = ctypes.c_int()
        self.call(function, ctypes.byref(value), *arguments)
        return value.value

    def name(self, device: int) -> str:
        buffer = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", buffer, len(buffer), device)
        return buffer.value.decode("ascii", "replace")

    def memory(self, device: int) -> int:
        size = ctypes.c_size_t()
        self.call("cuDeviceTotalMem_v2", ctypes.byref(size), device)
        return size.value
