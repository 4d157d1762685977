"""The shim, told what to do: to record what a process changes on disk, or to refuse its calls as a failing disk does.

It is built from `shim.c` with the machine's C compiler, and must be there before the process begins: see `preloaded`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from enum import IntFlag
from pathlib import Path
from tempfile import mkdtemp

_PRELOAD = "LD_PRELOAD"
_SOURCE = Path(__file__).with_name("shim.c")


class Call(IntFlag):
    """Kinds of calls that can be refused; as in `shim.c`."""

    OPEN = 1
    CREATE = 2
    READ = 4
    WRITE = 8
    SYNC = 16
    NAME = 32
    UNLINK = 64
    MKDIR = 128
    STAT = 256
    LIST = 512


def preloaded(arguments: Sequence[str]) -> None:
    """Begin this process anew with the shim in it, unless it is there, or no C compiler is.

    Raises:
        CalledProcessError: the compiler refuses.
    """
    compiler = os.environ.get("CC", "cc")
    if "nearset-shim" in os.environ.get(_PRELOAD, "") or not shutil.which(compiler):
        return
    library = Path(mkdtemp(prefix="nearset-shim-")) / "shim.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl", "-lpthread"], check=True)
    os.execve(sys.executable, [sys.executable, *arguments], os.environ | {_PRELOAD: str(library)})


def absence() -> str:
    """Return why there is no shim in this process, empty where there is one."""
    return "" if hasattr(ctypes.CDLL(None), "nearset_record") else "no C compiler is here to build the shim with"


def record(folder: Path, journal: int) -> None:
    """Record every change below a folder into an open file from now on."""
    _shim().nearset_record(os.fsencode(folder), journal)


def refuse(folder: Path, error: int, calls: Call, first: int, count: int) -> None:
    """Refuse calls of these kinds below a folder, `count` of them from the `first`-th on; error 0 only counts them."""
    _shim().nearset_refuse(os.fsencode(folder), error, int(calls), ctypes.c_long(first), ctypes.c_long(count))


def counted() -> tuple[int, int]:
    """Return how many calls there were of the kinds that `refuse` was told, and how many were refused."""
    return (0, 0) if absence() else (_shim().nearset_calls(), _shim().nearset_refused())


def without() -> dict[str, str]:
    """Return the environment for a process that the shim is to leave alone."""
    return {name: value for name, value in os.environ.items() if name != _PRELOAD}


def _shim() -> ctypes.CDLL:
    shim = ctypes.CDLL(None)
    shim.nearset_calls.restype = shim.nearset_refused.restype = ctypes.c_long
    return shim
