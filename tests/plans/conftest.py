from __future__ import annotations

import numpy as np
import pytest

from engines.errors import BackendUnavailable
from engines.model.topology import topology
from engines.model.weights import Weights, base_weights
from engines.plans.library import LIBRARIES
from engines.plans.store import PlanStore

MIB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return PlanStore(tmp_path / "engines", 64 * MIB, machine=lambda: "the cart")


@pytest.fixture(scope="session")
def base():
    return base_weights("lite")


@pytest.fixture(scope="session")
def rtx():
    library = LIBRARIES["tensorrt-rtx"]
    try:
        library.api()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    return library


def weights_of(size: str, seed: int = 1) -> Weights:
    """Small random numbers of a size that ships none."""
    network, rng = topology(size), np.random.default_rng(seed)
    shapes = {f"{layer.name}.weight": layer.weight_shape for layer in network.layers}
    shapes |= {f"{layer.name}.bias": (layer.rows,) for layer in network.layers}
    tensors = {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
    return Weights(network, {}, {}, "").with_tensors(tensors)


def tuned(weights: Weights, by: float = 0.05) -> Weights:
    """Weights as a day's refinement might leave them."""
    rng = np.random.default_rng(7)
    return weights.with_tensors(
        {name: (x * (1 + by * rng.standard_normal(x.shape))).astype(np.float32) for name, x in weights.tensors.items()}
    )
