"""The network's description, its two interpreters, its weights, its noise and its training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.errors import BadWeights
from engines.media.frames import Picture
from engines.model.carry import carried, carried_on, carried_state, flow
from engines.model.carry_torch import carried_batch, carried_past, carried_states
from engines.model.footage import TRAINING
from engines.model.leaves import dead_leaves
from engines.model.lessons import Lessons, Scenes, Teaching
from engines.model.network import Network, network_of, tensors_of
from engines.model.noise import estimate
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import pack, packed_size, unpack
from engines.model.resized import resized
from engines.model.synthetic import Noise, add_noise, pack_planes, planes, told
from engines.model.topology import topology
from engines.model.train import Learner, Settings, train
from engines.model.weights import base_weights, load_weights, save_weights


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_packing_and_back_is_the_identity(half_rows, half_columns, seed):
    height, width = half_rows * 2, half_columns * 2
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, 1024, (height, side), dtype=np.uint16) for side in (width, width // 2, width // 2)]
    picture = Picture(0, *codes)
    packed = pack(picture)
    assert packed.shape == (1, 8, *packed_size(height, width))
    for plane, original in zip(unpack(packed, picture), codes, strict=True):
        np.testing.assert_array_equal(np.rint(plane), original)


def test_planes_of_packed_pictures_and_back():
    packed = torch.rand(3, 8, 12, 20)
    assert torch.equal(pack_planes(*planes(packed)), packed)


@pytest.mark.parametrize("size", ["nano", "lite", "mid", "full"])
def test_the_graph_has_the_topologys_names_and_shapes(size):
    described = topology(size)
    graph = onnx_graph(described, tensors_of(Network(described)), 16, 24)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    assert shapes == {f"{layer.name}.weight": layer.weight_shape for layer in described.layers} | {
        f"{layer.name}.bias": (layer.rows,) for layer in described.layers
    }
    assert [value.name for value in graph.graph.input] == ["now", "carried", "noise", "hidden"]
    assert [value.name for value in graph.graph.output] == ["output", "hidden_next"]


def test_a_topology_is_known_by_its_digest():
    digests = {topology(size).digest for size in ("nano", "lite", "mid", "full")}
    assert len(digests) == 4
    assert topology("lite").digest == topology("lite").digest
    assert topology("lite").parameters == sum(p.numel() for p in Network(topology("lite")).parameters())


@pytest.mark.parametrize("size", ["lite", "mid"])
def test_the_base_weights_say_how_they_were_made(size):
    weights = base_weights(size)
    assert weights.card["topology"] == weights.topology.digest
    permitted = {footage.path: footage.licence for footage in TRAINING}
    assert weights.card["footage"]
    for clip in weights.card["footage"]:
        assert permitted[clip["path"]] == clip["licence"]
        assert len(clip["sha256"]) == 64


def test_no_clip_that_judges_was_trained_on():
    trained = {Path(footage.path).name for footage in TRAINING}
    assert not trained & {"sam2_05_juggle.mp4", "flutter_bee.mp4", "videocontext_bar_lowlight.webm"}
    assert not any(footage.path.startswith("noise/") for footage in TRAINING)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "restore-nano.safetensors"
    save_weights(path, tensors_of(Network(topology("nano"))), {"name": "restore-nano"})
    return path


def test_weights_come_back_as_they_were_saved(good):
    weights = load_weights(good, "nano")
    assert weights.card == {"name": "restore-nano"}
    assert weights.name.startswith("restore-nano@")


def test_a_truncated_file_is_refused(good):
    good.write_bytes(good.read_bytes()[:-100])
    with pytest.raises(BadWeights):
        load_weights(good, "nano")


def test_another_sizes_weights_are_refused(good):
    with pytest.raises(BadWeights):
        load_weights(good, "lite")


def test_weights_of_another_scheme_are_refused(good):
    good.with_suffix(".json").write_text('{"topology": "0123456789abcdef"}')
    with pytest.raises(BadWeights, match="topology"):
        load_weights(good, "nano")


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(tmp_path, poison):
    tensors = tensors_of(Network(topology("nano")))
    tensors["mid1.weight"] = tensors["mid1.weight"].copy()
    tensors["mid1.weight"][0, 0, 0, 0] = poison
    path = tmp_path / "bad.safetensors"
    save_weights(path, tensors, {})
    with pytest.raises(BadWeights, match="not finite"):
        load_weights(path, "nano")


def flat_shot(seed: int = 1) -> torch.Tensor:
    coarse = torch.rand(1, 8, 17, 30, generator=torch.Generator().manual_seed(seed)) * 0.7 + 0.15
    return torch.nn.functional.interpolate(coarse, scale_factor=8, mode="bilinear").repeat(4, 1, 1, 1)


@pytest.mark.parametrize("kind", ["white", "bayer"])
@pytest.mark.parametrize("level", [0.005, 0.02, 0.05])
def test_noise_is_told_within_a_tenth(kind, level):
    noise = Noise(kind, shot=0.5 * level**2 / 0.4, read=level * 0.7)
    noisy, deviation = add_noise(flat_shot(), noise, torch.Generator().manual_seed(3))
    luma = (planes(noisy)[0] * 1023).round().numpy().astype(np.uint16)[:, 0]
    profile = estimate([Picture(n, y, y[:, ::2], y[:, ::2]) for n, y in enumerate(luma)])
    told = profile.noise_map(noisy[:1].numpy())[:, 0].mean() / 8
    assert told == pytest.approx(deviation.mean().item(), rel=0.10)


@pytest.mark.parametrize("kind", ["white", "bayer", "coarse"])
def test_chroma_and_coarseness_are_told_within_a_tenth(kind):
    noise = Noise(kind, shot=0.0, read=0.02, blur=0.8, white=0.3, mix=0.3)
    noisy, deviation = add_noise(flat_shot(), noise, torch.Generator().manual_seed(3))
    truth = told(flat_shot(), noisy, deviation)
    luma, chroma = ((part * 1023).round().numpy().astype(np.uint16) for part in planes(noisy))
    shot = [Picture(n, y, cb, cr) for n, ((y,), (cb, cr)) in enumerate(zip(luma, chroma, strict=True))]
    profile = estimate(shot)
    assert profile.chroma == pytest.approx(float(truth[:, 1].mean() / truth[:, 0].mean()), rel=0.1)
    assert profile.coarse == pytest.approx(float(truth[:, 2].mean()), abs=0.1)


def test_coarse_noise_is_told_from_one_code_value_to_another():
    """Blurred noise hides from space; time shows it, a little loud for its blocks correlate."""
    noise = Noise("coarse", shot=0.0, read=0.02, blur=1.0, white=0.3, mix=0.3)
    noisy, _ = add_noise(flat_shot(), noise, torch.Generator().manual_seed(3))
    luma = (planes(noisy)[0] * 1023).round().numpy().astype(np.uint16)[:, 0]
    profile = estimate([Picture(n, y, y[:, ::2], y[:, ::2]) for n, y in enumerate(luma)])
    truth = float((noisy - flat_shot())[:, :4].std())
    assert profile.noise_map(noisy[:1].numpy())[:, 0].mean() / 8 == pytest.approx(truth, rel=0.15)


def test_colour_bars_of_a_generator_have_no_noise():
    """Flat colour to the last code value: nothing is heard, and nothing breaks on it."""
    bars = np.repeat(np.linspace(200, 800, 8).astype(np.uint16), 32)[None].repeat(96, 0)
    profile = estimate([Picture(n, bars, bars[:, ::2], bars[:, ::2]) for n in range(2)])
    assert profile.deviation(np.array([0.5]))[0] < 1e-3
    assert np.isfinite([profile.chroma, profile.coarse]).all()


def test_moving_texture_all_over_is_not_taken_for_noise():
    """Leaves in wind, no flat block anywhere: the level may be told loud, but not as loud as the leaves."""
    generator = torch.Generator().manual_seed(7)
    fine = torch.rand(1, 1, 60, 100, generator=generator)
    leaves = torch.nn.functional.interpolate(fine, scale_factor=6, mode="bicubic")[0, 0] * 0.3 + 0.3
    noise = torch.randn(4, 136, 240, generator=generator) * 0.01
    codes = [((leaves[n * 5 :][:136, n * 3 :][:, :240] + noise[n]) * 1023).round() for n in range(4)]
    planes_of = [plane.numpy().astype(np.uint16) for plane in codes]
    profile = estimate([Picture(n, y, y[:, ::2], y[:, ::2]) for n, y in enumerate(planes_of)])
    told = float(profile.deviation(np.float32(0.45)))
    assert 0.009 < told < 0.02


def test_a_clean_picture_is_told_as_clean():
    luma = (planes(flat_shot())[0] * 1023).round().numpy().astype(np.uint16)[:, 0]
    profile = estimate([Picture(n, y, y[:, ::2], y[:, ::2]) for n, y in enumerate(luma)])
    assert profile.noise_map(flat_shot()[:1].numpy())[:, :2].max() / 8 < 0.002


def test_a_grown_network_begins_as_the_smaller_one():
    small = base_weights("lite")
    noisy, noise = torch.rand(3, 1, 8, 16, 24), torch.full((3, 1, 3, 16, 24), 0.1)
    with torch.no_grad():
        there, before = (list(network_of(x).run(noisy, noise)) for x in (resized(small, "mid"), small))
    torch.testing.assert_close(torch.stack(there), torch.stack(before))


def test_a_thinned_network_keeps_what_is_heard():
    small = base_weights("lite")
    large = resized(small, "mid")
    for name, tensor in large.tensors.items():
        only = np.zeros_like(tensor)
        only[tuple(slice(0, count) for count in small.tensors[name].shape)] = small.tensors[name]
        tensor[:] = only
    back = resized(large, "lite")
    assert all(np.array_equal(back.tensors[name], small.tensors[name]) for name in small.tensors)


def learned(steps: int) -> tuple[Learner, list[float]]:
    """A small network after some steps, and the losses on the way."""
    rendered = (flat_shot().numpy() * 1023).round().astype(np.uint16)
    teaching = Teaching(batch=2, length=3, side=24, clean_share=0.0)
    scenes = Scenes([np.concatenate([rendered, rendered])], [dead_leaves(128, 160, seed=1)])
    lessons = Lessons(scenes, teaching, seed=1, rank=0, steps=steps)
    torch.manual_seed(1)
    learner = Learner(Network(topology("nano")), Settings(teaching=teaching, steps=steps, warmup_steps=4))
    losses: list[float] = []
    train(learner.settings, lessons, [learner], lambda _step, loss, _seconds: losses.extend(loss.tolist()))
    return learner, losses


def test_a_short_training_learns():
    learner, losses = learned(24)
    assert len(losses) == 24
    assert sum(losses[-6:]) < sum(losses[:6])
    assert all(np.isfinite(array).all() for array in tensors_of(learner.averaged).values())


def test_a_training_gives_the_same_numbers_again():
    (one, losses), (other, again) = learned(4), learned(4)
    assert losses == again
    assert all(np.array_equal(x, tensors_of(other.averaged)[name]) for name, x in tensors_of(one.averaged).items())


def test_a_lesson_is_the_same_whoever_makes_it():
    shot = (flat_shot().numpy() * 1023).round().astype(np.uint16)
    scenes = Scenes([shot], [dead_leaves(256, 256, seed=1)])
    lessons = Lessons(scenes, Teaching(batch=1, side=24, short=2, length=2), seed=1, rank=0, steps=4)
    made_here = [lesson.noisy for lesson in lessons.loaded(0, pinned=False)]
    made_ahead = [lesson.noisy for lesson in lessons.loaded(2, pinned=False)]
    assert all(torch.equal(one, other) for one, other in zip(made_here, made_ahead, strict=True))
    assert not torch.equal(made_here[0], made_here[1])


def test_what_stands_still_is_carried_as_it_is():
    leaves, noise = (packed_leaves(0, 0), np.random.default_rng(1))
    now = leaves + noise.normal(0, 0.02, leaves.shape).astype(np.float32)
    motion = flow(now, leaves)
    assert np.abs(motion).max() < 0.05
    np.testing.assert_array_equal(carried(leaves, np.zeros_like(motion)), leaves)


@pytest.mark.parametrize(("down", "across"), [(2, 0), (0, 4), (-4, 6), (3, -5)])
def test_a_pan_is_followed_under_noise(down, across):
    before, after = packed_leaves(0, 0), packed_leaves(down, across)
    now = after + np.random.default_rng(1).normal(0, 0.02, after.shape).astype(np.float32)
    followed = carried(before, flow(now, before))
    inner = (slice(None), slice(16, -16), slice(16, -16))
    lost, moved = (float(((one - after) ** 2)[inner].mean()) for one in (followed, before))
    assert lost < 0.3 * moved


def test_torch_carries_as_the_engines_do():
    motion = np.random.default_rng(2).normal(0, 2, (*packed_leaves(0, 0).shape[1:], 2)).astype(np.float32)
    picture, flowing = torch.from_numpy(packed_leaves(0, 0))[None], torch.from_numpy(motion)[None]
    assert np.abs(carried(packed_leaves(0, 0), motion) - carried_batch(picture, flowing)[0].numpy()).max() < 1e-3
    assert np.abs(carried_state(picture[0].numpy(), motion) - carried_states(picture, flowing)[0].numpy()).max() < 0.03


def test_what_torch_keeps_as_float16_is_carried_as_the_engines_carry_it():
    """The past stays on the GPU as its engine gives it, channels last; only its last digit may be lost on the way."""
    rng, leaves = np.random.default_rng(3), packed_leaves(0, 0)
    motion = rng.normal(0, 2, (*leaves.shape[1:], 2)).astype(np.float32)
    hidden = rng.uniform(0, 1, (1, 5, *leaves.shape[1:])).astype(np.float32)
    kept = [torch.from_numpy(part).half().to(memory_format=torch.channels_last) for part in (leaves[None], hidden)]
    found = carried_past(*kept, motion)
    assert all(part.dtype == torch.float16 for part in found)
    truth = carried_on(leaves[None], leaves[None], leaves[None], hidden, motion)
    for one, other in zip(found, truth, strict=True):
        np.testing.assert_allclose(one.float().numpy(), other, atol=2e-3)


def packed_leaves(down: int, across: int) -> np.ndarray:
    """A rendered picture seen a few pixels further down and across."""
    still = torch.from_numpy(dead_leaves(320, 420, 4).astype(np.float32))[None] / 1023
    small = torch.nn.functional.avg_pool2d(still, 2)[:, :, 8 + down : 136 + down, 8 + across : 200 + across]
    return pack_planes(small[:, :1], torch.nn.functional.avg_pool2d(small[:, 1:], (1, 2)))[0].numpy()


def test_the_openvino_child_needs_no_torch():
    code = (
        "import sys; from engines.backends import choose; from engines.enhance.restore import Restore;"
        "from engines.model.weights import base_weights; from engines.model.noise import NoiseProfile;"
        "Restore(choose('openvino'), base_weights('lite'), 64, 64, strength=1, noise=NoiseProfile(0, 1e-4));"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_card_is_plain_json(good):
    assert json.loads(good.with_suffix(".json").read_text()) == {"name": "restore-nano"}
