"""Assists over frames: masks, plates, wires, mattes, a steady camera; nothing changes where nothing was asked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.enhance.camera import survey
from engines.enhance.comp import Comp, Looped, Placing
from engines.enhance.matte import Difference, Key, Limits, Matte, freed, over
from engines.enhance.plate import Sight, numbers_of, plate_of
from engines.enhance.removal import REACH, Removal
from engines.enhance.screen import KeyColour, measured, screen_of
from engines.enhance.shapes import Shape, in_pairs, mask_of
from engines.enhance.steady import Framing, Steady
from engines.errors import BadMask, NoScreen
from engines.media.frames import Picture
from engines.media.still import picture_of_rgb, rgb_of

SIZE = (192, 128)


def wall(width: int = 420, height: int = 200, seed: int = 5) -> np.ndarray:
    """A wall with enough on it to see how the camera moves."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.15, 0.85, (height // 8, width // 8, 3)).astype(np.float32)
    fine = rng.uniform(-0.08, 0.08, (height // 2, width // 2, 3)).astype(np.float32)
    sides = (width, height)
    return np.clip(cv2.resize(coarse, sides, interpolation=cv2.INTER_CUBIC) + cv2.resize(fine, sides), 0.05, 0.95)


def pan(count: int, step: int = 4) -> list[Picture]:
    whole = wall()
    return [
        picture_of_rgb(whole[30 : 30 + SIZE[1], 10 + step * number : 10 + step * number + SIZE[0]], number)
        for number in range(count)
    ]


def drawn_over(picture: Picture, mask: np.ndarray, code: int) -> Picture:
    planes = [picture.y.copy(), picture.cb.copy(), picture.cr.copy()]
    for plane, value, of in zip(planes, (code, 512, 512), (mask, mask[:, ::2], mask[:, ::2]), strict=True):
        plane[of] = value
    return Picture(picture.number, *planes)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(1023**2 / np.mean((one.astype(float) - other) ** 2)))


def test_a_wire_before_a_panning_camera_is_filled_with_what_stood_behind_it_and_nothing_else_changes():
    clean = pan(14)
    mask = mask_of([Shape("line", ((100, 0), (100, 127)), 7)], SIZE, SIZE)
    wired = [drawn_over(picture, mask, 120) for picture in clean]
    removal = Removal(lambda _: mask, survey(wired, mask))
    filled = [removal(one, wired[one.number + 1 : one.number + 1 + REACH]) for one in wired]
    for before, after in zip(wired, filled, strict=True):
        assert np.array_equal(before.y[~mask], after.y[~mask])
        assert np.array_equal(before.cb[~mask[:, ::2]], after.cb[~mask[:, ::2]])
        assert np.array_equal(before.cr[~mask[:, ::2]], after.cr[~mask[:, ::2]])
    assert psnr(filled[7].y[mask], clean[7].y[mask]) > 36
    assert removal.removed.unseen / removal.removed.masked < 0.05


def test_what_a_locked_camera_never_saw_stays_is_counted_and_told():
    still = pan(1)[0]
    mask = mask_of([Shape("box", ((40, 40), (60, 60)))], SIZE, SIZE)
    wired = [drawn_over(Picture(number, still.y, still.cb, still.cr), mask, 120) for number in range(6)]
    removal = Removal(lambda _: mask, survey(wired, mask))
    for one in wired:
        assert removal(one, wired[one.number + 1 :]) is one
    assert removal.removed.unseen == removal.removed.masked == 6 * int(mask.sum())
    assert "100.0% of the masked pixels never seen" in removal.removed.note


def test_at_strength_zero_the_very_picture_comes_back():
    (picture,) = pan(1)
    mask = mask_of([Shape("box", ((40, 40), (60, 60)))], SIZE, SIZE)
    move = survey([picture])
    assert Removal(lambda _: mask, move, strength=0)(picture) is picture
    assert Steady(move, SIZE, strength=0, framing=Framing())(picture) is picture


def test_a_plate_shows_the_wall_behind_who_walks_by_and_says_where_it_may_be_believed():
    clean = pan(20, 3)
    acted = []
    for picture in clean:
        covered = np.zeros((SIZE[1], SIZE[0]), np.uint8)
        cv2.circle(covered, (11 * picture.number - 10, 70), 22, 1, cv2.FILLED)
        acted.append(drawn_over(picture, in_pairs(covered > 0), 300))
    move = survey(acted)
    middle = 10
    plate = plate_of([Sight(acted[one], move.between(middle, one)) for one in numbers_of(range(20))], middle)
    assert plate.share > 0.7
    assert psnr(plate.picture.y[plate.valid], clean[middle].y[plate.valid]) > 35
    right = np.abs(plate.picture.y.astype(int) - clean[middle].y) < 40
    assert right[plate.valid].mean() > 0.98


def test_an_actor_before_a_plate_is_told_by_the_difference():
    clean = pan(8, 3)
    plate = plate_of([Sight(one, survey(clean).between(4, one.number)) for one in clean], 4)
    covered = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.circle(covered, (90, 64), 25, 1, cv2.FILLED)
    actor = in_pairs(covered > 0)
    matte = Difference(plate, limits=Limits())(drawn_over(clean[5], actor, 940))
    assert matte.alpha[actor].mean() > 0.9
    seen = cv2.erode(plate.valid.astype(np.uint8), np.ones((25, 25))) > 0
    away = cv2.dilate(covered, np.ones((15, 15))) == 0
    assert matte.alpha[seen & away].mean() < 0.08


def green(actor: np.ndarray, rgb: tuple[float, float, float] = (0.6, 0.5, 0.55)) -> Picture:
    picture = np.empty((SIZE[1], SIZE[0], 3), np.float32)
    picture[:] = (0.15, 0.6, 0.22)
    picture[actor] = rgb
    return picture_of_rgb(picture)


def test_a_key_covers_the_actor_leaves_the_screen_and_frees_him_of_its_colour():
    actor = np.zeros((SIZE[1], SIZE[0]), bool)
    actor[30:100, 60:130] = True
    matte = Key(KeyColour.GREEN, SIZE[1], SIZE[0], limits=Limits())(green(actor, (0.5, 0.53, 0.5)))
    assert matte.alpha[40:90, 70:120].mean() > 0.9
    assert matte.alpha[5:20, 5:40].mean() < 0.03
    red, main, blue = rgb_of(matte.fill)[40:90, 70:120].mean((0, 1))
    assert main - (red + blue) / 2 < 0.04, "the green light on him is gone"


def veiled(alpha: np.ndarray, front: tuple[float, float, float]) -> tuple[Picture, np.ndarray]:
    """A screen lit from the left and something before it, mixed as light, and the screen's R'G'B' alone."""
    lit = np.linspace(1.1, 0.75, SIZE[0], dtype=np.float32)[None, :, None]
    screen = np.broadcast_to(np.array((0.16, 0.58, 0.22), np.float32) * lit, (SIZE[1], SIZE[0], 3))
    share = alpha[..., None].astype(np.float32)
    mixed = share * np.array(front, np.float32) ** 2.4 + (1 - share) * screen**2.4
    return picture_of_rgb(mixed ** (1 / 2.4)), screen


@pytest.mark.parametrize(("thick", "grey"), [(0.2, 0.9), (0.5, 0.6), (0.8, 0.4)])
def test_smoke_before_an_uneven_screen_is_as_thick_in_the_matte_as_it_is_in_light(thick, grey):
    alpha = np.zeros((SIZE[1], SIZE[0]), np.float32)
    alpha[40:90, 80:120] = thick
    picture, truth = veiled(alpha, (grey, grey, grey))
    screen = screen_of(picture, KeyColour.GREEN)
    found = measured(picture, screen).alpha
    assert np.abs(found[50:80, 90:110] - thick).mean() < 0.06
    assert found[:, 140:-8].mean() < 0.02, "what is darker at its far side is screen all the same"
    known = cv2.resize(screen.rgb, SIZE)
    assert np.abs(known - truth)[:, 8:-8].mean() < 0.01, "the screen is known behind the smoke, too"


def test_what_is_half_there_keeps_its_own_colour():
    alpha = np.zeros((SIZE[1], SIZE[0]), np.float32)
    alpha[30:100, 60:130] = 0.5
    picture, _ = veiled(alpha, (0.75, 0.6, 0.7))
    screen = screen_of(picture, KeyColour.GREEN)
    colour = rgb_of(freed(picture, alpha, screen, np.float32(1)))[40:90, 70:120]
    assert np.abs(colour.mean((0, 1)) - (0.75, 0.6, 0.7)).max() < 0.03


def test_shapes_bound_a_key():
    actor = np.zeros((SIZE[1], SIZE[0]), bool)
    actor[30:100, 60:130] = True
    garbage, keep = np.zeros_like(actor), np.zeros_like(actor)
    garbage[:, 100:] = True
    keep[:10, :10] = True
    matte = Key(KeyColour.GREEN, SIZE[1], SIZE[0], limits=Limits(garbage, keep))(green(actor))
    assert not matte.alpha[garbage & ~keep].any()
    assert (matte.alpha[keep] == 1).all()


def test_no_screen_is_told_with_what_to_do():
    with pytest.raises(NoScreen, match="no blue screen was found") as caught:
        screen_of(green(np.zeros((SIZE[1], SIZE[0]), bool)), KeyColour.BLUE)
    assert "matte.key" in caught.value.fix


def test_a_shaky_camera_is_steadier_and_never_shows_what_was_not_filmed():
    whole = wall()
    rng = np.random.default_rng(2)
    shake = rng.integers(-4, 5, (16, 2))
    shaky = [
        picture_of_rgb(whole[30 + y : 30 + y + SIZE[1], 60 + x : 60 + x + SIZE[0]], number)
        for number, (x, y) in enumerate(shake)
    ]
    steady = Steady(survey(shaky), SIZE, strength=1, framing=Framing(zoom=1.12))
    moved = [steady(picture) for picture in shaky]
    before, after = (
        np.mean([np.abs(np.linalg.norm(way[:2, 2])) for way in ways])
        for ways in ([survey(pictures).between(n, n + 1) - np.eye(3) for n in range(15)] for pictures in (shaky, moved))
    )
    assert after < 0.5 * before
    assert steady.note.startswith("stabilised")


@given(st.floats(1, 3), st.floats(-10, 10))
@settings(max_examples=8, deadline=None)
def test_a_framing_keeps_raster_and_number(zoom, roll):
    picture = pan(1)[0]
    framed = Steady(None, SIZE, strength=0, framing=Framing(zoom, (0.5, 0.5), roll))(picture)
    assert (framed.number, framed.y.shape, framed.cb.shape) == (0, picture.y.shape, picture.cb.shape)


def test_a_plate_that_ends_is_looped_or_held_and_one_that_has_not_begun_is_none():
    pictures = pan(3)
    looped = Looped(lambda: iter(pictures), offset=-1, is_looped=True)
    held = Looped(lambda: iter(pictures))
    assert looped(0) is None
    assert [looped(number).number for number in range(1, 6)] == [0, 1, 2, 0, 1]
    assert [held(number).number for number in range(5)] == [0, 1, 2, 2, 2]


def test_a_comp_puts_the_actor_over_the_plate():
    front, back = pan(2)
    alpha = np.zeros((SIZE[1], SIZE[0]), np.float32)
    alpha[:, :96] = 1

    class Half:
        note = ""

        def __call__(self, picture: Picture) -> Matte:
            return Matte(alpha, picture)

    made = Comp(Half(), lambda _: back, grade=None, placing=Placing())(front)
    assert np.array_equal(made.y[:, :96], front.y[:, :96])
    assert np.array_equal(made.y[:, 96:], back.y[:, 96:])


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_over_is_the_front_where_covered_and_the_back_where_not(seed):
    rng = np.random.default_rng(seed)
    one, other = (
        Picture(0, *(rng.integers(64, 940, shape, np.uint16) for shape in ((8, 16), (8, 8), (8, 8)))) for _ in range(2)
    )
    assert np.array_equal(over(Matte(np.ones((8, 16), np.float32), one), one, other).y, one.y)
    assert np.array_equal(over(Matte(np.zeros((8, 16), np.float32), one), one, other).cb, other.cb)


def test_half_of_a_white_actor_over_black_is_half_of_his_light():
    white, black = (picture_of_rgb(np.full((8, 16, 3), level, np.float32)) for level in (1.0, 0.0))
    mixed = over(Matte(np.full((8, 16), 0.5, np.float32), white), white, black)
    assert np.abs(rgb_of(mixed) - 0.5 ** (1 / 2.4)).max() < 0.01


@given(st.integers(8, 60), st.integers(8, 60), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_a_mask_is_made_of_whole_pairs_at_any_scale(x, y, scale):
    mask = mask_of([Shape("line", ((x, y), (x + 40, y + 30)), 3)], SIZE, (SIZE[0] * scale, SIZE[1] * scale))
    assert np.array_equal(mask[:, ::2], mask[:, 1::2])
    assert mask.any()


def test_a_painted_mask_must_fit_the_clip(tmp_path):
    path = tmp_path / "rig.png"
    painted = np.zeros((128, 192), np.uint8)
    painted[10:20, 30:50] = 255
    cv2.imwrite(str(path), painted)
    mask = mask_of([Shape("painted", painted=str(path))], SIZE, SIZE)
    assert mask.sum() == 200
    with pytest.raises(BadMask, match="does not fit"):
        mask_of([Shape("painted", painted=str(path))], SIZE, (1920, 1080))
    with pytest.raises(BadMask, match="cannot be read"):
        mask_of([Shape("painted", painted=str(tmp_path / "none.png"))], SIZE, SIZE)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_smooth_colour_survives_the_way_to_rgb_and_back(seed):
    rng = np.random.default_rng(seed)
    rgb = cv2.resize(rng.uniform(0.2, 0.8, (3, 4, 3)).astype(np.float32), (64, 32), interpolation=cv2.INTER_CUBIC)
    assert np.abs(rgb_of(picture_of_rgb(rgb)) - rgb).max() < 0.015
