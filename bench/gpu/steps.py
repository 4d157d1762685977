"""The steps of a day with a GPU, by their worth, and how one is run: what its process does costs no other step."""

from __future__ import annotations

import importlib.util
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from engines.plans.library import LIBRARIES

EAGER = "eager-cuda"
BACKENDS = (*LIBRARIES, EAGER)
_DYING_SECONDS = 5.0
"""How long a killed process may take: one that the driver holds never ends, and is left behind."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part to measure, for an engine where it is named; `needs` are modules and programs, `seconds` its most."""

    part: str
    seconds: float
    needs: tuple[str, ...]
    backend: str = ""

    @property
    def name(self) -> str:
        """What its rows are known by."""
        return f"{self.part} {self.backend}".strip()


def steps(parts: Sequence[str] | None = None, backends: Sequence[str] | None = None) -> list[Step]:
    """Return the steps in their order; all, or those of some parts and engines."""
    kernels, footage = ("numpy", "pycuda", "nvcc"), ("av", "PIL")
    eager = ("numpy", "cv2", "safetensors", "torch")
    engine = (*kernels, *eager, "onnx")
    plans = [name for name in LIBRARIES if not backends or name in backends]
    is_eager = not backends or EAGER in backends
    all_steps = [
        Step("ground", 90, ("numpy", "pycuda")),
        Step("kernels", 90, kernels),
        *(Step("engines", 240, (*engine, LIBRARIES[name].module), name) for name in plans),
        *(Step("parity", 60, (*engine, "av", LIBRARIES[name].module), name) for name in plans),
        *(Step("speed", 120, (*engine, LIBRARIES[name].module), name) for name in plans),
        *([Step("eager", 120, eager), Step("parity", 60, (*eager, "onnx", "av"), EAGER)] if is_eager else []),
        *(Step("pipeline", 90, (*engine, *footage, LIBRARIES[name].module), name) for name in plans),
        *([Step("pipeline", 90, (*eager, *footage), EAGER)] if is_eager else []),
        Step("video", 180, ("numpy", *footage)),
        Step("motion", 90, (*kernels, "cv2")),
    ]
    return [step for step in all_steps if not parts or step.part in parts]


def lacking() -> dict[str, str]:
    """Return what is not on this machine of all that steps need, each with the parts that need it."""
    found: dict[str, dict[str, None]] = {}
    for step in steps():
        for need in step.needs:
            if not _is_here(need):
                found.setdefault(need, {})[step.name] = None
    return {need: ", ".join(names) for need, names in found.items()}


def _is_here(need: str) -> bool:
    return bool(shutil.which(need)) if need == "nvcc" else importlib.util.find_spec(need) is not None


def run(words: Sequence[str], seconds: float, tell: Callable[[str], None]) -> str:
    """Run a process, tell each line that it prints as it comes, and return why it did not end well; empty if it did.

    What it started ends with it.
    """
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    ends, last = time.monotonic() + seconds, ""
    try:
        while (line := lines.get(timeout=max(0.0, ends - time.monotonic()))) is not None:
            tell(line)
            last = line.strip() or last
        code = process.wait(max(0.0, ends - time.monotonic()))
    except (queue.Empty, subprocess.TimeoutExpired):
        return f"it took longer than {seconds:.0f} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DYING_SECONDS)
    return f"exit code {code}: {last}" if code else ""


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout
    with process.stdout as said:
        for line in said:
            lines.put(line.rstrip("\n"))
    lines.put(None)
