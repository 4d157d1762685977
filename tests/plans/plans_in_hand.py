"""Weights to build plans of."""

from __future__ import annotations

import numpy as np

from engines.model.topology import topology
from engines.model.weights import Weights

MIB = 1 << 20


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
