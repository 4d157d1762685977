"""The network as an ONNX graph, built straight from the topology and the weights; no torch needed.

Static shapes, one fixed opset, an initialiser for each kernel and bias under its stable name: what engines
that are renewed in place ask for. State tensors are plain inputs and outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.model.topology import MEAN_SIDE, NOISE_CHANNELS, NOISE_SCALE, PICTURE_CHANNELS, SLOPE, Layer, Topology
from engines.model.weights import Tensors

OPSET = 17
INPUTS = ("now", "carried", "noise", "hidden")
OUTPUTS = ("output", "hidden_next")

Ends = list[onnx.ValueInfoProto]


def onnx_graph(
    topology: Topology, tensors: Tensors, height: int, width: int, *, apart: bool = False
) -> onnx.ModelProto:
    """Return the model for packed pictures of `height` x `width` (half the padded picture's), batch one.

    With `apart` the first convolution is one for each thing that it reads, and the last one for each that it gives. The
    numbers are the same; a CPU is spared the copies between (OpenVINO, lite at 960x528: 6 of 46 ms, 2026-11-25), but
    the trained kernels are not the convolutions' own any more, so that no engine made so can be renewed.

    Raises:
        ValueError: height or width is no multiple of four.
    """
    if height % 4 or width % 4:
        raise ValueError(f"{height}x{width} is not on the network's grid of four")
    parts = (PICTURE_CHANNELS, PICTURE_CHANNELS, topology.hidden)
    nodes = [
        constant("parts", parts, np.int64),
        *read_nodes("now"),
        *changed_nodes("carried", "now", "change"),
    ]
    head, *layers, last = topology.layers
    nodes += _head_apart(head, topology.hidden) if apart else _head(head)
    for layer in layers:
        nodes += layer_nodes(layer)
    nodes += _last_apart(last) if apart else _last(last)
    nodes += [
        *taken_nodes("gate", "change", "held"),
        helper.make_node("Add", ["out", "held"], ["wanted"]),
        *output_nodes("now", "wanted"),
        *bounded_nodes("state", "hidden_next"),
    ]
    channels = (PICTURE_CHANNELS, PICTURE_CHANNELS, NOISE_CHANNELS, topology.hidden)
    read = [tensor(name, count, height, width) for name, count in zip(INPUTS, channels, strict=True)]
    given = [
        tensor("output", PICTURE_CHANNELS, height, width),
        tensor("hidden_next", topology.hidden, height, width),
    ]
    return model_of(topology.name, nodes, read, given, tensors)


def model_of(name: str, nodes: list[onnx.NodeProto], read: Ends, given: Ends, weights: Tensors) -> onnx.ModelProto:
    """Return the model of these nodes, checked."""
    initialisers = [numpy_helper.from_array(np.ascontiguousarray(array), key) for key, array in sorted(weights.items())]
    graph = helper.make_graph(nodes, name, read, given, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def tensor(name: str, channels: int, height: int, width: int) -> onnx.ValueInfoProto:
    """Return what a model reads or gives: float32, batch one."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, height, width])


def constant(name: str, value: npt.ArrayLike, kind: type) -> onnx.NodeProto:
    """Return a node that gives a constant: initialisers are trained weights alone, which engines exchange."""
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value, kind), name))


def read_nodes(picture: str) -> list[onnx.NodeProto]:
    """Return the nodes that read a picture and what is told of its noise: `detail_softened`, `unit` and `deviation`."""
    return [
        constant("of_channel", [0] * 4 + [1] * 4, np.int64),
        *(constant(name, value, np.float32) for name, value in (("scale", NOISE_SCALE), ("one", 1), ("half", 0.5))),
        mean_node(picture, "mean_down", (MEAN_SIDE, 1)),
        mean_node("mean_down", "mean", (1, MEAN_SIDE)),
        helper.make_node("Sub", [picture, "mean"], ["detail"]),
        helper.make_node("Gather", ["noise", "of_channel"], ["unit"], axis=1),
        helper.make_node("Div", ["unit", "scale"], ["deviation"]),
        *in_noise_nodes("detail"),
    ]


def changed_nodes(other: str, picture: str, change: str) -> list[onnx.NodeProto]:
    """Return the nodes that tell how another picture differs, in the noise."""
    return [helper.make_node("Sub", [other, picture], [change]), *in_noise_nodes(change)]


def taken_nodes(gate: str, change: str, taken: str) -> list[onnx.NodeProto]:
    """Return the nodes that take of a change what its gate says."""
    return [
        *share_nodes(gate, f"{gate}_share"),
        helper.make_node("Mul", [f"{gate}_share", f"{change}_in_noise"], [taken]),
    ]


def share_nodes(gate: str, share: str) -> list[onnx.NodeProto]:
    """Return the nodes that make a share, 0-1, of a gate."""
    return [
        *bounded_nodes(gate, f"{gate}_bounded"),
        helper.make_node("Add", [f"{gate}_bounded", "one"], [f"{gate}_doubled"]),
        helper.make_node("Mul", [f"{gate}_doubled", "half"], [share]),
    ]


