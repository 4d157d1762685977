"""TensorRT's back-end against libraries of paper: order, state, renewal, faults."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import paper
import paper_rtx

from engines.backends import stream
from engines.backends.eager import EagerBackend
from engines.backends.tensorrt import TensorRtBackend
from engines.enhance import LOOK_AHEAD
from engines.enhance.restore import Restore
from engines.errors import BuildFailed, GpuFault, OutOfGpuMemory, ParityRefused
from engines.kernels import motion_twin
from engines.media.frames import Picture
from engines.model import carry
from engines.model.noise import NoiseProfile
from engines.model.packing import interleaved
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
    return last_picture(EagerBackend().open(weights, *SHAPE), *SHAPE)


def pan(count, height, width, seed=1):
    """A wall that a camera pans over, and in the middle a cut to a brighter one; under noise of 12 codes."""
    rng, pictures = np.random.default_rng(seed), []
    walls = [cv2.GaussianBlur(rng.normal(0, 1, (height + 40, width + 80)), (0, 0), 3) for _ in range(2)]
    for number in range(count):
        wall, level = walls[number >= count // 2], (300, 640)[number >= count // 2]
        seen = level + 600 * wall[number : number + height, 3 * number : 3 * number + width]
        planes = (seen, np.full((height, width // 2), 500.0), np.full((height, width // 2), 530.0))
        noisy = [
            np.clip(np.rint(plane + rng.normal(0, 12, plane.shape)), 4, 1019).astype(np.uint16) for plane in planes
        ]
        pictures.append(Picture(number, *noisy))
    return pictures


def restored(backend, weights, pictures, strength=1.0):
    """A clip as the service restores it: each picture with those that come."""
    first = pictures[0]
    noise = NoiseProfile(2e-4, 1e-4, 0.7, 0.2)
    restore = Restore(backend, weights, first.height, first.width, strength=strength, noise=noise)
    return [restore(one, pictures[number + 1 : number + 1 + LOOK_AHEAD]) for number, one in enumerate(pictures)]


def as_the_kernels_find_it(now, before):
    """Motion of packed pictures by the kernels' twin."""
    return motion_twin.motion_of(
        *(np.rint(interleaved(packed)[0] * 1023).astype(np.uint16) for packed in (now, before))
    )


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_clip_comes_out_as_the_reference_restores_it_along_the_same_motion(world, base, monkeypatch, strength):
    pictures = pan(12, 72, 96)
    found = restored(TensorRtBackend("tensorrt", world[3]), base, pictures, strength)
    assert world[0].depth == 0
    for module in (carry, stream):
        monkeypatch.setattr(module, "flow", as_the_kernels_find_it)
    truth = restored(EagerBackend(), base, pictures, strength)
    for one, other in zip(found, truth, strict=True):
        assert one.number == other.number
        for plane, wanted in zip((one.y, one.cb, one.cr), (other.y, other.cb, other.cr), strict=True):
            assert np.abs(plane.astype(int) - wanted).max() <= 2


def test_a_clip_is_recorded_as_often_as_it_has_berths_and_their_pairs(world, base):
    """Three pictures are under way, four while a shot begins; what was recorded once is launched from then on.

    Those that are kept come round, so that each has one that comes after it; a picture goes down by one of two ways.
    """
    cuda = world[1]
    backend = TensorRtBackend("tensorrt", world[3])
    backend.open(base, *SHAPE)
    graphs, launched = len(cuda.graphs), cuda.launched
    restored(backend, base, pan(24, 72, 96))
    assert len(cuda.graphs) - graphs <= 4 + 4 * 3 + 2 * 4 + LOOK_AHEAD + 2 * LOOK_AHEAD
    assert cuda.launched - launched > 3 * 24


