"""What the GPU's libraries say, in our words: one table from their messages to our errors."""

from __future__ import annotations

import re

from engines.errors import BuildFailed, DeviceLost, EngineError, GpuFault, GpuMissing, OutOfGpuMemory, WrongDriver

_DRIVER = (
    r"cudaError (34|35|36|222|803|804)\b|driver version is insufficient|SYSTEM_DRIVER_MISMATCH|UNSUPPORTED_PTX_VERSION|"
    r"stub library|unsupported toolchain|unsupported display driver|forward compatibility was attempted"
)
_MISSING = r"cudaError (100|101)\b|no CUDA-capable device|ERROR_NO_DEVICE|INVALID_DEVICE\b|invalid device ordinal"
_MEMORY = r"cudaError 2\b|out of (device )?memory|OUT_OF_MEMORY|OutOfMemory|bad_alloc|MEMORY_ALLOCATION"
_LOST = (
    r"cudaError (46|214|70[0-2]|709|71[0-9]|999)\b|DEVICE_UNAVAILABLE|LAUNCH_FAILED|LAUNCH_TIMEOUT|ILLEGAL_ADDRESS|"
    r"ILLEGAL_INSTRUCTION|ECC_UNCORRECTABLE|CONTEXT_IS_DESTROYED|illegal memory access|unspecified launch failure|"
    r"fallen off the bus|ERROR_UNKNOWN|busy or unavailable|launch timed out|uncorrectable (ECC|NVLink) error|"
    r"context is destroyed|device-side assert|hardware stack error|illegal instruction|misaligned address|"
    r"global/shared address space|invalid program counter|unknown error"
)
"""Numbers are CUDA's error codes, which the driver and the runtime share; names are the driver's, phrases those of
`cuGetErrorString`, all that pycuda and TensorRT tell. Source: cuda.h, driver_types.h, and the strings in libcudart.
"""

_FAULTS: tuple[tuple[str, type[EngineError], str, str], ...] = (
    (
        _DRIVER,
        WrongDriver,
        "the GPU's driver is missing, or older than the library needs",
        "install NVIDIA's newest driver and restart; then `nearset doctor`",
    ),
    (_MISSING, GpuMissing, "no GPU answers", "look at `nvidia-smi`; then `nearset doctor` and `nearset retry`"),
    (
        _MEMORY,
        OutOfGpuMemory,
        "the GPU's memory is full",
        "end what else runs on the GPU, or lower workers.render; it is tried again",
    ),
    (
        _LOST,
        DeviceLost,
        "the GPU stopped answering",
        "it is tried again in a new process; if it repeats, look at `dmesg` for Xid lines and at heat and power",
    ),
)


def gpu_error(what: str, said: str) -> EngineError:
    """Return the error for what a GPU library said while `what` happened; GpuFault where no line of the table fits."""
    for pattern, error, why, fix in _FAULTS:
        if re.search(pattern, said, re.IGNORECASE):
            return error(what, why=f"{why} ({_brief(said)})", fix=fix)
    return GpuFault(what, why=_brief(said), fix="it is tried again; if it repeats, `nearset doctor` and the log")


def build_error(what: str, said: str) -> EngineError:
    """Return the error for what a library said while it built; BuildFailed where the GPU is not to blame."""
    error = gpu_error(what, said)
    if type(error) is not GpuFault:
        return error
    return BuildFailed(what, why=_brief(said), fix="set another engine, or allow one by gpu.instead; see the log")


def _brief(said: str) -> str:
    line = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    return line if len(line) < 300 else f"{line[:300]}..."  # noqa: PLR2004 - what a table cell can hold