def output_nodes(picture: str, wanted: str) -> list[onnx.NodeProto]:
    """Return the nodes that add what is wanted, in the noise, to a picture, never more than the bound."""
    return [
        helper.make_node("Div", [wanted, "scale"], ["scaled"]),
        *bounded_nodes("scaled", "bounded"),
        helper.make_node("Mul", ["unit", "bounded"], ["residual"]),
        helper.make_node("Add", [picture, "residual"], ["output"]),
    ]


def in_noise_nodes(part: str) -> list[onnx.NodeProto]:
    """Return the nodes that measure a part in the noise and draw its large values in: x / sqrt(1 + |x|)."""
    return [
        helper.make_node("Div", [part, "deviation"], [f"{part}_in_noise"]),
        helper.make_node("Abs", [f"{part}_in_noise"], [f"{part}_size"]),
        helper.make_node("Add", [f"{part}_size", "one"], [f"{part}_more"]),
        helper.make_node("Sqrt", [f"{part}_more"], [f"{part}_root"]),
        helper.make_node("Div", [f"{part}_in_noise", f"{part}_root"], [f"{part}_softened"]),
    ]


def bounded_nodes(source: str, target: str) -> list[onnx.NodeProto]:
    """Return the nodes that draw a value in to between -1 and 1: x / sqrt(1 + x^2)."""
    return [
        helper.make_node("Mul", [source, source], [f"{source}_squared"]),
        helper.make_node("Add", [f"{source}_squared", "one"], [f"{source}_more"]),
        helper.make_node("Sqrt", [f"{source}_more"], [f"{source}_root"]),
        helper.make_node("Div", [source, f"{source}_root"], [target]),
    ]


def mean_node(source: str, target: str, window: tuple[int, int]) -> onnx.NodeProto:
    """Return the node that takes the mean over a window, of what lies inside the picture."""
    down, across = window[0] // 2, window[1] // 2
    pads = [down, across, down, across]
    return helper.make_node(
        "AveragePool", [source], [target], kernel_shape=list(window), strides=[1, 1], pads=pads, count_include_pad=0
    )


_READ = ["detail_softened", "change_softened", "noise", "hidden"]
_GIVEN = ["out", "gate", "state"]


def _head(layer: Layer) -> list[onnx.NodeProto]:
    return [helper.make_node("Concat", _READ, ["input"], axis=1), *layer_nodes(layer)]


def _head_apart(layer: Layer, hidden: int) -> list[onnx.NodeProto]:
    """Return the first layer as the sum of a convolution of each thing that it reads."""
    kernels, found = [f"{layer.name}.weight:{part}" for part in _READ], [f"{layer.name}:{part}" for part in _READ]
    convolutions = [
        helper.make_node("Conv", [part, kernel, *bias], [result], kernel_shape=[3, 3], pads=[1] * 4)
        for part, kernel, result, bias in zip(_READ, kernels, found, ([f"{layer.name}.bias"], [], [], []), strict=True)
    ]
    return [
        constant("read", (PICTURE_CHANNELS, PICTURE_CHANNELS, NOISE_CHANNELS, hidden), np.int64),
        helper.make_node("Split", [f"{layer.name}.weight", "read"], kernels, axis=1),
        *convolutions,
        helper.make_node("Sum", found, [f"{layer.name}:sum"]),
        helper.make_node("LeakyRelu", [f"{layer.name}:sum"], [layer.name], alpha=SLOPE),
    ]


def _last(layer: Layer) -> list[onnx.NodeProto]:
    return [*layer_nodes(layer), helper.make_node("Split", [layer.name, "parts"], _GIVEN, axis=1)]


def _last_apart(layer: Layer) -> list[onnx.NodeProto]:
    """Return the last layer as a convolution for each thing that it gives."""
    kernels, biases = (
        [f"{layer.name}.weight:{part}" for part in _GIVEN],
        [f"{layer.name}.bias:{part}" for part in _GIVEN],
    )
    return [
        helper.make_node("Split", [f"{layer.name}.weight", "parts"], kernels, axis=0),
        helper.make_node("Split", [f"{layer.name}.bias", "parts"], biases, axis=0),
        *(
            helper.make_node("Conv", [layer.source, kernel, bias], [part], kernel_shape=[3, 3], pads=[1] * 4)
            for part, kernel, bias in zip(_GIVEN, kernels, biases, strict=True)
        ),
    ]


def layer_nodes(layer: Layer) -> list[onnx.NodeProto]:
    """Return the nodes of one layer."""
    chain: list[tuple[str, list[str], dict[str, Any]]] = []
    if layer.op == "up":
        chain.append(("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}))
    if layer.skip:
        chain.append(("Add", [layer.skip], {}))
    if layer.op in {"conv", "down"}:
        chain.append(("LeakyRelu", [], {"alpha": SLOPE}))
    stride, pad = (2 if layer.op == "down" else 1), layer.kernel // 2
    names = [f"{layer.name}:{step}" for step in range(len(chain))] + [layer.name]
    nodes = [
        helper.make_node(
            "Conv",
            [layer.source, f"{layer.name}.weight", f"{layer.name}.bias"],
            [names[0]],
            kernel_shape=[layer.kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
        )
    ]
    for step, (op, extra, attributes) in enumerate(chain):
        nodes.append(helper.make_node(op, [names[step], *extra], [names[step + 1]], **attributes))
    return nodes
