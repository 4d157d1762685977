"""One contract for every back-end that this machine has: what a session promises, each keeps."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import paper

from engines.backends import choose
from engines.backends.eager import EagerBackend
from engines.backends.identity import IdentityBackend
from engines.backends.instead import Instead
from engines.backends.openvino import OpenVinoBackend
from engines.backends.stream import _Stream
from engines.enhance import LOOK_AHEAD
from engines.enhance.restore import BLOCK, Restore
from engines.errors import BackendUnavailable, DeviceLost
from engines.media.frames import Picture
from engines.model.noise import NoiseProfile
from engines.model.packing import pack, packed_size
from engines.model.weights import base_weights
from engines.plans.canary import MOST_ERROR
from engines.plans.store import PlanStore

NOISE = NoiseProfile(2e-4, 1e-4)
PLANS = TemporaryDirectory(prefix="nearset-plans-")


def here(name):
    """Return a back-end that not every machine has; without it the test is skipped and says why."""
    try:
        return choose(name, PlanStore(Path(PLANS.name), 1 << 30))
    except BackendUnavailable as error:
        pytest.skip(str(error))


BACKENDS = {
    "identity": IdentityBackend,
    "eager": EagerBackend,
    "native": lambda: here("native"),
    "openvino f32": lambda: OpenVinoBackend("f32"),
    "openvino": OpenVinoBackend,
    "eager-cuda": lambda: here("eager-cuda"),
    "tensorrt": lambda: here("tensorrt"),
    "tensorrt-rtx": lambda: here("tensorrt-rtx"),
    "tensorrt on paper": lambda: ON_PAPER[-1],
}
ON_PAPER = []
"""TensorRT's back-end for the test under way, its kernels run by the processor (paper.py)."""
GPU = [pytest.param(name, marks=pytest.mark.gpu) for name in ("eager-cuda", "tensorrt", "tensorrt-rtx")]
PAPER = "tensorrt on paper"
EACH = ["identity", "eager", "native", "openvino f32", "openvino", PAPER, *GPU]


@pytest.fixture(autouse=True)
def on_paper(request, monkeypatch, tmp_path):
    """Libraries of paper, for the tests that ask for them by the engine's name."""
    if PAPER in request.node.name:
        ON_PAPER.append(paper.backend(monkeypatch, tmp_path / "engines"))


