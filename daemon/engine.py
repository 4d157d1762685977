"""What a production's children run its networks on, and its codecs: planned from the configuration, opened there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY
from typing import TYPE_CHECKING

from daemon.config import Config

if TYPE_CHECKING:
    from engines.backends.base import Backend
    from engines.media.hardware import Hardware
    from engines.plans.store import PlanStore


ALONE = frozenset({"tensorrt", "tensorrt-rtx"})
"""Engines whose process must not hold torch."""
ON_GPU = ALONE | {"eager-cuda"}
_DRIVER = Path("/dev/nvidiactl")
"""What NVIDIA's driver is spoken to by; there only where it is loaded."""
TORCH_STAGES = frozenset({"sample", "refine"})
"""Stages whose work loads torch."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by name, what may serve while it is missing (empty: nothing), and where plans are kept.

    `decode` and `encode` say whether a card may. The defaults are for jobs that an earlier version queued.
    """

    name: str = "auto"
    instead: str = ""
    plans: str = ""
    plans_bytes: int = 0
    decode: bool = False
    encode: bool = False


def choice_of(config: Config) -> EngineChoice:
    """Return the engine that a configuration names."""
    instead = "" if config.gpu.instead == "none" else config.gpu.instead
    decode = config.gpu.decode == "auto" and config.engine in ON_GPU | {"auto"}
    room = int(config.gpu.plans_gib * (1 << 30))
    return EngineChoice(config.engine, instead, str(config.plans), room, decode, config.gpu.encode == "nvenc")


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


def hardware_of(choice: EngineChoice) -> Hardware | None:
    """Return the card that may decode and encode, tried as it is used; None where none is asked for. In a child.

    Where `auto` is the engine, a machine without a GPU was asked for nothing by name, and nothing is said of it.
    """
    from engines.media.hardware import here  # noqa: PLC0415 - as above

    if not (choice.decode or choice.encode):
        return None
    found = here()
    return None if found.card is None and choice.name == "auto" and not choice.encode else found


def memory_of(config: Config) -> int:
    """Return the address space that a child may use, in bytes; without end where it may work on a GPU.

    CUDA maps all memory of machine and GPU into its addresses, which says nothing of what is used.
    Source: CUDA's programming guide, unified virtual addressing.
    """
    may_have = config.engine == "auto" or config.gpu.encode == "nvenc"
    on_gpu = config.engine in ON_GPU or (may_have and _DRIVER.exists())
    return RLIM_INFINITY if on_gpu else config.workers.memory_gib << 30


def must_be_alone(config: Config) -> bool:
    """Return whether the engine's process must not hold torch, as training does."""
    return config.engine in ALONE
