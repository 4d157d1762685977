"""Plans and kernels on demand: from the store if they are there and good, else built and kept."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from engines.errors import BadPlan
from engines.gpu.device import Gpu
from engines.kernels.cubin import cubin, whole_source
from engines.model.weights import Weights
from engines.plans.build import built
from engines.plans.key import PlanKey, kernels_key, plan_key
from engines.plans.library import Library, Renewal
from engines.plans.store import PlanStore


@dataclass(frozen=True, slots=True)
class Supplied:
    """A plan at hand: `seconds` are those of its build, 0 where it was there; `refused` is why another was not used."""

    key: PlanKey
    path: Path
    plan: bytes
    seconds: float
    refused: str


def supplied(
    store: PlanStore,
    library: Library,
    weights: Weights,
    height: int,
    width: int,
    target: Gpu | str,
    renewal: Renewal | None = None,
) -> Supplied:
    """Return the plan of weights and a shape for a GPU or an SM; one that is refused is replaced by a new one.

    Raises:
        BuildFailed: it cannot be built. BackendUnavailable: the library, or a GPU that it needs, is missing.
    """
    renewal = renewal or library.renewal
    key = plan_key(library, weights, height, width, renewal, target)
    refused = ""
    try:
        if plan := store.load(key):
            return Supplied(key, store.path(key), plan, 0.0, "")
    except BadPlan as error:
        logging.getLogger(__name__).warning("%s", error)
        refused = error.why
    sm = "" if isinstance(target, Gpu) and not library.builds_without_gpu else key.sm
    made = built(library, weights, height, width, sm, renewal)
    return Supplied(key, store.save(key, made.plan, made.seconds), made.plan, made.seconds, refused)


def kernels(store: PlanStore, gpu: Gpu, name: str) -> bytes:
    """Return the machine code of a source of kernels for a GPU, kept beside the plans; compiled where it is not there.

    Raises:
        BackendUnavailable: nvcc is missing. BuildFailed: it does not know the GPU's SM.
    """
    key = kernels_key(name, whole_source(name), gpu.sm)
    try:
        if code := store.load(key):
            return code
    except BadPlan as error:
        logging.getLogger(__name__).warning("%s", error)
    began = time.monotonic()
    code = cubin(gpu.sm, name)
    store.save(key, code, time.monotonic() - began)
    return code
