"""The back-ends, and the one way to choose among them."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any, cast

from engines.backends.base import Backend, LightBackend
from engines.backends.instead import Instead
from engines.errors import BackendUnavailable
from engines.gpu.device import gpu
from engines.native.library import has_bfloat16
from engines.plans.library import LIBRARIES
from engines.plans.store import PlanStore

_BEST_FIRST = ("eager-cuda", "native", "openvino", "eager")
"""What auto takes; native only where the processor has no bfloat16, since it was measured nowhere else. TensorRT is not
among them until it was seen to run on a GPU, as eager CUDA was (2026-11-27)."""
_LIGHT = frozenset({"openvino", "eager", "identity"})
_FACTORIES = {
    "native": ("engines.backends.native", "NativeBackend"),
    "openvino": ("engines.backends.openvino", "OpenVinoBackend"),
    "eager": ("engines.backends.eager", "EagerBackend"),
    "eager-cuda": ("engines.backends.eager_cuda", "EagerCudaBackend"),
    "tensorrt": ("engines.backends.tensorrt", "TensorRtBackend"),
    "tensorrt-rtx": ("engines.backends.tensorrt", "TensorRtBackend"),
    "identity": ("engines.backends.identity", "IdentityBackend"),
}
CHOICES = ("auto", *_FACTORIES)


def choose(name: str, plans: PlanStore | None = None, instead: str = "") -> Backend:
    """Return the back-end of a name; `auto` is the best that is here, and `describe` says which that is.

    Engines that run plans find and keep them in `plans`. `instead` names what may serve while the named one is missing;
    without it another is never taken. A back-end lives as long as the process: what it compiled serves the next clip.

    Raises:
        BackendUnavailable: the one that was named cannot run here.
    """
    if instead and instead != name:
        return Instead(name, lambda: _only(name, plans), lambda: _only(instead, plans))
    return _only(name, plans)


def choose_light(name: str) -> LightBackend:
    """Return what runs the illumination network where `name` restores.

    It is so small that every engine on a GPU leaves it to the processor's; `describe` says which that is.
    """
    return cast(LightBackend, _only(name if name in _LIGHT else "openvino", None))


@cache
def _only(name: str, plans: PlanStore | None) -> Backend:
    if name != "auto":
        return _made(name, plans)
    for candidate in _BEST_FIRST:
        try:
            if _may_be_here(candidate):
                return _made(candidate, plans)
        except BackendUnavailable:
            continue  # the next best; what was taken says its name, and `nearset doctor` why a GPU was not
    raise BackendUnavailable(
        "no engine can run here", why="neither openvino nor torch is installed", fix="reinstall nearset"
    )


def _may_be_here(name: str) -> bool:
    """Return whether to try an engine; torch is loaded for it only where there is a GPU."""
    if name == "native":
        return not has_bfloat16()
    if name == "eager-cuda":
        gpu()
    return importlib.util.find_spec("openvino" if name == "openvino" else "torch") is not None


def _made(name: str, plans: PlanStore | None) -> Backend:
    if name not in _FACTORIES:
        raise BackendUnavailable(
            f"the engine {name} is not there",
            why=f"this version of nearset runs {', '.join(_FACTORIES)}",
            fix="set `engine: auto`",
        )
    module, attribute = _FACTORIES[name]
    try:
        factory: Any = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise BackendUnavailable(
            f"the engine {name} cannot run here", why=str(error), fix="install it, or set `engine: auto`"
        ) from error
    if name not in LIBRARIES:
        return cast(Backend, factory())
    if plans is None:
        raise BackendUnavailable(
            f"the engine {name} cannot run here",
            why="it keeps plans, and no folder for them was named",
            fix="name a production's configuration",
        )
    return cast(Backend, factory(name, plans))
