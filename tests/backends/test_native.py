"""The network in our own machine code, next to the reference, and when it is taken."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import engines.backends
from engines.backends import choose
from engines.backends.eager import EagerBackend
from engines.errors import BackendUnavailable
from engines.model import hindsight
from engines.model.network import Network, tensors_of
from engines.model.noise import NoiseProfile
from engines.model.packing import of_codes, whole_codes
from engines.model.topology import topology
from engines.model.weights import Weights, base_weights
from engines.native import library as native
from engines.native.hindsight import smoothed
from engines.native.library import library
from engines.native.plan import Plan

SIDES = st.integers(1, 14).map(lambda fours: 4 * fours)


def compiled_here() -> str:
    try:
        library()
    except BackendUnavailable as error:
        return str(error)
    return ""


needs_it = pytest.mark.skipif(bool(compiled_here()), reason=compiled_here() or "it is here")


@pytest.fixture(autouse=True)
def chosen_anew():
    engines.backends._only.cache_clear()
    yield
    engines.backends._only.cache_clear()


def drawn(size: str, seed: int) -> Weights:
    """A network as nobody trained it, every number of it at work."""
    torch.manual_seed(seed)
    network = Network(topology(size))
    for layer in network.convolutions.values():
        torch.nn.init.kaiming_normal_(layer.weight)
        torch.nn.init.normal_(layer.bias, std=0.1)
    return Weights(topology(size), tensors_of(network), {}, "")


def inputs(height: int, width: int, seed: int, moves: float = 3) -> list[tuple[np.ndarray, ...]]:
    """Three pictures, noise that differs from pixel to pixel, and motion that leads over every edge."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(3):
        noise = rng.uniform(0.01, 0.2, (1, 3, height, width))
        motion = rng.normal(0, moves, (height, width, 2))
        motion[: height // 2] = 0
        made.append(tuple(part.astype(np.float32) for part in (rng.random((1, 8, height, width)), noise, motion)))
    return made


def stepped(plan: Plan, shot: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    plan.reset()
    made = [np.full_like(now, 7) for now, *_ in shot]
    for parts, into in zip(shot, made, strict=True):
        plan.step(*parts, into)
    return made


def by_torch(weights: Weights, shot: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    session = EagerBackend().open(weights, *shot[0][0].shape[2:])
    return [session.step(*parts).copy() for parts in shot]


@needs_it
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["nano", "lite", "start", "mid", "full"]), SIDES, SIDES, st.integers(0, 99))
def test_any_picture_comes_out_as_the_reference_gives_it(size, height, width, seed):
    """Of any size on the grid, down to one tile; edges above all, where a mean and a convolution see less."""
    weights = drawn(size, seed)
    shot = inputs(height, width, seed)
    for ours, theirs in zip(stepped(Plan(weights, height, width), shot), by_torch(weights, shot), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


@needs_it
@pytest.mark.parametrize("size", ["lite", "mid"])
def test_what_ships_comes_out_as_the_reference_gives_it(size):
    weights = base_weights(size)
    shot = inputs(68, 124, 5)
    for ours, theirs in zip(stepped(Plan(weights, 68, 124), shot), by_torch(weights, shot), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@needs_it
def test_a_second_shot_sees_nothing_of_the_first_one():
    """What a shot leaves in the plan's memory, borders above all, must not show in the next one."""
    used, fresh = Plan(base_weights("lite"), 36, 52), Plan(base_weights("lite"), 36, 52)
    stepped(used, inputs(36, 52, 1))
    np.testing.assert_array_equal(stepped(used, inputs(36, 52, 2)), stepped(fresh, inputs(36, 52, 2)))


@needs_it
@pytest.mark.parametrize("threads", [2, 3, 16])
def test_any_number_of_cores_gives_the_same_bits(monkeypatch, threads):
    made = []
    for cores in (1, threads):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        made.append(stepped(Plan(base_weights("lite"), 68, 124), inputs(68, 124, 3)))
    np.testing.assert_array_equal(made[0], made[1])


@needs_it
def test_motion_that_is_no_motion_leads_nowhere_outside():
    """What found it may be wrong by any amount, and by no number at all: only numbers inside the picture are read."""
    shot = inputs(36, 52, 1)
    for _, _, motion in shot:
        motion[::3] = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e9])[np.arange(52) % 6, None]
    assert np.isfinite(stepped(Plan(base_weights("lite"), 36, 52), shot)).all()


@needs_it
def test_weights_that_ran_away_show_as_no_number():
    """The gate must see it: a picture of plain numbers would pass for one."""
    weights = drawn("lite", 1)
    weights.tensors["dec1.bias"][:] = np.nan
    assert np.isnan(stepped(Plan(weights, 36, 52), inputs(36, 52, 1))).all()


@needs_it
def test_a_picture_off_the_grid_is_refused():
    with pytest.raises(ValueError, match="grid of four"):
        Plan(base_weights("lite"), 36, 54)


@needs_it
def test_auto_takes_it_where_the_processor_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(engines.backends, "has_bfloat16", lambda: False)
    backend = choose("auto")
    assert (backend.name, backend.describe()) == ("native", "native avx2 f32")


def test_auto_takes_openvino_where_it_has(monkeypatch):
    monkeypatch.setattr(engines.backends, "has_bfloat16", lambda: True)
    backend = choose("auto")
    assert backend.name == "openvino"
    assert backend.describe().startswith("openvino ")


@pytest.fixture
def not_compiled(monkeypatch):
    """A machine that had no compiler when nearset was installed."""
    library.cache_clear()
    monkeypatch.setattr(native, "EXTENSION_SUFFIXES", [".gone"])
    yield
    library.cache_clear()


def test_without_a_compiler_auto_takes_the_next_one_and_the_name_tells_how_to_get_it(not_compiled):
    assert choose("auto").name == "openvino"
    with pytest.raises(BackendUnavailable, match="not compiled when nearset was installed") as refused:
        choose("native")
    assert "apt install gcc" in refused.value.fix


@needs_it
def test_machine_code_of_another_version_is_refused(monkeypatch):
    library.cache_clear()

    class Longer(native.Step):
        _fields_ = (("more", ctypes.c_void_p),)

    monkeypatch.setattr(native, "Step", Longer)
    with pytest.raises(BackendUnavailable, match="of another version"):
        library()
    library.cache_clear()


@needs_it
@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.integers(2, 5), st.integers(0, 99), st.sampled_from([0.0, 0.3, 4.0, 60.0]))
def test_going_back_over_a_shot_is_as_the_reference_goes(height, width, count, seed, moves):
    """Pictures that agree in part, motion of any amount that leads over every edge, a half that stands still."""
    rng = np.random.default_rng(seed)
    profile = NoiseProfile(2e-4, 1e-4, coarse=rng.uniform(0, 0.9))
    thing = rng.uniform(20, 1003, (1, 8, height, width))
    shot = [np.rint(thing + rng.normal(0, 20, thing.shape)).clip(0, 1023).astype(np.uint16) for _ in range(count)]
    motions = [rng.normal(0, moves, (height, width, 2)).astype(np.float32) for _ in shot[1:]]
    for motion in motions:
        motion[: height // 2] = 0
    ours = [codes.copy() for codes in smoothed(shot, motions, profile)]
    theirs = hindsight.smoothed(map(of_codes, shot), motions, profile)
    for one, other, own in zip(ours, theirs, shot, strict=True):
        inside = np.clip(other * 1023, np.minimum(own, 4.0), np.maximum(own, 1019.0))
        np.testing.assert_allclose(one, inside, atol=0.5 + 0.02)


@needs_it
@settings(max_examples=20, deadline=None)
@given(SIDES, SIDES, st.integers(0, 99), st.booleans())
def test_whole_codes_are_those_of_the_picture_that_is_given(height, width, seed, beyond):
    """To the last one, also where the picture was filmed beyond what interfaces carry."""
    rng = np.random.default_rng(seed)
    now = rng.uniform(0 if beyond else 0.01, 1 if beyond else 0.99, (1, 8, height, width)).astype(np.float32)
    made, codes = np.empty_like(now), np.empty(now.shape, np.uint16)
    Plan(drawn("lite", seed), height, width).step(now, np.full_like(now[:, :3], 0.2), None, made, codes)
    np.testing.assert_array_equal(codes, whole_codes(made, now))
