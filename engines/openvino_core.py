"""OpenVINO on this machine's processor: one core a process, and nothing told to its maker.

Import `openvino` from here and nowhere else. As it ships, importing it counts uses in the home folder and asks for
Google Analytics by name (our measurement with OpenVINO 2026.4.1, strace, 2026-11-27); without `openvino_telemetry` it
takes a stub of its own. The core lives as long as the process: each core gives the thread a signal stack, and of two
that end in the order they began, the second one leaves the thread on the first one's, which is freed by then. The next
signal that Python handles then writes over the heap (processors with AMX; our measurement, strace and valgrind,
2026-11-27).
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # how Python is told that there is none
import openvino as ov  # noqa: E402 - after the line above

if TYPE_CHECKING:
    import onnx

__all__ = ["compiled", "core", "ov"]


@cache
def core() -> ov.Core:
    """Return the process's core."""
    return ov.Core()


def compiled(graph: onnx.ModelProto, precision: str) -> ov.CompiledModel:
    """Return a graph compiled for the processor, `f32` or `bf16`, to answer each call as soon as it can."""
    settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    return core().compile_model(core().read_model(graph.SerializeToString(), b""), "CPU", settings)
