"""The network's graph in half precision, for engines that take types from the graph and have no switch for them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with all of its float32 in float16: weights, inputs, outputs, constants and casts.

    Names, shapes and opset stay, so that weights are found again by name. Values that are no float32 stay as they are.

    Raises:
        ValueError: a number of the network is too large for float16.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    for tensor in graph.initializer:
        _halve(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _halve(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    return halved


def _halve(tensor: TensorProto) -> None:
    if tensor.data_type != TensorProto.FLOAT:
        return
    array = numpy_helper.to_array(tensor)
    if array.size and np.abs(array).max() > np.finfo(np.float16).max:
        raise ValueError(f"{tensor.name} holds numbers that float16 has not")
    tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), tensor.name))
