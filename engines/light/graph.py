"""The illumination network as an ONNX graph, built from the topology and the weights; no torch needed."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from engines.model.onnx_graph import constant, layer_nodes, model_of, share_nodes, tensor
from engines.model.topology import LIGHT_CHANNELS, LIGHT_COARSE, LIGHT_GRID
from engines.model.weights import Weights


def light_graph(weights: Weights, height: int, width: int) -> onnx.ModelProto:
    """Return the model for pictures of `height` x `width` (half the proxy's, padded), batch one.

    Raises:
        ValueError: height or width is no multiple of LIGHT_GRID.
    """
    if height % LIGHT_GRID or width % LIGHT_GRID:
        raise ValueError(f"{height}x{width} is not on the network's grid of {LIGHT_GRID}")
    nodes = [constant("one", 1, np.float32), constant("half", 0.5, np.float32), constant("parts", (1, 1), np.int64)]
    for layer in weights.topology.layers:
        nodes += layer_nodes(layer)
    nodes += [
        helper.make_node("Split", ["last", "parts"], ["share", "light"], axis=1),
        *share_nodes("share", "share_taken"),
        helper.make_node("Concat", ["share_taken", "light"], ["coefficients"], axis=1),
    ]
    read = [tensor("input", LIGHT_CHANNELS, height, width)]
    given = [tensor("coefficients", 2, *coarse_size(height, width))]
    return model_of(weights.topology.name, nodes, read, given, weights.tensors)


def coarse_size(height: int, width: int) -> tuple[int, int]:
    """Return the raster of the coefficients."""
    return height // LIGHT_COARSE, width // LIGHT_COARSE
