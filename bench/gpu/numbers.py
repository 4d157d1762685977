"""Weights to measure with: speed does not depend on them."""

from __future__ import annotations

import numpy as np

from engines.model.topology import topology
from engines.model.weights import Weights


def numbers(size: str, seed: int) -> Weights:
    """Return small random weights of a size."""
    network, rng = topology(size), np.random.default_rng(seed)
    shapes = {f"{layer.name}.weight": layer.weight_shape for layer in network.layers}
    shapes |= {f"{layer.name}.bias": (layer.rows,) for layer in network.layers}
    tensors = {name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in shapes.items()}
    return Weights(network, {}, {}, "").with_tensors(tensors)


def operations(weights: Weights, rows: int, columns: int) -> float:
    """Return the multiplications and additions of a step's convolutions."""
    scale = {"head": 1, "enc1": 1, "down1": 4, "enc2": 4, "down2": 16, "up2": 16, "dec2": 4, "up1": 4}
    total = 0.0
    for layer in weights.topology.layers:
        shrunk = 16 if layer.name.startswith("mid") else scale.get(layer.name, 1)
        total += 2 * layer.rows * layer.inputs * layer.kernel**2 * rows * columns / shrunk
    return total
