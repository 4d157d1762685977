"""What this machine has of all that nearset can use, what is missing, and how to get it. Changes nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from daemon import landlock
from daemon.config import Config
from daemon.engine import choice_of, plan_store
from daemon.errors import ConfinementError
from engines.errors import NearsetError

_ENGINES = ("auto", "openvino", "eager", "eager-cuda", "tensorrt", "tensorrt-rtx")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: `needed` where the configuration asks for it; `fix` where it is not good."""

    name: str
    state: Literal["good", "missing"]
    found: str
    fix: str
    needed: bool


def examined(config: Config | None) -> list[Finding]:
    """Return what was found: engines first, what keeps children to their folders, and what a GPU's engines stand on.

    Without a configuration the engine that is needed is auto.
    """
    asked = config.engine if config else "auto"
    return [
        *(_looked(f"engine {name}", partial(_engine, name, config), needed=name == asked) for name in _ENGINES),
        _looked("GPU", _gpu, needed=False),
        _looked("Landlock", _landlock, needed=False),
        *(
            _package(name, module, fix)
            for name, module, fix in (
                ("tensorrt", "tensorrt", "pip install 'nearset[gpu]'; its libraries come from NVIDIA's own index"),
                ("tensorrt_rtx_cu13", "tensorrt_rtx", "pip install 'nearset[rtx]'"),
                ("pycuda", "pycuda", "pip install 'nearset[gpu]' where CUDA's toolkit is; it is built from source"),
            )
        ),
    ]


def _looked(name: str, look: Callable[[], str], *, needed: bool) -> Finding:
    try:
        return Finding(name, "good", look(), "", needed)
    except NearsetError as error:
        return Finding(name, "missing", f"{error.what}: {error.why} [{error.code}]", error.fix, needed)


def _engine(name: str, config: Config | None) -> str:
    from engines.backends import choose  # noqa: PLC0415 - only children and commands load engines
    from engines.plans.library import LIBRARIES  # noqa: PLC0415 - as above

    plans = plan_store(choice_of(config)) if config else None
    if name in LIBRARIES and plans is None:  # its parts are asked for one by one: no plan is made without a production
        LIBRARIES[name].api()
        return f"{_gpu()}; name a configuration to try it"
    return choose(name, plans).describe()


def _gpu() -> str:
    from engines.gpu.device import gpu  # noqa: PLC0415 - as above

    found = gpu()
    return f"{found.name}, SM {found.sm}, driver {found.driver}, {found.memory_bytes >> 30} GiB"


def _landlock() -> str:
    if number := landlock.version():
        return f"version {number}: children are kept to their folders"
    raise ConfinementError(
        "children are not kept to their folders",
        why="this kernel has no Landlock, or it is switched off; user, unit and seccomp keep them still",
        fix="boot a kernel of 5.13 or newer; if it has it, put `lsm=landlock,...` on its command line",
    )


def _package(name: str, module: str, fix: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(name, "missing", "not installed", fix, needed=False)
    try:
        return Finding(name, "good", version(name), "", needed=False)
    except PackageNotFoundError:
        return Finding(name, "good", "installed, version unknown", "", needed=False)
