"""What a plan is for: all that another plan would be needed for if it changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from engines.gpu.device import Gpu
from engines.model.weights import Weights
from engines.plans.library import Library, Renewal

PRECISION = "f16"


@dataclass(frozen=True, slots=True)
class PlanKey:
    """Names a plan, or what belongs to one, by `what`: plan, kernels, runtime-cache.

    `weights` is the digest of the weights that a plan holds, empty for a plan that is refitted: it serves all weights
    of its topology. `gpu` and `driver` are empty for a plan that is built for an SM and holds no machine code of a
    driver; the runtime cache beside it carries them. `height` and `width` are the packed picture's.
    """

    what: str
    network: str
    topology: str
    weights: str
    height: int
    width: int
    precision: str
    library: str
    version: str
    renewal: str
    sm: str
    gpu: str
    driver: str

    @property
    def digest(self) -> str:
        """Digest that names the file."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def text(self) -> str:
        """The key as JSON that is the same for the same key."""
        return json.dumps(asdict(self), sort_keys=True)


def plan_key(
    library: Library, weights: Weights, height: int, width: int, renewal: Renewal, target: Gpu | str
) -> PlanKey:
    """Return the key of a plan for the GPU that is here, or for an SM."""
    here = target if isinstance(target, Gpu) and not library.builds_without_gpu else None
    return PlanKey(
        what="plan",
        network=weights.topology.name,
        topology=weights.topology.digest,
        weights="" if renewal is Renewal.REFIT else weights.digest,
        height=height,
        width=width,
        precision=PRECISION,
        library=library.name,
        version=library.version(),
        renewal=renewal,
        sm=target.sm if isinstance(target, Gpu) else target,
        gpu=here.name if here else "",
        driver=here.driver if here else "",
    )


def kernels_key(name: str, source: str, sm: str) -> PlanKey:
    """Return the key of a source of kernels for an SM; the digest of its text stands where a network has its own."""
    return PlanKey(
        what="kernels",
        network=name,
        topology=hashlib.sha256(source.encode()).hexdigest()[:32],
        weights="",
        height=0,
        width=0,
        precision=PRECISION,
        library="nvcc",
        version="",
        renewal="",
        sm=sm,
        gpu="",
        driver="",
    )
