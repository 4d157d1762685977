"""The ONNX graph of a network, for those who run it elsewhere: the very one that engines here are made of."""

from __future__ import annotations

from engines.light.graph import light_graph
from engines.model.onnx_graph import onnx_graph
from engines.model.topology import GRID, LIGHT_GRID, RELIGHT
from engines.model.weights import Weights


def onnx_of(weights: Weights, width: int, height: int) -> bytes:
    """Return the graph for pictures of `width` x `height`, padded to the network's grid, batch one.

    Restoration reads packed pictures (`engines/model/packing.py`), light half-size stops (`engines/light/stops.py`).
    """
    if weights.topology.name == RELIGHT:
        rows, columns = (-(-(side // 2) // LIGHT_GRID) * LIGHT_GRID for side in (height, width))
        return bytes(light_graph(weights, rows, columns).SerializeToString())
    rows, columns = (-(-side // GRID) * GRID // 2 for side in (height, width))
    return bytes(onnx_graph(weights.topology, weights.tensors, rows, columns).SerializeToString())
