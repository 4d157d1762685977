"""What a production's model learns from: grain, motion, samples, and an update that helps."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import torch

from engines.backends import choose
from engines.errors import BadSample
from engines.media.frames import Picture
from engines.model import gate
from engines.model.grain import SIDE, Grain, measure
from engines.model.leaves import dead_leaves
from engines.model.motion import bring_back
from engines.model.network import network_of
from engines.model.noise import NoiseProfile, estimate
from engines.model.packing import pictures_of
from engines.model.patches import Patches
from engines.model.refine import Settings, refine
from engines.model.replay import FRAMES, Cut, Replay, averaged, cuts
from engines.model.synthetic import Noise, add_noise, luma_deviation, pack_planes, planes
from engines.model.update import Incumbents, Restoring, update
from engines.model.weights import base_weights


def pictures(packed: torch.Tensor) -> list[Picture]:
    return pictures_of(packed.numpy())


def wedge(rows: int = 128, columns: int = 256, frames: int = 8) -> torch.Tensor:
    """A grey wedge, dark to light: flat patches of every brightness."""
    steps = torch.linspace(0.1, 0.85, 8).repeat_interleave(columns // 8)
    luma = steps.view(1, 1, 1, -1).expand(frames, 1, rows, columns)
    return pack_planes(luma, torch.full((frames, 2, rows, columns // 2), 512 / 1023))


def coarse(reach: float) -> np.ndarray:
    frequency = np.abs(np.fft.fftfreq(SIDE))
    power = np.exp(-((frequency[:, None] ** 2 + frequency[None] ** 2) / reach))
    return (power / power.mean()).astype(np.float32)


@pytest.mark.parametrize(("shot", "read"), [(0.0, 4e-4), (8e-4, 1e-5), (3e-4, 2e-4), (2e-3, 4e-4)])
def test_calibration_finds_the_camera_within_a_tenth(shot: float, read: float) -> None:
    truth = Grain(NoiseProfile(shot, read), np.ones((3, SIDE, SIDE), np.float32))
    noisy, _ = truth.add_to(wedge(), torch.Generator().manual_seed(1))
    told = estimate(pictures(noisy))
    for signal in (0.15, 0.45, 0.8):
        asked = np.float32(signal)
        assert float(told.deviation(asked)) == pytest.approx(float(truth.profile.deviation(asked)), rel=0.1)


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize(("blur", "white"), [(0.6, 0.3), (1.0, 0.3), (1.0, 0.0), (1.4, 0.1)])
def test_coarse_noise_is_told_as_loud_and_as_coarse_as_it_is(blur: float, white: float, frames: int) -> None:
    clean = wedge(256, 256, frames)
    noise = Noise("coarse", shot=0.0, read=0.03, blur=blur, white=white, mix=0.3)
    noisy, _ = add_noise(clean, noise, torch.Generator().manual_seed(1))
    luma, chroma = (one - other for one, other in zip(planes(noisy), planes(clean), strict=True))
    beside = float((luma[..., 1:] * luma[..., :-1]).mean() / (luma**2).mean())
    told = estimate(pictures(noisy))
    assert float(told.deviation(np.float32(0.45))) == pytest.approx(float(luma.std()), rel=0.1)
    assert told.chroma == pytest.approx(float(chroma.std() / luma.std()), rel=0.1)
    assert told.coarse == pytest.approx(beside, abs=0.11)


@pytest.mark.parametrize("reach", [0.02, 0.1, 10.0])
def test_the_measured_grain_is_as_coarse_as_the_noise(reach: float) -> None:
    truth = Grain(NoiseProfile(0.0, 0.02**2), np.stack([coarse(reach), 0.5 * coarse(reach), 0.5 * coarse(reach)]))
    noisy, _ = truth.add_to(wedge(), torch.Generator().manual_seed(1))
    told = measure(pictures(noisy), truth.profile)
    inside = told.power[0] > 0.05
    inside[0, 0] = False  # a block's mean is the scene's
    assert np.median(np.abs(told.power[0] / truth.power[0] - 1)[inside]) < 0.15
    assert told.power[1].mean() == pytest.approx(0.5, rel=0.2)


def test_pictures_that_a_codec_copied_tell_no_grain() -> None:
    noisy, _ = Grain(NoiseProfile(0.0, 0.02**2), np.ones((3, SIDE, SIDE), np.float32)).add_to(
        wedge(frames=2), torch.Generator().manual_seed(1)
    )
    frozen = pictures(noisy[:1].expand(FRAMES, -1, -1, -1))
    assert np.array_equal(measure(frozen, NoiseProfile(0.0, 0.02**2)).power, np.ones((3, SIDE, SIDE)))


def test_grain_made_again_has_the_level_of_the_profile() -> None:
    grain = Grain(NoiseProfile(0.0, 0.03**2), np.stack([coarse(0.05)] * 3))
    clean = wedge()
    noisy, noise = grain.add_to(clean, torch.Generator().manual_seed(2))
    assert float((noisy - clean)[:, :4].std()) == pytest.approx(0.03, rel=0.05)
    assert float(luma_deviation(noise).mean()) == pytest.approx(0.03, rel=0.01)


def test_the_next_picture_is_brought_back_over_a_pan() -> None:
    still = torch.from_numpy(dead_leaves(300, 400, 4).astype(np.float32))[None] / 1023
    frames = torch.cat([still[:, :, 4:260, 4 + 3 * n : 260 + 3 * n] for n in range(4)])
    chroma = torch.nn.functional.avg_pool2d(frames[:, 1:], (1, 2))
    packed = pack_planes(torch.nn.functional.avg_pool2d(frames[:, :1], 1), chroma)
    deviation = torch.full_like(packed[:, :1], 0.01)
    brought = bring_back(packed, packed, deviation)
    inner = slice(16, -16)
    error = (brought.pictures - packed[:-1])[:, :4, inner, inner].abs()
    moved = (packed[1:] - packed[:-1])[:, :4, inner, inner].abs()
    assert float(brought.mask[..., inner, inner].mean()) > 0.6
    assert float((error * brought.mask[..., inner, inner]).mean()) < 0.25 * float(moved.mean())


def test_a_cut_between_shots_is_not_believed() -> None:
    one, other = (
        Patches([], [dead_leaves(300, 300, n)], torch.Generator().manual_seed(n)).still(1, 64) for n in (1, 2)
    )
    brought = bring_back(torch.cat((one, other)), torch.cat((one, other)), torch.full((2, 1, 64, 64), 0.01))
    assert float(brought.mask.mean()) < 0.2


@cache
def a_cut(seed: int = 1, level: float = 0.03) -> tuple[torch.Tensor, list[Picture]]:
    generator = torch.Generator().manual_seed(seed)
    clean = Patches([], [dead_leaves(320, 320, seed)], generator).still(FRAMES, 72)
    grain = Grain(NoiseProfile(0.0, level**2), np.stack([coarse(0.02)] * 3))
    return clean, pictures(grain.add_to(clean, generator)[0])


def test_a_sample_comes_back_as_it_was_kept_and_once(tmp_path) -> None:
    replay, (_, filmed) = Replay(tmp_path), a_cut()
    kept = replay.add(filmed, NoiseProfile(0.001, 0.0004))
    assert replay.add(filmed, NoiseProfile(0.001, 0.0004)) == kept
    assert replay.digests() == {kept.digest}
    cut = replay.load(kept.digest)
    again = pictures(cut.pictures)
    assert all(np.array_equal(one.y, other.y) for one, other in zip(again, filmed, strict=True))
    assert cut.grain.profile == NoiseProfile(0.001, 0.0004)
    assert cut.truth(cut.pictures).shape == (FRAMES, 8, 24, 24)
    replay.forget(kept.digest)
    assert not replay.digests()


def test_a_damaged_sample_is_told_and_not_learned_from(tmp_path) -> None:
    replay, (_, filmed) = Replay(tmp_path), a_cut()
    kept = replay.add(filmed, NoiseProfile(0.0, 0.0004))
    path = replay.path(kept.digest)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadSample, match="cannot be used"):
        replay.load(kept.digest)
    path.write_bytes(data[:1000])
    with pytest.raises(BadSample):
        replay.load(kept.digest)
    with pytest.raises(BadSample):
        replay.load("0" * 64)


def test_cuts_are_spread_over_a_clip_and_do_not_overlap() -> None:
    _, filmed = a_cut()
    clip = [Picture(number, *(getattr(filmed[number % FRAMES], p) for p in ("y", "cb", "cr"))) for number in range(50)]
    taken = [[picture.number for picture in cut] for cut, _ in cuts(iter(clip), 50, 3, seed=1)]
    assert len(taken) == 3
    assert all(numbers == list(range(numbers[0], numbers[0] + FRAMES)) for numbers in taken)
    assert all(one[-1] < other[0] for one, other in itertools.pairwise(taken))
    assert not list(cuts(iter(clip[:5]), 5, 3, seed=1))


def test_a_truth_is_nearer_to_the_clean_picture_than_averaging_alone() -> None:
    (clean, _), cut = a_cut(), kept_cut()
    noise = cut.grain.told(cut.pictures)
    restored = network_of(base_weights("lite")).from_both_ends(cut.pictures, noise)
    error, alone = (
        float(((found - averaged(clean)) ** 2).mean()) for found in (cut.truth(restored), averaged(cut.pictures))
    )
    assert error < 0.3 * alone


def test_averaging_down_keeps_the_picture_and_thins_the_noise() -> None:
    flat = wedge(144, 144)
    noisy, _ = Grain(NoiseProfile(0.0, 0.03**2), np.ones((3, SIDE, SIDE), np.float32)).add_to(
        flat, torch.Generator().manual_seed(1)
    )
    luma, _ = planes(averaged(noisy))
    assert float(luma[:, 0, :, 2:4].std()) == pytest.approx(0.01, rel=0.25)
    assert float(luma.mean()) == pytest.approx(float(planes(noisy)[0].mean()), abs=0.002)


def test_an_update_is_repeatable_and_changes_little() -> None:
    cut = kept_cut()
    settings = Settings(steps=4, side=24, sheets=1, seed=3)
    base = base_weights("lite")
    one, other = (refine(base, [cut], settings, lambda *_: None) for _ in range(2))
    assert one.curve == other.curve
    assert all(np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    apart = max(float(np.abs(one.tensors[name] - base.tensors[name]).max()) for name in base.tensors)
    assert 0 < apart < 0.01


def test_an_update_keeps_to_its_seconds() -> None:
    cut = kept_cut()
    ticks = iter(range(0, 1000, 10))
    settings = Settings(steps=50, side=24, sheets=1, budget_seconds=35)
    tuned = refine(base_weights("lite"), [cut], settings, lambda *_: None, clock=lambda: float(next(ticks)))
    assert len(tuned.curve) == 3


@pytest.mark.parametrize(("budget_seconds", "steps"), [(6.2, 3), (2, 0)])
def test_an_update_leaves_itself_the_time_to_be_judged(
    monkeypatch: pytest.MonkeyPatch, budget_seconds: float, steps: int
) -> None:
    """The clock goes on by a second each time it is read: making the exam takes one, each sitting another."""
    monkeypatch.setattr("engines.model.gate._RENDERED", gate._RENDERED[:1])
    base, ticks = base_weights("lite"), iter(range(1000))
    settings = Settings(steps=50, side=24, sheets=1, budget_seconds=budget_seconds)
    candidate = update(
        Incumbents(base, base, base, base),
        lambda: Restoring(base, [kept_cut()], [kept_cut()], settings, choose("eager")),
        budget_seconds,
        lambda *_: None,
        lambda: float(next(ticks)),
    )
    assert steps == (len(candidate.curve) if candidate else 0)
    if candidate:
        assert candidate.scores["base_mean_db"] == candidate.scores["active_mean_db"]
        assert candidate.stills.startswith(b"\xff\xd8")


def kept_cut() -> Cut:
    _, filmed = a_cut()
    noisy = torch.cat([torch.from_numpy(x) for x in packed_of(filmed)])
    return Cut(noisy, measure(filmed, NoiseProfile(0.0, 0.03**2)))


def packed_of(filmed: list[Picture]) -> list[np.ndarray]:
    from engines.model.packing import pack

    return [pack(picture) for picture in filmed]
