"""A network's numbers in another size: grown, it begins as what the smaller one does; thinned, near to the larger one.

Either way it learns on from there. Sources: Chen, Goodfellow, Shlens, "Net2Net: accelerating learning via knowledge
transfer", ICLR 2016 (there new channels are copies; here they begin at random and unheard, so that nothing has to part
them first); Li et al., "Pruning filters for efficient ConvNets", ICLR 2017 (there what goes into a channel counts,
here what comes out of it too).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from engines.model.network import Network, tensors_of
from engines.model.topology import Layer, Topology, topology
from engines.model.weights import Tensors, Weights


def resized(weights: Weights, size: str) -> Weights:
    """Return weights of a size: the same, grown or thinned; the card stays the one they come from.

    Raises:
        ValueError: the size is larger in one layer and smaller in another.
    """
    there, here = topology(size), weights.topology
    pairs = [(new.outputs, old.outputs) for new, old in zip(there.layers, here.layers, strict=True)]
    if all(new >= old for new, old in pairs):
        tensors = _grown(weights, there)
    elif all(new <= old for new, old in pairs):
        tensors = _thinned(weights, there)
    else:
        raise ValueError(f"{there.name} is neither larger nor smaller than {here.name}")
    return replace(Weights(there, {}, {}, "").with_tensors(tensors), card=weights.card)


def _grown(weights: Weights, larger: Topology) -> Tensors:
    """Return numbers that give what these give; channels are new, and no old one listens to them yet."""
    torch.manual_seed(int(weights.digest[:8], 16))
    tensors = tensors_of(Network(larger))
    lay_into(tensors, weights.tensors)
    return tensors


def lay_into(larger: Tensors, smaller: Tensors) -> None:
    """Lay the numbers of a smaller network into a larger one's, in place; none of them listens to what is new."""
    for name, old in smaller.items():
        larger[name][: len(old)] = 0
        larger[name][tuple(slice(0, count) for count in old.shape)] = old


def _thinned(weights: Weights, smaller: Topology) -> Tensors:
    """Return the numbers of the channels that matter most, in their order."""
    kept = {
        layer.name: _kept(weights, layer, small.outputs)
        for layer, small in zip(weights.topology.layers, smaller.layers, strict=True)
    }
    kept["input"] = np.arange(smaller.layers[0].inputs)
    tensors = {}
    for layer in weights.topology.layers:
        rows = kept[layer.name]
        if layer.op == "up":
            rows = (4 * rows[:, None] + np.arange(4)).ravel()
        tensors[f"{layer.name}.weight"] = weights.tensors[f"{layer.name}.weight"][np.ix_(rows, kept[layer.source])]
        tensors[f"{layer.name}.bias"] = weights.tensors[f"{layer.name}.bias"][rows]
    return tensors


def _kept(weights: Weights, layer: Layer, count: int) -> npt.NDArray[np.intp]:
    """Return which of a layer's channels stay: those with the most going in times coming out. A skip shares them."""
    same = {layer.name, layer.skip} | {other.name for other in weights.topology.layers if other.skip == layer.name}
    into, out = np.zeros(layer.outputs), np.zeros(layer.outputs)
    for other in weights.topology.layers:
        squares = weights.tensors[f"{other.name}.weight"] ** 2
        if other.name in same:
            into += squares.reshape(layer.outputs, -1).sum(1)
        if other.source in same:
            out += squares.sum((0, 2, 3))
    return np.sort(np.argsort(-into * out, kind="stable")[:count]) if out.any() else np.arange(count)
