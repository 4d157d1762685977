"""TensorRT and TensorRT for RTX by their one Python API: which of them is here, and what each can do."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engines.errors import BackendUnavailable, BuildFailed


class Renewal(StrEnum):
    """How an engine gets new weights."""

    REFIT = "refit"
    """The numbers are exchanged in the engine that is there; its plan is the same for all weights."""
    REBUILD = "rebuild"
    """A plan is built for the weights; the kernels come from the runtime cache."""


@dataclass(frozen=True, slots=True)
class Library:
    """One of the two libraries; `extra` is what nearset's package calls the parts that it needs.

    `renewal` is rebuild for TensorRT-RTX, since only a GPU can refit and build what can be refitted; a build takes it
    a quarter of a second (2026-11-25, docs/performance.md).
    """

    name: str
    module: str
    extra: str
    renewal: Renewal
    builds_without_gpu: bool

    @property
    def is_here(self) -> bool:
        """Whether it is installed."""
        return importlib.util.find_spec(self.module) is not None

    def api(self) -> Any:
        """Return the library's module.

        Raises:
            BackendUnavailable: it is not installed, or cannot be loaded.
        """
        try:
            return importlib.import_module(self.module)
        except (ImportError, OSError, RuntimeError) as error:
            raise BackendUnavailable(
                f"the engine {self.name} cannot run here",
                why=f"its library cannot be loaded ({error})",
                fix=f"pip install 'nearset[{self.extra}]', or set `engine: auto`",
            ) from error

    def version(self) -> str:
        """Return the version of the library."""
        return str(self.api().__version__)

    def capability(self, sm: str) -> Any:
        """Return the library's word for an SM such as 89.

        Raises:
            BuildFailed: the library builds nothing for it.
        """
        known = vars(self.api().ComputeCapability)
        if f"SM{sm}" in known:
            return known[f"SM{sm}"]
        able = ", ".join(sorted((name[2:] for name in known if name.startswith("SM")), key=int))
        raise BuildFailed(
            f"{self.name} builds no engine for SM {sm}",
            why=f"version {self.version()} knows {able}",
            fix="name one of these, or take the engine tensorrt",
        )


LIBRARIES = {
    "tensorrt": Library("tensorrt", "tensorrt", "gpu", Renewal.REFIT, builds_without_gpu=False),
    "tensorrt-rtx": Library("tensorrt-rtx", "tensorrt_rtx", "rtx", Renewal.REBUILD, builds_without_gpu=True),
}