def shot(count: int, height: int, width: int, seed: int = 1) -> list[Picture]:
    """A gradient that drifts, under noise."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(200, 800, width)[None, :] + np.linspace(-60, 60, height)[:, None]
    pictures = []
    for number in range(count):
        y = np.clip(np.roll(ramp, number, 1) + rng.normal(0, 12, ramp.shape), 4, 1019).astype(np.uint16)
        chroma = np.clip(512 + rng.normal(0, 6, (2, height, width // 2)), 4, 1019).astype(np.uint16)
        pictures.append(Picture(number, y, chroma[0], chroma[1]))
    return pictures


def streamed(backend, pictures):
    session = backend.open(base_weights("lite"), *packed_size(pictures[0].height, pictures[0].width))
    packed = [pack(picture) for picture in pictures]
    return [session.step(picture, NOISE.noise_map(picture)).copy() for picture in packed], session


def psnr(one, other):
    return 10 * np.log10(1 / max(float(np.mean((np.asarray(one) - np.asarray(other)) ** 2)), 1e-20))


@pytest.mark.parametrize("name", EACH)
def test_a_session_gives_a_picture_of_the_same_shape_for_each(name):
    pictures = shot(3, 72, 96)
    outputs, _ = streamed(BACKENDS[name](), pictures)
    assert [output.shape for output in outputs] == [(1, 8, 36, 48)] * 3
    assert all(np.isfinite(output).all() and output.dtype == np.float32 for output in outputs)


@pytest.mark.parametrize("name", EACH)
def test_a_reset_session_remembers_nothing(name):
    pictures = shot(3, 72, 96)
    first, session = streamed(BACKENDS[name](), pictures)
    session.reset()
    again = session.step(pack(pictures[0]), NOISE.noise_map(pack(pictures[0])))
    np.testing.assert_array_equal(again, first[0])


@pytest.mark.parametrize("name", ["native", "openvino f32", "openvino", PAPER, *GPU])
def test_twenty_frames_agree_with_the_reference(name):
    pictures = shot(20, 72, 96)
    reference, _ = streamed(EagerBackend(), pictures)
    outputs, _ = streamed(BACKENDS[name](), pictures)
    assert psnr(outputs, np.clip(reference, 0, 1)) >= 50


@pytest.mark.parametrize("name", ["eager", "native", "openvino f32", PAPER, *GPU])
def test_an_engine_stays_with_the_reference_over_a_hundred_pictures(name):
    """Whatever is rounded on the way is carried from picture to picture, and must not grow."""
    pictures = shot(100, 72, 96)
    reference, _ = streamed(EagerBackend(), pictures)
    outputs, _ = streamed(BACKENDS[name](), pictures)
    off = np.array(outputs) - np.clip(reference, 0, 1)
    assert np.linalg.norm(off) / np.linalg.norm(reference) <= MOST_ERROR
    assert np.linalg.norm(off[-10:]) <= 2 * np.linalg.norm(off[10:20]) + 1e-4


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize(("height", "width"), [(240, 426), (480, 854), (66, 130)])
def test_rasters_off_the_grid_come_back_as_they_were(name, height, width):
    pictures = shot(2, height, width)
    restore = Restore(BACKENDS[name](), base_weights("lite"), height, width, strength=1.0, noise=NOISE)
    for picture in pictures:
        restored = restore(picture)
        assert (restored.y.shape, restored.cb.shape) == (picture.y.shape, picture.cb.shape)


@pytest.mark.parametrize("name", EACH)
def test_strength_zero_gives_back_the_very_picture(name):
    picture = shot(1, 72, 96)[0]
    restore = Restore(BACKENDS[name](), base_weights("lite"), 72, 96, strength=0.0, noise=NOISE)
    assert restore(picture) is picture


def test_half_strength_lies_between(name="openvino"):
    picture = shot(1, 72, 96)[0]
    whole, half = (
        Restore(BACKENDS[name](), base_weights("lite"), 72, 96, strength=dial, noise=NOISE)(picture)
        for dial in (1, 0.5)
    )
    middle = (whole.y.astype(int) + picture.y) / 2
    assert np.abs(half.y - middle).max() <= 2


def test_the_identity_engine_changes_nothing():
    pictures = shot(3, 66, 130)
    restore = Restore(IdentityBackend(), base_weights("lite"), 66, 130, strength=1.0, noise=NOISE)
    for picture in pictures:
        restored = restore(picture)
        np.testing.assert_array_equal(restored.y, picture.y)
        np.testing.assert_array_equal(restored.cr, picture.cr)


def test_codes_outside_the_nominal_range_survive():
    picture = shot(1, 72, 96)[0]
    picture.y[:16] = 1015
    picture.y[-16:] = 20
    restored = Restore(OpenVinoBackend(), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)(picture)
    assert restored.y[:8].min() > 940
    assert restored.y[-8:].max() < 64


def test_a_cut_starts_the_network_anew():
    dark, bright = shot(4, 72, 96), shot(4, 72, 96, seed=2)
    for picture in dark:
        picture.y[:] = picture.y // 3
    straight = Restore(OpenVinoBackend("f32"), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
    for picture in dark:
        straight(picture)
    np.testing.assert_array_equal(straight(bright[0]).y, by_the_network(OpenVinoBackend("f32"), bright[0]).y)


@pytest.mark.parametrize("name", ["eager", "native", "openvino f32", "openvino", PAPER, *GPU])
def test_a_shot_begins_as_quiet_as_it_goes_on(name):
    pictures = still_shot(12, 72, 96)
    restore = Restore(BACKENDS[name](), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
    noise = [restored(restore, pictures, number).y.std() for number in range(12)]
    alone = by_the_network(BACKENDS[name](), pictures[0]).y.std()
    assert noise[0] < 1.25 * np.mean(noise[4:])
    assert noise[0] < 0.8 * alone


@pytest.mark.parametrize("name", ["eager", "native", "openvino f32", "openvino", PAPER, *GPU])
def test_a_picture_leans_on_those_that_come(name):
    pictures = still_shot(24, 72, 96)
    alone, seeing = (
        Restore(BACKENDS[name](), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE) for _ in range(2)
    )
    noise = [(alone(picture).y.std(), restored(seeing, pictures, picture.number).y.std()) for picture in pictures]
    past, both = np.array(noise[8:20]).mean(0)
    assert both < 0.9 * past


def test_a_shot_does_not_lean_on_the_next_one():
    shot_one, shot_two = still_shot(1, 72, 96), still_shot(4, 72, 96, grey=800)
    seeing = Restore(OpenVinoBackend("f32"), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
    alone = by_the_network(OpenVinoBackend("f32"), shot_one[0])
    np.testing.assert_array_equal(seeing(shot_one[0], shot_two).y, alone.y)


def test_where_a_shot_ends_within_a_block_its_pictures_see_no_further():
    """Five pictures and then nine come out as each shot alone does."""
    shots = still_shot(5, 72, 96), still_shot(9, 72, 96, grey=800)
    clip = [replace(picture, number=at) for at, picture in enumerate((*shots[0], *shots[1]))]
    whole, first, second = (
        Restore(OpenVinoBackend("f32"), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE) for _ in range(3)
    )
    made = [restored(whole, clip, number) for number in range(14)]
    apart = [restored(first, clip[:5], number) for number in range(5)]
    apart += [second(clip[number], clip[number + 1 :]) for number in range(5, 14)]
    for one, other in zip(made, apart, strict=True):
        np.testing.assert_array_equal(one.y, other.y)


@pytest.mark.parametrize("name", ["eager", "native", "openvino", PAPER, *GPU])
def test_what_is_made_ready_beside_the_network_is_what_would_be_found(name):
    """The same pictures, once the very ones that were announced, once copies of them, which nothing is ready for."""
    pictures = shot(8, 72, 96)
    ready, late = (Restore(BACKENDS[name](), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE) for _ in range(2))
    for number in range(8):
        announced = restored(ready, pictures, number)
        np.testing.assert_array_equal(announced.y, restored(late, [replace(one) for one in pictures], number).y)


def test_a_block_is_gone_back_over_beside_the_picture_after_those_that_it_leans_on(monkeypatch):
    """It is not done before the network is at that picture: one core of two would have nothing to do meanwhile."""
    pictures, is_there = shot(20, 72, 96), threading.Event()
    step, smoothed = _Stream.step, _Stream.smoothed

    def seen(stream, now):
        if now.picture.number == BLOCK + 4:
            is_there.set()
        return step(stream, now)

    def waiting(stream, *block):
        assert is_there.wait(60)
        return smoothed(stream, *block)

    monkeypatch.setattr(_Stream, "step", seen)
    monkeypatch.setattr(_Stream, "smoothed", waiting)
    restore = Restore(IdentityBackend(), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
    assert [restored(restore, pictures, number).number for number in range(20)] == list(range(20))


@pytest.mark.parametrize("name", ["native", "openvino f32", "openvino", PAPER, *GPU])
def test_a_clip_comes_out_alike_on_every_engine(name):
    """One that finds motion by itself is told from the reference by that (49 dB); the network changes more (39 dB)."""
    pictures = shot(12, 72, 96)
    clips = []
    for backend in (BACKENDS[name](), EagerBackend()):
        restore = Restore(backend, base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
        clips.append([restored(restore, pictures, number).y / 1023 for number in range(12)])
    assert psnr(*clips) >= 45


def by_the_network(backend, picture):
    """One picture as the network gives it, which leans on nothing."""
    stream = backend.open(base_weights("lite"), 36, 48).stream(72, 96, NOISE)
    return stream.smoothed([stream.step(stream.ready(picture))], 1, 1.0)[0]


def restored(restore, pictures, number):
    return restore(pictures[number], pictures[number + 1 : number + 1 + LOOK_AHEAD])


@pytest.mark.parametrize("name", ["eager", "native", "openvino", PAPER, *GPU])
def test_a_still_leans_on_itself_on_every_engine(name):
    """A slate filmed alone: quieter than the network leaves it, and as on the processor."""
    picture = still_shot(1, 72, 96)[0]
    made, reference = (
        Restore(backend, base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)(picture)
        for backend in (BACKENDS[name](), EagerBackend())
    )
    network = by_the_network(EagerBackend(), picture)
    assert made.y.std() < 0.8 * network.y.std()
    assert made.cb.std() < 0.8 * network.cb.std()
    assert psnr([made.y / 1023], [reference.y / 1023]) >= 45


@pytest.mark.parametrize("count", [2, 8, 9])
def test_a_shot_of_two_or_more_is_what_the_network_and_its_hindsight_made_of_it(count, monkeypatch):
    """Nine end in a block of their own, whose one picture has a past."""
    monkeypatch.setattr("engines.enhance.restore.estimates", None)
    pictures = still_shot(count, 72, 96)
    restore = Restore(OpenVinoBackend("f32"), base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
    made = [restored(restore, pictures, number) for number in range(count)]
    stream = OpenVinoBackend("f32").open(base_weights("lite"), 36, 48).stream(72, 96, NOISE)
    for follower in reversed(pictures[1:5]):
        stream.step(stream.ready(follower))
    shot = [stream.step(stream.ready(picture)) for picture in pictures]
    by_hand = [*stream.smoothed(shot, 8, 1.0), *stream.smoothed(shot[8:], 1, 1.0)] if count > 8 else None
    for one, other in zip(made, by_hand or stream.smoothed(shot, count, 1.0), strict=True):
        for plane in ("y", "cb", "cr"):
            np.testing.assert_array_equal(getattr(one, plane), getattr(other, plane))


@pytest.mark.parametrize("name", ["eager", "native", "openvino f32", PAPER, *GPU])
def test_a_flash_between_two_cuts_takes_no_longer_than_another_picture(name, monkeypatch):
    """A strobe is all shots of one picture: each leaning on itself would take seconds, so that none does."""
    monkeypatch.setattr("engines.enhance.restore.estimates", None)
    wall, flash = still_shot(7, 72, 96), still_shot(1, 72, 96, grey=900)[0]
    clip = [replace(one, number=at) for at, one in enumerate((*wall[:3], flash, *wall[3:]))]
    backend = BACKENDS[name]()
    whole, behind = (Restore(backend, base_weights("lite"), 72, 96, strength=1.0, noise=NOISE) for _ in range(2))
    made = [restored(whole, clip, number) for number in range(8)]
    np.testing.assert_array_equal(made[3].y, by_the_network(backend, flash).y)
    for number in range(4, 8):
        np.testing.assert_array_equal(made[number].y, behind(clip[number], clip[number + 1 :]).y)


def still_shot(count, height, width, grey=300):
    """A grey wall, and the noise that is told."""
    rng = np.random.default_rng(grey)
    pictures = shot(count, height, width)
    for picture in pictures:
        for plane, level in ((picture.y, grey), (picture.cb, 512), (picture.cr, 512)):
            plane[:] = level + rng.normal(0, 12, plane.shape)
    return pictures


def test_an_engine_that_is_not_here_is_refused_by_name():
    with pytest.raises(BackendUnavailable, match="tensorrt"):
        choose("tensorrt")


def test_an_engine_of_a_later_version_is_refused_with_those_there_are():
    with pytest.raises(BackendUnavailable, match="openvino, eager, eager-cuda, tensorrt"):
        choose("tpu")


def test_an_engine_serves_instead_only_where_it_is_named():
    with pytest.raises(BackendUnavailable):
        choose("tpu").open(base_weights("lite"), 36, 48)
    backend = choose("tpu", instead="identity")
    session = backend.open(base_weights("lite"), 36, 48)
    assert session.weights.name == base_weights("lite").name
    assert backend.describe() == "identity instead of tpu: engine.unavailable"


def test_a_gpu_that_failed_is_not_gone_around():
    def lost():
        raise DeviceLost("the engine failed", why="the GPU stopped answering", fix="it is tried again")

    with pytest.raises(DeviceLost):
        Instead("tensorrt", lost, IdentityBackend).open(base_weights("lite"), 36, 48)
