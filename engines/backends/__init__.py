"""The back-ends, and the one way to choose among them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

from engines.backends.base import Backend
from engines.errors import BackendUnavailable

CHOICES = ("auto", "openvino", "eager", "tensorrt", "identity")
_BEST_FIRST = ("openvino", "eager")
_FACTORIES = {
    "openvino": ("engines.backends.openvino", "OpenVinoBackend"),
    "eager": ("engines.backends.eager", "EagerBackend"),
    "identity": ("engines.backends.identity", "IdentityBackend"),
}


def choose(name: str) -> Backend:
    """Return the back-end of a name; `auto` is the best that is here, and `describe` says which that is.

    Raises:
        BackendUnavailable: the one that was named cannot run here; another is never taken instead.
    """
    if name != "auto":
        return _factory(name)()
    for candidate in _BEST_FIRST:
        if importlib.util.find_spec(candidate if candidate != "eager" else "torch"):
            return _factory(candidate)()
    raise BackendUnavailable(
        "no engine can run here", why="neither openvino nor torch is installed", fix="reinstall nearset"
    )


def _factory(name: str) -> Callable[[], Backend]:
    if name not in _FACTORIES:
        raise BackendUnavailable(
            f"the engine {name} is not there",
            why="this version of nearset runs openvino, eager and identity",
            fix="set `engine: auto`",
        )
    module, attribute = _FACTORIES[name]
    try:
        factory: Callable[[], Backend] = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise BackendUnavailable(
            f"the engine {name} cannot run here", why=str(error), fix="install it, or set `engine: auto`"
        ) from error
    return factory
