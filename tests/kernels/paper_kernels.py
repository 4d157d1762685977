"""The kernels as a library of this processor, run thread by thread."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engines.kernels import cubin

HERE = Path(__file__).parent


def compiled(name, folder):
    """Return the kernels of a source, or skip the test and say why."""
    if not shutil.which("g++") or platform.machine() != "x86_64":
        pytest.skip("g++ for x86-64 is not here")
    (folder / "cuda_fp16.h").write_text((HERE / "paper_cuda.h").read_text())
    (folder / f"{name}.cpp").write_text(cubin.source(name))
    command = ["g++", "-O1", "-std=c++17", "-mf16c", "-ffp-contract=off", "-shared", "-fPIC", f"-I{folder}"]
    subprocess.run([*command, str(folder / f"{name}.cpp"), "-o", str(folder / f"{name}.so")], check=True)
    return ctypes.CDLL(str(folder / f"{name}.so"))


def run(library, name, width, height, *arguments):
    """Run a kernel for every thread of a field."""
    kernel = getattr(library, name)
    kernel.restype = None
    for y in range(height):
        for x in range(width):
            library.stand(x, y)
            kernel(*arguments)


def at(array):
    """Return where an array lies."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def ulps(one, other):
    """Return how many float16 lie between numbers, at most."""
    order = [
        np.where(x.view(np.int16) < 0, -32768 - x.view(np.int16).astype(int), x.view(np.int16)) for x in (one, other)
    ]
    return int(np.abs(order[0].astype(int) - order[1].astype(int)).max())
