"""Light in engines: told, dialled, protected, and left alone at zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from engines.backends import choose_light
from engines.enhance.flicker import Deflicker
from engines.enhance.relight import Relight, lit
from engines.light import protect
from engines.light.curve import FLOOR, curve_of
from engines.light.dials import Dials, Level, Limits, Region, Tint, Window, brought
from engines.light.flicker import GRID, find, grid_of
from engines.light.network import LightNetwork, light_network_of
from engines.light.renderer import Lamp, Scene, Solid, render
from engines.light.track import Track
from engines.light.zones import channel_stops, limited
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.model.topology import RELIGHT, topology
from engines.model.weights import base_weights

HEIGHT, WIDTH = 128, 192
CURVE = curve_of("rec709", CodeRange.LEGAL, "bt709")


def filmed(seed: int = 1, number: int = 0) -> Picture:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(200, 700, (HEIGHT // 16, WIDTH // 16))
    y = np.kron(coarse, np.ones((16, 16))) + rng.normal(0, 3, (HEIGHT, WIDTH))
    chroma = [rng.uniform(480, 540, (HEIGHT, WIDTH // 2)) for _ in range(2)]
    return Picture(number, *(np.rint(plane).astype(np.uint16) for plane in (y, *chroma)))


def same(one: Picture, other: Picture) -> bool:
    return all(np.array_equal(getattr(one, plane), getattr(other, plane)) for plane in ("y", "cb", "cr"))


BARE = Limits(skin=False, text=False)


def relight(dials: Dials, limits: Limits = BARE) -> Relight:
    backend, weights = choose_light("openvino"), base_weights(RELIGHT)
    return Relight(backend, weights, CURVE, "bt709", dials, limits, HEIGHT, WIDTH, WIDTH * 2)


def test_the_network_is_small_and_is_the_one_that_the_weights_are_of():
    assert topology(RELIGHT).parameters <= 60_000
    assert base_weights(RELIGHT).topology.digest == topology(RELIGHT).digest
    assert sum(p.numel() for p in LightNetwork().parameters()) == topology(RELIGHT).parameters


def test_openvino_and_torch_tell_the_same_light():
    stops = np.random.default_rng(3).normal(0, 1.5, (1, 3, 64, 96)).astype(np.float32)
    found = [
        choose_light(name).open_light(base_weights(RELIGHT), 64, 96).coefficients(stops)
        for name in ("openvino", "eager")
    ]
    assert float(np.sqrt(((found[0] - found[1]) ** 2).mean())) < 0.05


def test_twice_the_exposure_is_a_stop_more_light_everywhere():
    stops = torch.randn(1, 3, 64, 96)
    network = light_network_of(base_weights(RELIGHT))
    with torch.inference_mode():
        assert torch.allclose(network.light(stops + 1), network.light(stops) + 1, atol=1e-3)


def test_at_zero_the_picture_is_the_very_one():
    picture = filmed()
    still = Window((100, 60), (50, 50))
    assert relight(Dials(windows=(still,)))(picture) is picture
    assert Deflicker(None, 1.0, CURVE, "bt709")(picture) is picture
    assert same(lit(picture, np.zeros((HEIGHT // 2, WIDTH // 2), np.float32), CURVE, "bt709"), picture)


def test_a_gain_of_a_stop_is_a_stop_of_scene_linear_light():
    for space, transfer in (("rec709", "bt709"), ("arri_logc3", ""), ("slog3_sgamut3cine", "")):
        curve = curve_of(space, CodeRange.LEGAL, transfer)
        grey = Picture(0, np.full((32, 64), 350, np.uint16), *(np.full((32, 32), 512, np.uint16) for _ in range(2)))
        brighter = lit(grey, np.full((16, 32), 1.0, np.float32), curve, "bt709")
        linear = [2.0 ** float(curve.of(np.float32([code]))[0]) - FLOOR for code in (350, int(brighter.y[0, 0]))]
        assert linear[1] / linear[0] == pytest.approx(2, rel=0.01)
        assert (brighter.cb == 512).all()


@given(st.floats(-3, 3), st.integers(64, 940))
@settings(max_examples=40, deadline=None)
def test_light_keeps_the_order_of_codes_and_white_under_white(stops, code):
    row = CURVE.gains[int((np.round(stops * 16) / 16 + 6) * 16)]
    lifted = np.arange(64, 941) + row[64:941]
    assert (np.diff(lifted) >= -0.01).all()
    assert lifted.max() <= 940.5
    assert (row[64:941] >= -0.01).all() if stops >= 0.1 else True


def test_a_window_lights_its_place_and_a_flag_darkens_it():
    picture = filmed()
    for stops, way in ((1.0, 1), (-1.0, -1)):
        made = relight(Dials(windows=(Window((192, 128), (80, 60), 0.2, stops),)))(picture)
        change = made.y.astype(int) - picture.y
        assert way * change[58:70, 90:102].mean() > 20
        assert (change[:20] == 0).all()
        assert (change[:, :30] == 0).all()


def test_warm_light_is_warm_and_as_bright():
    stops = channel_stops(Tint(warmth_kelvin=600))
    assert stops[0] > 0 > stops[2]
    assert float(stops @ np.array([0.2126, 0.7152, 0.0722])) == pytest.approx(0, abs=1e-5)
    green = channel_stops(Tint(tint_stops=0.3))
    assert green[1] > 0 > green[0]


@given(st.floats(-3, 3), st.floats(-6, 6), st.floats(0, 3), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_limits_hold_whatever_is_asked(whole, local, most, protected_stops):
    protected = np.zeros((4, 4), np.float32)
    protected[:2] = 1
    limits = Limits(stops=most, protected_stops=protected_stops)
    gain = limited(whole, np.full((4, 4), local, np.float32), limits, protected)
    assert np.abs(gain).max() <= most + 1e-5
    allowed = min(protected_stops, most) + abs(min(max(whole, -most), most))
    assert np.abs(gain[:2]).max() <= allowed + 1e-5


def test_a_region_is_protected_in_the_picture():
    limits = Limits(stops=3, protected_stops=0, skin=False, text=False, regions=(Region((96, 64), (100, 80)),))
    picture = filmed()
    made = relight(Dials(key_stops=1, fill_stops=1), limits)(picture)
    change = made.y.astype(int) - picture.y
    assert np.abs(change[28:36, 44:52]).max() <= 1
    assert change[90:, 120:].mean() > 20


def test_skin_is_protected_and_a_blue_backdrop_is_not():
    light = np.log2(
        np.float32([[0.40, 0.25, 0.18], [0.17, 0.085, 0.058], [0.05, 0.12, 0.35], [0.2, 0.2, 0.2], [0.1, 0.25, 0.05]])
    )
    seen = [float(protect.skin(np.broadcast_to(one, (24, 24, 3)).astype(np.float32)).mean()) for one in light]
    assert min(seen[:2]) > 0.9
    assert max(seen[2:]) < 0.1


def test_a_slate_is_protected_and_a_plain_wall_is_not():
    slate = Image.new("L", (240, 80), 20)
    ImageDraw.Draw(slate).text((10, 10), "SCENE 12A  TAKE 3", fill=230, font=ImageFont.load_default(22))
    stops = np.log2((np.asarray(slate, np.float32) / 255) ** 2.2 + np.float32(FLOOR))
    seen = protect.writing(np.repeat(stops[..., None], 3, -1))
    assert seen[14:32, 20:200].mean() > 0.6
    wall = protect.writing(np.random.default_rng(1).normal(-2, 0.05, (80, 240, 3)).astype(np.float32))
    assert wall.max() == 0


def test_a_window_goes_with_what_it_lies_on():
    rng = np.random.default_rng(5)
    texture = np.kron(rng.normal(-3, 1, (40, 60)), np.ones((4, 4))).astype(np.float32)
    track = Track(60, 50, 110, 90)
    for step in range(6):
        moved = track(np.roll(texture, (step, 2 * step), (0, 1)))
    assert moved[:, 2] == pytest.approx([10, 5], abs=1.0)


def series(hz: float, depth: float, bands: float, rate: float, count: int = 96) -> list[np.ndarray]:
    rng = np.random.default_rng(8)
    rows = ((np.arange(GRID[0]) + 0.5) / GRID[0])[:, None]
    scene = rng.uniform(-4, -1, GRID)
    walk = np.cumsum(rng.normal(0, 0.01, (count, *GRID)), 0)
    return [
        (scene + walk[n] + np.log2(1 + depth * np.sin(2 * np.pi * hz / rate * n + bands * rows))).astype(np.float32)
        for n in range(count)
    ]


def test_a_beat_is_found_where_it_is_and_taken_out():
    found = find(series(4.0, 0.1, 5.0, 24.0), 24.0, mains_hz=50)
    assert found is not None
    assert found.hz == pytest.approx(4.0, abs=0.1)
    rows = ((np.arange(GRID[0]) + 0.5) / GRID[0])[:, None]
    put = [np.log2(1 + 0.1 * np.sin(2 * np.pi * 4 / 24 * n + 5 * rows)) * np.ones(GRID) for n in range(96)]
    left = [one + found.gain(n, *GRID) for n, one in enumerate(put)]
    assert 10 * np.log10(np.square(put).sum() / np.square(left).sum()) > 20


def test_where_nothing_beats_nothing_is_found():
    assert find(series(4.0, 0.0, 0.0, 24.0), 24.0) is None
    assert find(series(4.0, 0.1, 0.0, 24.0, count=12), 24.0) is None


def test_a_grid_tells_the_picture_in_stops():
    picture = Picture(0, np.full((48, 96), 400, np.uint16), *(np.full((48, 48), 512, np.uint16) for _ in range(2)))
    assert grid_of(picture, CURVE) == pytest.approx(float(CURVE.of(np.float32([400]))[0]), abs=1e-3)


def test_a_match_brings_the_mean_and_no_more_contrast_than_is_light():
    bring = brought(Level(-3.0, 0.5), Level(-2.2, 5.0))
    assert bring.stops == pytest.approx(0.8)
    assert bring.contrast == 1.6


def test_a_rendered_picture_is_its_reflectance_times_its_light():
    grey = np.full((8, 8, 3), 0.5, np.float32)
    floor = Solid("box", (0, -1, 0), (20, 1, 20), grey)
    ball = Solid("ball", (0, 0.5, 0), (0.5, 0.5, 0.5), grey * 0.4)
    scene = Scene((floor, ball), (Lamp((3, 4, -2), 0.1, (20, 20, 20)),), (0.1, 0.1, 0.1), (0.1, 0.1, 0.1))
    made = render(scene, 24, 32)
    assert made.picture == pytest.approx(made.reflectance * made.light, rel=1e-5)
    assert made.light.min() > 0
    assert made.light.max() / made.light.min() > 3  # a shadow falls
