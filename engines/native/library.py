"""The machine code (`restore.c` and its parts), compiled when nearset was installed, as Python calls it."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from engines.errors import BackendUnavailable

_POINTER = ctypes.c_void_p
_COMPILER = "install a C compiler (Debian: apt install gcc libc6-dev) and install nearset again"


class Stage(ctypes.Structure):
    """`Stage` of restore.h."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("kind", "rows", "columns", "inputs", "used", "outputs")),
        ("slope", ctypes.c_float),
        *((name, _POINTER) for name in ("source", "skip", "weights", "bias", "target")),
    )


class Step(ctypes.Structure):
    """`Step` of restore.h."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("height", "width", "hidden", "fresh")),
        ("scale", ctypes.c_float),
        *((name, _POINTER) for name in ("now", "noise", "motion", "output")),
        *((name, _POINTER) for name in ("now_pixels", "carried_pixels", "luma", "colours", "state", "codes")),
    )


class Lean(ctypes.Structure):
    """`Lean` of restore.h."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in ("height", "width")),
        *((name, ctypes.c_float) for name in ("standing", "moving", "per_move", "tolerance", "lasts")),
        *((name, ctypes.c_float) for name in ("odd", "every_detail", "weighed", "shot", "read", "least")),
        *((name, _POINTER) for name in ("own", "motion", "leant", "luma", "colours")),
        *((name, _POINTER) for name in ("difference", "apart", "lasting", "detail", "most")),
    )


@cache
def library() -> ctypes.CDLL:
    """Return the library.

    Raises:
        BackendUnavailable: it was not compiled, or this processor cannot run it.
    """
    compiled = (Path(__file__).with_name(f"_restore{suffix}") for suffix in EXTENSION_SUFFIXES)
    path = next((path for path in compiled if path.exists()), None)
    if path is None:
        raise _missing("its machine code was not compiled when nearset was installed", _COMPILER)
    found = ctypes.CDLL(str(path))
    stage, step, lean = (ctypes.sizeof(it) for it in (Stage, Step, Lean))
    if found.nearset_layout() != (stage * 1000 + step) * 1000 + lean:
        raise _missing("its machine code is of another version", _COMPILER)
    if not found.nearset_able():
        raise _missing("this processor has no AVX2 with fused multiply-add", "set `engine: auto`")
    found.nearset_step.argtypes = (_POINTER, ctypes.c_int32, _POINTER, _POINTER, ctypes.c_uint64, ctypes.c_int32)
    found.nearset_lean.argtypes = (_POINTER, ctypes.c_int32, _POINTER, ctypes.c_uint64, ctypes.c_int32)
    found.nearset_lean.restype = None
    return found


def is_here() -> bool:
    """Return whether it can be had."""
    try:
        library()
    except BackendUnavailable:
        return False
    return True


def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16, in which OpenVINO does twice as much at once.

    Raises:
        BackendUnavailable: as above.
    """
    return bool(library().nearset_bfloat16())


def _missing(why: str, fix: str) -> BackendUnavailable:
    return BackendUnavailable("the engine native cannot run here", why=why, fix=fix)
