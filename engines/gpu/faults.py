"""What the GPU's libraries say, in our words: one table from their messages to our errors."""

from __future__ import annotations

import re

from engines.errors import BuildFailed, DeviceLost, EngineError, GpuFault, GpuMissing, OutOfGpuMemory, WrongDriver

_FAULTS: tuple[tuple[str, type[EngineError], str, str], ...] = (
    (
        r"cudaError (35|34|36|803|804)\b|driver version is insufficient|SYSTEM_DRIVER_MISMATCH|forward compat|"
        r"UNSUPPORTED_PTX_VERSION|cudaError 222\b",
        WrongDriver,
        "the GPU's driver is missing, or older than the library needs",
        "install the driver that docs/libraries.md names, restart, then `nearset doctor`",
    ),
    (
        r"cudaError (100|101)\b|no CUDA-capable device|ERROR_NO_DEVICE|INVALID_DEVICE\b",
        GpuMissing,
        "no GPU answers",
        "look at `nvidia-smi`; then `nearset doctor` and `nearset retry`",
    ),
    (
        r"cudaError 2\b|out of (device )?memory|OUT_OF_MEMORY|OutOfMemory|bad_alloc|MEMORY_ALLOCATION",
        OutOfGpuMemory,
        "the GPU's memory is full",
        "end what else runs on the GPU, or lower workers.render; it is tried again",
    ),
    (
        r"cudaError (46|214|700|702|709|710|713|714|715|716|717|718|719|999)\b|DEVICE_UNAVAILABLE|LAUNCH_FAILED|"
        r"LAUNCH_TIMEOUT|ILLEGAL_ADDRESS|ILLEGAL_INSTRUCTION|ECC_UNCORRECTABLE|CONTEXT_IS_DESTROYED|illegal memory access|"
        r"unspecified launch failure|fallen off the bus|ERROR_UNKNOWN",
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
