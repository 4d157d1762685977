"""The kernels as machine code of a GPU, by NVIDIA's nvcc; where that is missing it is told, never gone around."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from engines.errors import BackendUnavailable, BuildFailed

SOURCE = "pictures.cu"
HEADERS = Path(__file__).parent
"""Where what sources include lies."""
_LONGEST_SECONDS = 300


def source() -> str:
    """Return the kernels' source."""
    return (resources.files("engines.kernels") / SOURCE).read_text(encoding="utf-8")


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


def cubin(sm: str) -> bytes:
    """Return the kernels as machine code for an SM such as 89; no GPU is needed.

    Raises:
        BackendUnavailable: nvcc is missing. BuildFailed: it refuses the source or the SM.
    """
    with TemporaryDirectory(prefix="nearset-kernels-") as name:
        path = Path(name, SOURCE)
        path.write_text(source(), encoding="utf-8")
        command = [compiler(), "--cubin", f"-arch=sm_{sm}", f"-I{HEADERS}", "-o", f"{name}/cubin", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False)
        if done.returncode:
            raise BuildFailed(
                f"the kernels cannot be compiled for SM {sm}",
                why=(done.stderr or done.stdout).strip().splitlines()[0],
                fix="see what this nvcc supports: `nvcc --list-gpu-code`",
            )
        return Path(name, "cubin").read_bytes()
