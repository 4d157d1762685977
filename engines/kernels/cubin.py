"""The kernels as machine code of a GPU, by NVIDIA's nvcc; where that is missing it is told, never gone around."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from engines.errors import BackendUnavailable, BuildFailed

PICTURES, MOTION, HINDSIGHT = SOURCES = ("pictures", "motion", "hindsight")
"""The sources; each is compiled by itself and loaded as a module of its own."""
HEADERS = Path(__file__).parent
"""Where what sources include lies."""
_LONGEST_SECONDS = 300


def source(name: str) -> str:
    """Return the text of one of SOURCES."""
    return (resources.files("engines.kernels") / f"{name}.cu").read_text(encoding="utf-8")


def whole_source(name: str) -> str:
    """Return the text of one of SOURCES with that of all headers: what its machine code is made of."""
    return source(name) + "".join(path.read_text(encoding="utf-8") for path in sorted(HEADERS.glob("*.cuh")))


def compiler() -> str:
    """Return the path of nvcc.

    Raises:
        BackendUnavailable: it is not on this machine's path.
    """
    if path := shutil.which("nvcc"):
        return path
    raise BackendUnavailable(
        "the kernels cannot be compiled",
        why="nvcc is not on the path",
        fix="install CUDA's toolkit (13 or newer) and put its bin on the path",
    )


def cubin(sm: str, name: str) -> bytes:
    """Return the kernels of one of SOURCES as machine code for an SM such as 89; no GPU is needed.

    Raises:
        BackendUnavailable: nvcc is missing. BuildFailed: it refuses the source or the SM.
    """
    with TemporaryDirectory(prefix="nearset-kernels-") as folder:
        path, made = Path(folder, f"{name}.cu"), Path(folder, "cubin")
        path.write_text(source(name), encoding="utf-8")
        command = [compiler(), "--cubin", f"-arch=sm_{sm}", f"-I{HEADERS}", "-o", str(made), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False)
        if done.returncode:
            raise BuildFailed(
                f"the kernels of {name} cannot be compiled for SM {sm}",
                why=(done.stderr or done.stdout).strip().splitlines()[0],
                fix="see what this nvcc supports: `nvcc --list-gpu-code`",
            )
        return made.read_bytes()
