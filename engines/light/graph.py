"""The illumination network as an ONNX graph, built from the topology and the weights; no torch needed."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.model.onnx_graph import OPSET, bounded_nodes, constant, layer_nodes
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
        *bounded_nodes("share", "share_bounded"),
        helper.make_node("Add", ["share_bounded", "one"], ["share_doubled"]),
        helper.make_node("Mul", ["share_doubled", "half"], ["share_taken"]),
        helper.make_node("Concat", ["share_taken", "light"], ["coefficients"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        weights.topology.name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, LIGHT_CHANNELS, height, width])],
        [helper.make_tensor_value_info("coefficients", TensorProto.FLOAT, [1, 2, *coarse_size(height, width)])],
        [numpy_helper.from_array(np.ascontiguousarray(x), name) for name, x in sorted(weights.tensors.items())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def coarse_size(height: int, width: int) -> tuple[int, int]:
    """Return the raster of the coefficients."""
    return height // LIGHT_COARSE, width // LIGHT_COARSE
