"""The graph in half precision: every network, the same names, nothing but types changed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines.model.half import half
from engines.model.onnx_graph import onnx_graph
from engines.model.topology import topology


def tensors_of(network, seed=1):
    rng = np.random.default_rng(seed)
    shapes = {f"{layer.name}.weight": layer.weight_shape for layer in network.layers}
    shapes |= {f"{layer.name}.bias": (layer.rows,) for layer in network.layers}
    return {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("size", ["nano", "lite", "mid", "full"])
def test_every_network_halves_to_a_valid_graph_under_the_same_names(size):
    network = topology(size)
    whole = onnx_graph(network, tensors_of(network), 16, 24)
    halved = half(whole)
    onnx.checker.check_model(halved, full_check=True)
    assert [node.name for node in halved.graph.node] == [node.name for node in whole.graph.node]
    assert [x.name for x in halved.graph.initializer] == [x.name for x in whole.graph.initializer]
    assert halved.opset_import == whole.opset_import
    assert {x.data_type for x in halved.graph.initializer} == {TensorProto.FLOAT16}


def test_the_graph_that_was_given_stays_as_it_was():
    network = topology("nano")
    whole = onnx_graph(network, tensors_of(network), 16, 24)
    before = whole.SerializeToString()
    half(whole)
    assert whole.SerializeToString() == before


def test_casts_and_constants_are_halved_and_whole_numbers_are_not():
    nodes = [
        helper.make_node("Cast", ["codes"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["scale"], value=numpy_helper.from_array(np.float32([1 / 1023]))),
        helper.make_node("Mul", ["numbers", "scale"], ["scaled"]),
        helper.make_node("Cast", ["scaled"], ["back"], to=TensorProto.UINT16),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.UINT16, [2]) for name in ("codes", "back")]
    model = helper.make_model(helper.make_graph(nodes, "casts", ends[:1], ends[1:]), opset_imports=[])
    model.opset_import.append(helper.make_opsetid("", 17))
    cast, constant, _, back = half(model).graph.node
    assert cast.attribute[0].i == TensorProto.FLOAT16
    assert constant.attribute[0].t.data_type == TensorProto.FLOAT16
    assert back.attribute[0].i == TensorProto.UINT16


def test_a_number_that_half_precision_has_not_is_told_by_name():
    network = topology("nano")
    tensors = tensors_of(network)
    tensors["mid1.bias"][0] = 1e6
    with pytest.raises(ValueError, match=r"mid1\.bias"):
        half(onnx_graph(network, tensors, 16, 24))
