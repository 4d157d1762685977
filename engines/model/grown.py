"""A network grown from a smaller one: it begins as what the smaller one does, and learns on from there.

Source: Chen, Goodfellow, Shlens, "Net2Net: accelerating learning via knowledge transfer", ICLR 2016 (there new
channels are copies; here they begin at random and unheard, so that nothing has to part them first).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from engines.model.network import Network, tensors_of
from engines.model.topology import topology
from engines.model.weights import Weights


def grown(weights: Weights, size: str) -> Weights:
    """Return weights of a larger size that give what these give; channels are new, and no old one listens to them yet.

    Raises:
        ValueError: the size is smaller somewhere.
    """
    torch.manual_seed(int(weights.digest[:8], 16))
    larger = topology(size)
    tensors = tensors_of(Network(larger))
    for name, old in weights.tensors.items():
        new = tensors[name]
        if any(few > many for few, many in zip(old.shape, new.shape, strict=True)):
            raise ValueError(f"{larger.name} is smaller than {weights.topology.name} at {name}")
        new[: len(old)] = 0
        new[tuple(slice(0, count) for count in old.shape)] = old
    return replace(Weights(larger, {}, {}, "").with_tensors(tensors), card=weights.card)
