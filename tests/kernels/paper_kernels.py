"""The kernels as a library of this processor, run thread by thread."""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engines.errors import BackendUnavailable
from engines.kernels import cubin

HERE = Path(__file__).parent
_NAMES = re.compile(r'extern "C" __global__ void (\w+)\(')
EVERYWHERE = """
template <auto KERNEL> struct Everywhere;
template <typename... Given, void (*KERNEL)(Given...)> struct Everywhere<KERNEL> {
    static void run(int width, int height, Given... given) {
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) { stand(x, y); KERNEL(given...); }
    }
};
"""
"""A kernel for every thread of a field, for those that the source names one by one."""


def compiled(name, folder):
    """Return the kernels of a source, or skip the test and say why."""
    if not shutil.which("g++") or platform.machine() != "x86_64":
        pytest.skip("g++ for x86-64 is not here")
    (folder / "cuda_fp16.h").write_text((HERE / "paper_cuda.h").read_text())
    source = cubin.source(name)
    (folder / f"{name}.cpp").write_text(source + EVERYWHERE + "".join(map(_everywhere, _NAMES.findall(source))))
    command = ["g++", "-O1", "-std=c++17", "-mf16c", "-ffp-contract=off", "-shared", "-fPIC"]
    command += [f"-I{folder}", f"-I{cubin.HEADERS}"]
    command += ["-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"]  # where a GPU faults, so does this
    subprocess.run([*command, str(folder / f"{name}.cpp"), "-o", str(folder / f"{name}.so")], check=True)
    return ctypes.CDLL(str(folder / f"{name}.so"))


def machine_code(sm, name):
    """Return a source's kernels as machine code of a GPU, or skip the test and say why."""
    try:
        cubin.compiler()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    code = cubin.cubin(sm, name)
    assert code.startswith(b"\x7fELF")
    return code


def _everywhere(name):
    if not name.islower():
        return ""  # a macro's, not a kernel's
    return f'extern "C" void* everywhere_{name}() {{ return (void*)&Everywhere<{name}>::run; }}\n'


def run(library, name, width, height, *arguments):
    """Run a kernel for every thread of a field."""
    if hasattr(library, f"everywhere_{name}"):
        where = getattr(library, f"everywhere_{name}")
        where.restype = ctypes.c_void_p
        ctypes.CFUNCTYPE(None)(where())(width, height, *arguments)
        return
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


class _Profile(ctypes.Structure):
    _fields_ = [(name, ctypes.c_float) for name in ("shot", "read", "chroma", "coarse")]


def profile_of(noise):
    """Return noise as a kernel takes it by value."""
    return _Profile(noise.shot, noise.read, noise.chroma, noise.coarse)


def ulps(one, other):
    """Return how many float16 lie between numbers, at most."""
    order = [
        np.where(x.view(np.int16) < 0, -32768 - x.view(np.int16).astype(int), x.view(np.int16)) for x in (one, other)
    ]
    return int(np.abs(order[0].astype(int) - order[1].astype(int)).max())
