"""The last layer of the network that refines keys, solved for over keys whose alpha is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import engines.model
from engines.model.settle_edge import settle
from engines.model.train_edge import example, started


def test_a_last_layer_that_is_solved_for_tells_the_alpha_of_its_keys_better_than_before():
    rng = np.random.default_rng(3)
    walls = [rng.random((400, 400, 3), dtype=np.float32)]
    pool = [example(walls, rng) for _ in range(3)]
    network = started(Path(engines.model.__file__).parent / "base" / "matte-edge.safetensors")
    before = network.last().weight.clone()
    errors = settle(network, pool, rng)
    assert errors[-1] < 0.9 * errors[0]
    assert not np.array_equal(network.last().weight.detach(), before.detach())
