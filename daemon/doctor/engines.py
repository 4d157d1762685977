"""Engines: which can run the networks here, and what the others lack."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import get_args

from daemon.config import Config, Engine
from daemon.doctor.finding import Finding, Level
from daemon.engine import choice_of, plan_store
from engines.errors import NearsetError

SUBJECT = "engines"
_ENGINES = tuple(name for name in get_args(Engine) if name != "identity")


def examined(config: Config | None) -> list[Finding]:
    """Return what was found: engines first, then what those on a GPU stand on.

    Without a configuration the engine that is needed is auto.
    """
    asked = config.engine if config else "auto"
    return [
        *(_looked(f"engine {name}", partial(_engine, name, config), needed=name == asked) for name in _ENGINES),
        _looked("GPU", _gpu, needed=False),
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
        return Finding(SUBJECT, name, Level.OK, look(), needed=needed)
    except NearsetError as error:
        level = Level.ERROR if needed else Level.OK
        return Finding(SUBJECT, name, level, f"{error.what}: {error.why} [{error.code}]", error.fix, needed)


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


def _package(name: str, module: str, fix: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(SUBJECT, name, Level.OK, "not installed", fix)
    try:
        return Finding(SUBJECT, name, Level.OK, version(name))
    except PackageNotFoundError:
        return Finding(SUBJECT, name, Level.OK, "installed, version unknown")
