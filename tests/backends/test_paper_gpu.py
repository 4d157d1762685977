"""TensorRT's back-end against libraries of paper: order, state, renewal, faults."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import paper

from engines.backends.tensorrt import TensorRtBackend
from engines.errors import BuildFailed, GpuFault, OutOfGpuMemory, ParityRefused
from engines.model.weights import base_weights
from engines.plans import canary
from engines.plans.canary import last_picture, parity
from engines.plans.store import PlanStore

SHAPE = (36, 48)


@pytest.fixture
def world(monkeypatch, tmp_path):
    driver, cuda, trt = paper.laid_out(monkeypatch)
    return driver, cuda, trt, PlanStore(tmp_path / "engines", 1 << 30)


@pytest.fixture(scope="module")
def base():
    return base_weights("lite")


@pytest.fixture(scope="module")
def day(base):
    rng = np.random.default_rng(7)
    return base.with_tensors(
        {name: (x * (1 + 0.05 * rng.standard_normal(x.shape))).astype(np.float32) for name, x in base.tensors.items()}
    )


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_packed_pictures_go_through_with_their_state_on_the_gpu_and_are_recorded_once(world, base, name):
    driver, cuda, _, store = world
    session = TensorRtBackend(name, store).open(base, *SHAPE)
    before = cuda.launched
    output = last_picture(session, *SHAPE)
    assert parity(session, here_output(base), *SHAPE).refused == ""
    assert (output.shape, output.dtype) == ((1, 8, *SHAPE), np.float32)
    assert cuda.launched - before == 2 * canary.FRAMES - 2  # a shot's first step and its others are recorded apart
    assert driver.depth == 0


def here_output(weights):
    from engines.backends.eager import EagerBackend

    return last_picture(EagerBackend().open(weights, *SHAPE), *SHAPE)


def test_a_reset_session_remembers_nothing(world, base):
    session = TensorRtBackend("tensorrt-rtx", world[3]).open(base, *SHAPE)
    first = last_picture(session, *SHAPE)
    np.testing.assert_array_equal(last_picture(session, *SHAPE), first)


def test_one_plan_serves_all_weights_where_engines_are_refitted(world, base, day):
    *_, trt, store = world
    backend = TensorRtBackend("tensorrt", store)
    for weights in (base, day):
        assert backend.open(weights, *SHAPE).weights is weights
    assert len([plan for plan in store.listed() if plan.key.what == "plan"]) == 1
    assert trt.refits == [len(base.tensors)] * 2


def test_each_weights_have_a_plan_where_engines_are_rebuilt(world, base, day):
    *_, trt, store = world
    backend = TensorRtBackend("tensorrt-rtx", store)
    for weights in (base, day, base):
        backend.open(weights, *SHAPE)
    assert {plan.key.weights for plan in store.listed() if plan.key.what == "plan"} == {base.digest, day.digest}
    assert (trt.refits, trt.loaded) == ([], 2)


def test_a_session_under_way_keeps_its_weights_while_the_next_are_swapped_in(world, base, day):
    backend = TensorRtBackend("tensorrt", world[3])
    first = backend.open(base, *SHAPE)
    truth = last_picture(first, *SHAPE)
    for weights in (day, base, day):
        backend.open(weights, *SHAPE)
    np.testing.assert_array_equal(last_picture(first, *SHAPE), truth)


def test_a_refit_that_did_nothing_is_caught_and_the_old_engine_goes_on(world, base, day):
    *_, trt, store = world
    backend = TensorRtBackend("tensorrt", store)
    backend.open(base, *SHAPE)
    trt.sick = "lazy"
    assert backend.open(day, *SHAPE).weights is base


def test_a_refit_that_did_nothing_with_no_engine_before_serves_nothing(world, base, day):
    *_, trt, store = world
    TensorRtBackend("tensorrt", store).open(base, *SHAPE)
    trt.sick = "lazy"
    with pytest.raises(ParityRefused, match="of what the reference changes"):
        TensorRtBackend("tensorrt", store).open(day, *SHAPE)


@pytest.mark.parametrize(
    ("sick", "said"),
    [
        ("names", "other weights than the network has"),
        ("setting", "does not take"),
        ("missing", r"missing: last\.bias"),
    ],
)
def test_a_plan_that_does_not_fit_its_network_is_not_refitted(world, base, sick, said):
    *_, trt, store = world
    trt.sick = sick
    with pytest.raises(BuildFailed, match=said):
        TensorRtBackend("tensorrt", store).open(base, *SHAPE)


def test_a_plan_that_cannot_be_loaded_tells_what_the_library_said(world, base):
    *_, trt, store = world
    trt.sick = "loading"
    with pytest.raises(OutOfGpuMemory, match="cannot be loaded"):
        TensorRtBackend("tensorrt-rtx", store).open(base, *SHAPE)


def test_an_engine_that_fails_in_a_picture_tells_and_leaves_no_context_behind(world, base):
    driver, _, trt, store = world
    trt.sick = "running"
    with pytest.raises(GpuFault, match="failed in a picture"):
        TensorRtBackend("tensorrt-rtx", store).open(base, *SHAPE)
    assert driver.depth == 0


def test_what_ran_is_told_with_library_precision_gpu_and_driver(world):
    said = TensorRtBackend("tensorrt", world[3]).describe()
    assert said == "tensorrt 11.4.0 f16, Paper RTX, driver 580.65 CUDA 13.0, refit"