@pytest.fixture
def no_collector():
    """Nobody picks up what leads back to itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.usefixtures("no_collector")
def test_a_clip_gives_back_what_it_held_though_another_thread_holds_it_last(world, base):
    """Memory of pycuda that goes in a thread which has not the context as its own stays taken: clip by clip, all."""
    driver, backend, pictures = world[0], TensorRtBackend("tensorrt", world[3]), pan(8, 72, 96)
    backend.open(base, *SHAPE)
    held, clip = driver.held, []

    def restore():
        first = pictures[0]
        clip.append(Restore(backend, base, first.height, first.width, strength=1.0, noise=NoiseProfile(2e-4, 1e-4)))
        for number, one in enumerate(pictures):
            clip[0](one, pictures[number + 1 : number + 1 + LOOK_AHEAD])

    restore()
    assert driver.held > held
    in_a_thread(clip.clear)
    assert driver.held == held


@pytest.mark.usefixtures("no_collector")
def test_the_engine_that_no_clip_runs_on_is_renewed_and_no_third_one_is_loaded(world, base, day):
    *_, trt, store = world
    backend = TensorRtBackend("tensorrt", store)
    night = base.with_tensors({name: 0.9 * x for name, x in base.tensors.items()})
    for weights in (base, day, night):
        assert backend.open(weights, *SHAPE).weights is weights
    assert (trt.loaded, len(trt.refits)) == (2, 3)


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


def test_what_an_engine_compiled_as_it_ran_is_there_at_the_next_start(world, base):
    *_, trt, store = world
    trt.engine = paper_rtx.CompilingEngine
    for _ in range(2):
        TensorRtBackend("tensorrt-rtx", store).open(base, *SHAPE)
    assert trt.compilations == 1
    (kept,) = (plan for plan in store.listed() if plan.key.what == "runtime-cache")
    assert (kept.key.gpu, kept.key.driver) == (paper.GPU.name, paper.GPU.driver)


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


def test_what_a_gpu_will_be_asked_of_motion_is_asked_rightly(world, monkeypatch):
    """The bench that fills docs/performance.md, on paper and small: each kernel gives what its twin gives."""
    from bench.gpu import kernels, motion
    from engines.gpu.machine import Machine
    from engines.kernels import launch

    monkeypatch.setattr(kernels, "_TURNS", 1)
    monkeypatch.setattr(kernels, "_SETS", 1)
    monkeypatch.setattr(launch, "cubin", lambda _, name: name.encode())
    rows = {row["kernel"]: row for row in motion.measured(Machine(), 128, 96, 1e12)}
    assert rows.pop("grey levels and motion, all of it")["off_mean_pixels"] < 1e-3
    assert len(rows) == 17
    assert {name: row["off"] for name, row in rows.items() if row["off"] is not None and row["off"] > 1e-3} == {}


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_what_a_gpu_will_be_asked_of_networks_comes_row_by_row_from_plans_that_are_built_once(world, monkeypatch, name):
    from bench.gpu import plans
    from engines.gpu.machine import Machine
    from engines.plans.library import LIBRARIES

    built = []
    monkeypatch.setattr(
        plans,
        "compiled",
        lambda _library, model, _sm, *, refit: built.append(refit) or model.SerializeToString(),
    )
    rows = list(plans.measured(Machine(), LIBRARIES[name], "lite", (64, 48), (7e14, 3e12)))
    assert [row["why"] for row in rows if "why" in row] == []
    assert built == [False, True]
    told = {word for row in rows for word in row}
    assert told >= {
        "open_s",
        "renew_s",
        "build_s",
        "plain_ms",
        "rate_share",
        "band_share",
        "graph_ms",
        "refit_marked_ms",
    }
    assert told >= {"two_contexts_fps", "three_contexts_fps"}


def test_a_network_that_a_gpu_cannot_run_is_a_row_that_says_so(world, monkeypatch):
    from bench.gpu import plans
    from engines.gpu.machine import Machine
    from engines.plans.library import LIBRARIES

    monkeypatch.setattr(plans, "compiled", lambda _library, model, _sm, **_: model.SerializeToString())
    world[2].sick = "running"
    rows = list(plans.measured(Machine(), LIBRARIES["tensorrt"], "lite", (64, 48), (None, None)))
    assert [("build_s" in row, "why" in row) for row in rows] == [(False, True), (True, False), (False, True)]
    assert rows[-1]["why"].endswith("RuntimeError: the engine did not run")
