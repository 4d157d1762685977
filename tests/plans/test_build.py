"""Plans are built without a GPU: every network, every shape, every target; the rest of TensorRT waits for one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from plans_in_hand import weights_of

from engines.errors import BackendUnavailable, BuildFailed, GpuMissing, OutOfGpuMemory
from engines.gpu.faults import build_error
from engines.model.half import half
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import packed_size
from engines.plans import build
from engines.plans.build import built, clamped
from engines.plans.library import LIBRARIES, Renewal

SIZES = ("nano", "lite", "mid", "full")
RASTERS = ((544, 960), (1080, 1920), (2160, 3840))
TARGETS = ("86", "89", "120")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_every_network_is_built_for_every_target(rtx, size, target):
    made = built(rtx, weights_of(size), *packed_size(544, 960), target, Renewal.REBUILD)
    assert len(made.plan) > 100_000
    assert made.seconds < 60


@pytest.mark.parametrize("raster", RASTERS)
@pytest.mark.parametrize("size", SIZES)
def test_every_shape_is_built(rtx, size, raster):
    assert built(rtx, weights_of(size), *packed_size(*raster), "89", Renewal.REBUILD).plan


def test_the_same_network_gives_the_same_plan(rtx):
    one, other = (built(rtx, weights_of("nano"), 36, 48, "89", Renewal.REBUILD).plan for _ in range(2))
    assert one == other


def test_other_weights_give_another_plan(rtx):
    one, other = (built(rtx, weights_of("nano", seed), 36, 48, "89", Renewal.REBUILD).plan for seed in (1, 2))
    assert one != other


def test_a_target_that_the_library_does_not_know_is_named_with_those_it_does(rtx):
    with pytest.raises(BuildFailed, match=r"SM 90.*86, 89, 120"):
        built(rtx, weights_of("nano"), 36, 48, "90", Renewal.REBUILD)


def test_a_network_whose_weights_lost_their_names_is_not_built(rtx, monkeypatch):
    """A renewal finds weights by name alone, so a build without them would fail on the day that it is needed."""

    def renamed(*arguments):
        graph = onnx_graph(*arguments)
        for node in graph.graph.node:
            node.input[:] = ["head.kernel" if name == "head.weight" else name for name in node.input]
        next(x for x in graph.graph.initializer if x.name == "head.weight").name = "head.kernel"
        return graph

    monkeypatch.setattr(build, "onnx_graph", renamed)
    with pytest.raises(BuildFailed, match=r"lost the names of its weights: head\.weight"):
        built(rtx, weights_of("nano"), 36, 48, "89", Renewal.REBUILD)


def test_a_graph_that_the_library_cannot_read_is_told_and_the_next_build_is_good(rtx, monkeypatch):
    def broken(*arguments):
        graph = onnx_graph(*arguments)
        graph.graph.node[0].op_type = "Unheard"
        return graph

    with monkeypatch.context() as patch:
        patch.setattr(build, "onnx_graph", broken)
        with pytest.raises(BuildFailed, match="Unheard"):
            built(rtx, weights_of("nano"), 36, 48, "89", Renewal.REBUILD)
    assert built(rtx, weights_of("nano"), 36, 48, "89", Renewal.REBUILD).plan


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a GPU")
def test_what_can_be_refitted_wants_a_gpu_and_says_so(rtx):
    with pytest.raises(GpuMissing, match="driver is not installed"):
        built(rtx, weights_of("nano"), 36, 48, "", Renewal.REFIT)


def test_the_full_library_is_asked_for_by_its_extra_where_it_is_missing():
    library = LIBRARIES["tensorrt"]
    if library.is_here:
        pytest.skip("tensorrt is installed")
    with pytest.raises(BackendUnavailable, match=r"nearset\[gpu\]"):
        built(library, weights_of("nano"), 36, 48, "", Renewal.REFIT)


def test_a_compiler_that_is_killed_costs_only_its_plan(rtx, tmp_path, monkeypatch):
    """What the kernel's out-of-memory killer does to it."""
    monkeypatch.setattr(build.sys, "executable", "/bin/false")
    with pytest.raises(BuildFailed, match="ended with code 1"):
        built(rtx, weights_of("nano"), 36, 48, "89", Renewal.REBUILD)


def test_memory_that_runs_out_in_a_build_is_told_as_that():
    error = build_error("tensorrt built no engine", "[E] Error Code 2: OutOfMemory (Requested size was 4294967296)")
    assert isinstance(error, OutOfGpuMemory)


def test_the_compiler_loads_no_network_library(rtx, tmp_path):
    """It must be there and gone in a moment, and never beside torch."""
    graph = clamped(half(onnx_graph(weights_of("nano").topology, weights_of("nano").tensors, 36, 48)))
    (tmp_path / "graph.onnx").write_bytes(graph.SerializeToString())
    order = json.dumps({"library": "tensorrt-rtx", "sm": "89", "renewal": "rebuild", "weights": ["head.weight"]})
    code = (
        "import json, sys; from pathlib import Path; from engines.plans.compiler import Order, main\n"
        "code = main(Order(**json.loads(sys.argv[1])), Path(sys.argv[2]))\n"
        "print(code, [name for name in ('torch', 'onnx', 'numpy', 'daemon') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, order, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"
    assert (tmp_path / "plan").stat().st_size > 100_000


def test_the_picture_that_is_fed_back_is_held_to_its_range():
    network = weights_of("nano")
    graph = clamped(half(onnx_graph(network.topology, network.tensors, 36, 48)))
    onnx.checker.check_model(graph, full_check=True)
    last = graph.graph.node[-1]
    assert (last.op_type, list(last.output)) == ("Clip", ["output"])
