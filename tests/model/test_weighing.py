"""A still is weighed: of the wide average, the near one, the network's and what was filmed, each where it is best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from engines.backends.openvino import OpenVinoBackend
from engines.enhance.restore import Restore
from engines.errors import BadWeights
from engines.media.frames import Picture
from engines.model import weighing
from engines.model.estimates import Estimates, estimates
from engines.model.footage import Still
from engines.model.leaves import dead_leaves
from engines.model.lettering import lettering
from engines.model.noise import NoiseProfile
from engines.model.packing import packed_size
from engines.model.strands import ground
from engines.model.topology import ESTIMATES, WEIGHING, topology
from engines.model.train_weighing import going_on, judged, lacking, learn, window
from engines.model.weighing import weighed, weighing_graph
from engines.model.weighing_lessons import AGAIN, FAINT, KINDS, TEXTURE, Lesson, Scenes, Settings, Stills
from engines.model.weighing_network import grown, weighing_network_of
from engines.model.weights import base_weights, load_weights
from engines.openvino_core import compiled, ov

NOISE = NoiseProfile(shot=0.0, read=(12 / 1023) ** 2, chroma=0.6, coarse=0.2)
SHORT = Settings(count=10, textures=2, again=2, faint=1, judged=4, batch=2, side=16, steps=3)


def flat(code: float, height: int = 64, width: int = 96) -> Picture:
    """A grey card."""
    return Picture(0, np.full((height, width), code, np.uint16), *(np.full((height, width // 2), 512, np.uint16),) * 2)


def noisy(truth: Picture, deviation: float = 12.0, seed: int = 4) -> Picture:
    rng = np.random.default_rng(seed)
    planes = [
        np.rint(plane + rng.normal(0, deviation * share, plane.shape)).clip(4, 1019).astype(np.uint16)
        for plane, share in ((truth.y, 1.0), (truth.cb, 0.6), (truth.cr, 0.6))
    ]
    return Picture(truth.number, *planes)


def planes(picture: Picture) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint16]], ...]:
    return picture.y, picture.cb, picture.cr


def upside_down(picture: Picture) -> Picture:
    return Picture(picture.number, *(np.ascontiguousarray(plane[::-1, ::-1]) for plane in planes(picture)))


def print_of(seed: int) -> Picture:
    """A page of print, 320x320."""
    y, cb, cr = lettering(320, 320, seed)
    return Picture(0, y, cb[:, ::2].copy(), cr[:, ::2].copy())


def error(picture: Picture, truth: Picture) -> float:
    return float(np.square(picture.y.astype(float) - truth.y).mean() ** 0.5)


def scenes() -> Scenes:
    """One small scene of each kind."""
    size = (700, 700)
    return Scenes([dead_leaves(*size, 1)], [ground(*size, 2)], [lettering(*size, 3)], [ground(*size, 4)])


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    made = Stills(scenes(), SHORT)
    return [lesson for lesson in (made[number] for number in (0, 5, 7, 9, 10, 11, 13, 14)) if lesson]


def test_a_grey_card_is_quieter_weighed_than_any_of_its_estimates() -> None:
    truth = flat(400)
    filmed = noisy(truth)
    session = OpenVinoBackend("f32").open(base_weights("lite"), *packed_size(filmed.height, filmed.width))
    stream = session.stream(filmed.height, filmed.width, NOISE)
    found = estimates(session, stream, stream.step(stream.ready(filmed)), NOISE)
    assert found is not None
    result = error(weighed(filmed, found), truth)
    assert result < min(error(one, truth) for one in (filmed, found.restored))
    assert result < 0.15 * error(filmed, truth)


def test_where_all_estimates_are_what_was_filmed_hardly_anything_is_changed() -> None:
    card = flat(300)
    found = Estimates(card, card, card, replace(NOISE, read=1e-8))
    assert error(weighed(card, found), card) < 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (31, 8), (40, 30)])
@pytest.mark.parametrize(("code", "loud"), [(4, 1e-9), (400, 1e-4), (1019, 1e-2)])
def test_any_still_keeps_its_shape_and_stays_within_what_an_interface_carries(
    code: int, loud: float, height: int, width: int
) -> None:
    filmed = noisy(flat(code, height, 2 * width), 30)
    result = weighed(filmed, Estimates(filmed, flat(code, height, 2 * width), filmed, replace(NOISE, read=loud)))
    assert (result.height, result.width, result.cb.shape) == (height, 2 * width, (height, width))
    assert min(plane.min() for plane in (result.y, result.cb, result.cr)) >= 4
    assert max(plane.max() for plane in (result.y, result.cb, result.cr)) <= 1019


def test_a_still_upside_down_comes_out_as_the_still_does() -> None:
    truth = print_of(3)
    filmed, found = noisy(truth), [noisy(truth, 4, seed) for seed in (5, 6, 7)]
    upright = weighed(filmed, Estimates(*found, NOISE))
    turned = weighed(upside_down(filmed), Estimates(*(upside_down(one) for one in found), NOISE))
    again = upside_down(turned)
    assert max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(planes(again), planes(upright), strict=True)) <= 1


def test_the_engine_says_what_the_reference_says() -> None:
    rng = np.random.default_rng(1)
    filmed, *found = (rng.uniform(0.1, 0.9, (1, 8, 12, 20)).astype(np.float32) for _ in range(1 + ESTIMATES))
    told = NOISE.noise_map(filmed)
    weights = base_weights(WEIGHING)
    with torch.inference_mode():
        stacked = torch.from_numpy(np.stack(found, 1))
        reference = weighing_network_of(weights)(torch.from_numpy(filmed), stacked, torch.from_numpy(told)).numpy()
    request = compiled(weighing_graph(weights, 12, 20), "f32").create_infer_request()
    for name, array in zip(("filmed", "near", "wide", "restored", "noise"), (filmed, *found, told), strict=True):
        request.set_tensor(name, ov.Tensor(array))
    request.infer()
    np.testing.assert_allclose(request.get_tensor("output").data, reference, atol=2e-5)


def test_the_graph_is_a_sound_one_and_on_the_grid_alone() -> None:
    onnx.checker.check_model(weighing_graph(base_weights(WEIGHING), 8, 12), full_check=True)
    with pytest.raises(ValueError, match="grid of four"):
        weighing_graph(base_weights(WEIGHING), 8, 10)


def test_weights_that_are_gone_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(size: str) -> None:
        raise BadWeights(f"there are no base weights of size {size}", why="gone", fix="install nearset again")

    monkeypatch.setattr(weighing, "base_weights", gone)
    weighing._compiled.cache_clear()
    with pytest.raises(BadWeights, match="weighing"):
        weighed(flat(400), Estimates(flat(400), flat(400), flat(400), NOISE))


def test_a_still_comes_out_of_restoration_weighed_and_at_strength_nothing_as_filmed() -> None:
    truth = flat(420)
    filmed = noisy(truth)

    def restored(strength: float) -> Picture:
        restore = Restore(
            OpenVinoBackend("f32"), base_weights("lite"), filmed.height, filmed.width, strength=strength, noise=NOISE
        )
        return restore(filmed)

    assert restored(0.0) is filmed
    half, whole = restored(0.5), restored(1.0)
    assert error(whole, truth) < error(half, truth) < error(filmed, truth)


def test_the_card_of_the_weights_names_this_network() -> None:
    weights = base_weights(WEIGHING)
    assert weights.card["topology"] == topology(WEIGHING).digest
    assert weights.card["parameters"] == sum(x.size for x in weights.tensors.values())
    assert all(footage["licence"] for footage in weights.card["footage"])


def test_the_network_starts_as_restoration_which_leans_on_the_near_estimate() -> None:
    network = grown(base_weights("mid"), 0.0)
    pictures = torch.rand(1, 8, 16, 16)
    told = torch.from_numpy(NOISE.noise_map(pictures.numpy()))
    with torch.inference_mode():
        same, other = (network(pictures, torch.stack((pictures, x, x), 1), told) for x in (pictures, pictures + 1e-4))
    assert float((same - other).abs().max()) < 1e-3


def test_a_lesson_is_the_same_whoever_makes_it(lessons: list[Lesson]) -> None:
    again = Stills(scenes(), SHORT)[0]
    assert again is not None
    np.testing.assert_array_equal(again.seen, lessons[0].seen)
    np.testing.assert_array_equal(again.truth, lessons[0].truth)
    assert again.noise == lessons[0].noise


def test_lessons_show_every_kind_and_some_only_judge() -> None:
    kinds = [SHORT.kind(number) for number in range(SHORT.stills)]
    assert set(kinds) == {*KINDS, TEXTURE, AGAIN, FAINT}
    assert [number for number in range(SHORT.stills) if SHORT.judges(number)] == [0, 1, 2, 3, 10, 12, 14]


def test_a_window_holds_the_still_its_estimates_and_its_truth_alike(lessons: list[Lesson]) -> None:
    rng = np.random.default_rng(2)
    for lesson in lessons:
        shown, told, lacks = window(lesson, lacking(lesson), replace(SHORT, gains=(1.0, 1.0)), rng)
        assert shown.shape == (5, 8, 16, 16)
        assert told.shape == (3, 16, 16)
        assert float(lacks) == pytest.approx(lacking(lesson))
        whole = np.square(lesson.seen[0] / 1023 - lesson.truth / 1023 / 16).max()
        assert np.square(shown[0] - shown[4]).max() <= whole + 1e-6  # the same place, the same way round


def test_a_run_leaves_weights_a_card_and_what_it_gained(lessons: list[Lesson], tmp_path: Path) -> None:
    learn(lessons, SHORT, base_weights("mid"), [{"path": "rendered"}], tmp_path)
    weights = load_weights(tmp_path / "weighing.safetensors", WEIGHING)
    assert weights.card["gains_db"].keys() <= {*KINDS, TEXTURE, AGAIN, FAINT}
    assert weights.card["parent"]["name"] == base_weights("mid").name
    learn(lessons, going_on(SHORT), weights, [{"path": "rendered"}], tmp_path)
    child = load_weights(tmp_path / "weighing.safetensors", WEIGHING)
    assert child.card["parent"] == {"name": weights.name, "card": weights.card}
    assert child.card["settings"]["rate"] == SHORT.rate / 2
    network = weighing_network_of(weights)
    assert judged(network, lessons, SHORT).keys() <= {*KINDS, TEXTURE, AGAIN, FAINT}


@pytest.mark.parametrize("picture", [lettering, ground])
def test_rendered_pictures_are_legal_and_the_same_again(picture: object) -> None:
    one: Still = picture(300, 400, 5)  # type: ignore[operator] # both are drawn alike
    assert one.shape == (3, 300, 400)
    assert 64 <= one[0].min() <= one[0].max() <= 940
    np.testing.assert_array_equal(one, picture(300, 400, 5))  # type: ignore[operator]
    assert (one != picture(300, 400, 6)).mean() > 0.5  # type: ignore[operator]
