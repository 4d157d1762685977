"""Which engine a production's children run its networks on: planned from the configuration, opened in the child."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY
from typing import TYPE_CHECKING

from daemon.config import Config

if TYPE_CHECKING:
    from engines.backends.base import Backend
    from engines.plans.store import PlanStore


ALONE = frozenset({"tensorrt", "tensorrt-rtx"})
"""Engines whose process must not hold torch."""
ON_GPU = ALONE | {"eager-cuda"}
TORCH_STAGES = frozenset({"sample", "refine"})
"""Stages whose work loads torch."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by name, what may serve while it is missing (empty: nothing), and where plans are kept.

    The defaults are for jobs that an earlier version queued.
    """

    name: str = "auto"
    instead: str = ""
    plans: str = ""
    plans_bytes: int = 0


def choice_of(config: Config) -> EngineChoice:
    """Return the engine that a configuration names."""
    instead = "" if config.gpu.instead == "none" else config.gpu.instead
    return EngineChoice(config.engine, instead, str(config.plans), int(config.gpu.plans_gib * (1 << 30)))


def plan_store(choice: EngineChoice) -> PlanStore:
    """Return the store of this machine's plans."""
    from engines.plans.store import PlanStore  # noqa: PLC0415 - only children and commands load engines

    return PlanStore(Path(choice.plans), choice.plans_bytes)


def backend_of(choice: EngineChoice) -> Backend:
    """Return the back-end; in a child.

    Raises:
        BackendUnavailable: it cannot run here, and nothing may serve instead.
    """
    from engines.backends import choose  # noqa: PLC0415 - as above

    instead = choice.instead if choice.name in ON_GPU else ""
    return choose(choice.name, plan_store(choice) if choice.plans else None, instead)


def memory_of(config: Config) -> int:
    """Return the address space that a child may use, in bytes; without end where its engine runs on a GPU.

    CUDA maps all memory of machine and GPU into its addresses, which says nothing of what is used.
    Source: CUDA's programming guide, unified virtual addressing.
    """
    return RLIM_INFINITY if config.engine in ON_GPU else config.workers.memory_gib << 30


def must_be_alone(config: Config) -> bool:
    """Return whether the engine's process must not hold torch, as training does."""
    return config.engine in ALONE
