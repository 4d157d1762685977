"""Grades for clips that nobody graded: learned where that is approved, matched where somebody says so, else flagged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cart import Cart, seal
from shots import Shot, planes

from daemon import proposals
from daemon.slate import ClipLook
from daemon.states import ModelState
from engines.colour.cdl import Cdl
from engines.colour.predict import Graded, Predictor, Seen, figures_of, left_out_error, packed, unpacked
from engines.errors import BadWeights

APPROVED = {"training": {"approved_by": "Line producer", "reference": "Deal memo 12"}}


def lit(stops: float, warmth: float) -> Callable[[int], object]:
    """A log picture of a scene under more or less, warmer or colder light."""

    rng = np.random.default_rng(7)
    luma = np.kron(np.linspace(220, 620, 60).reshape(6, 10) + 60 * stops, np.ones((16, 16)))
    tint = np.kron(rng.normal(0, 12, (6, 10)), np.ones((16, 8)))
    return lambda _: planes(
        luma.astype(np.uint16),
        (512 + tint - 20 * warmth).astype(np.uint16),
        (512 - tint + 20 * warmth).astype(np.uint16),
    )


def offload(cart: Cart, roll: str, lights: dict[str, tuple[float, float]]) -> Path:

    folder = cart.roll(roll)
    for name, light in lights.items():
        Shot(frames=2, size=(160, 96)).write(folder / f"{name}.mov", lit(*light))
    seal(folder)
    cart.remember(folder)
    cart.show_lut()
    cart.words["enhance"] = {"restore": {"enabled": False}}
    cart.recipe.write_text("defaults: {source: {space: arri_logc3}}\n")
    return folder


def grade(cart: Cart, grades: dict[str, tuple[float, float]]) -> None:
    """The DIT takes back the exposure and half of the warmth."""
    corrections = "".join(
        f'<ColorCorrection id="{name}"><SOPNode><Slope>1 1 1</Slope>'
        f"<Offset>{-0.05 * stops - 0.01 * warmth} {-0.05 * stops} {-0.05 * stops + 0.01 * warmth}</Offset>"
        f"<Power>1 1 1</Power></SOPNode></ColorCorrection>"
        for name, (stops, warmth) in grades.items()
    )
    path = cart.offload / "20260302" / "Looks" / "day.ccc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<ColorCorrectionCollection>{corrections}</ColorCorrectionCollection>")


def look_of(shift: object, name: str) -> ClipLook:
    return shift.proxies(name)[-1].facts.look  # type: ignore[attr-defined]


LIGHTS = {
    f"A001C{n:03}": (stops, warmth)
    for n, (stops, warmth) in enumerate([(-1.5, 0.5), (-1, -0.5), (-0.5, 1), (0, 0), (0.5, -1), (1, 0.5)], 1)
}


def test_a_clip_that_nobody_graded_gets_what_the_dit_would_have_done(cart: Cart) -> None:
    cart.words["production"] = APPROVED
    offload(cart, "A001", LIGHTS)
    grade(cart, LIGHTS)
    cart.serve()
    offload(cart, "A002", {"A002C001": (0.7, 0.2)})
    with cart.shift() as shift:
        shift.drive()
        look = look_of(shift, "A002C001")
        assert look.origin.startswith("proposed by ")
        assert look.look.cdl.offset[1] == pytest.approx(-0.035, abs=0.012)
        assert look.look.cdl.offset[0] < look.look.cdl.offset[2]
        assert len(look.leaned_on) == 3
        assert set(look.leaned_on) <= set(LIGHTS)
        (model,) = shift.production.store.models(size="look", state=ModelState.ACTIVE)
        assert model.digest[:12] in look.origin
        before = look.look.cdl
        grade(cart, LIGHTS | {"A001C001": (3, 0)})
        shift.drive()
        assert look_of(shift, "A002C001").look.cdl == before, "it stays, whatever is learned later"
        assert [twin for twin, _ in shift.revisions("A002C001")] == ["plain"]
        grade(cart, LIGHTS | {"A002C001": (0, 0.1)})
        shift.drive()
        assert look_of(shift, "A002C001").origin == "20260302/Looks/day.ccc", "a person's grade stands over any"
    assert cart.record("A002")["clips"][0]["proxies"][0]["look"]["leaned_on"]
    cart.assert_honest()


def test_without_enough_grades_the_clip_gets_the_shows_look_and_a_flag(cart: Cart) -> None:
    cart.words["production"] = APPROVED
    offload(cart, "A001", dict(list(LIGHTS.items())[:2]))
    grade(cart, {"A001C001": LIGHTS["A001C001"]})
    with cart.shift() as shift:
        shift.drive()
        look = look_of(shift, "A001C002")
        assert look.look.cdl.is_neutral
        assert "needs a look" in shift.proxies("A001C002")[0].facts.marks
        assert "needs a look" not in shift.proxies("A001C001")[0].facts.marks


def test_without_approval_nothing_is_learned_or_proposed(cart: Cart) -> None:
    offload(cart, "A001", LIGHTS)
    grade(cart, dict(list(LIGHTS.items())[:-1]))
    with cart.shift() as shift:
        shift.drive()
        assert shift.production.store.models() == []
        assert look_of(shift, "A001C006").look.cdl.is_neutral
        assert "needs a look" not in shift.proxies("A001C006")[0].facts.marks


def test_a_recipe_matches_a_clip_to_another(cart: Cart) -> None:
    offload(cart, "A001", {"A001C001": (0, 0), "A001C002": (1, 0)})
    grade(cart, {"A001C001": (0.4, 0)})
    cart.recipe.write_text("defaults: {source: {space: arri_logc3}}\nclips: {A001C002: {look: {match: A001C001}}}\n")
    with cart.shift() as shift:
        shift.drive()
        look = look_of(shift, "A001C002")
        assert look.origin == "matched to A001C001"
        assert look.look.cdl.offset[1] < -0.03
    cart.assert_honest()


def test_a_second_camera_is_matched_to_the_first_where_timecode_is_the_time_of_day(cart: Cart) -> None:
    offload(cart, "A001", {"A001C001": (0, 0)})
    offload(cart, "B001", {"B001C001": (1, 0)})
    grade(cart, {"A001C001": (0.4, 0)})
    cart.words["colour"] |= {"match_cameras": True}
    with cart.shift() as shift:
        shift.drive()
        look = look_of(shift, "B001C001")
        assert look.origin == "matched to A001C001"
    cart.assert_honest()


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [("12A", "12A", True), ("12A", "12B", False), ("12A", "", True), ("+48.2+16.3/", "12A", True)],
)
def test_cameras_of_two_scenes_are_not_matched(one: str, other: str, may_be: bool) -> None:
    assert proposals.are_of_one_scene(one, other) is may_be


def test_a_look_model_that_is_damaged_is_refused(tmp_path: Path) -> None:
    known = tuple(
        Graded(str(n), Seen(tuple([0.1 * n] * 7), "12A", "ARRI", 2.5 * n), Cdl(saturation=1 + 0.01 * n))
        for n in range(5)
    )
    path = tmp_path / "m.safetensors"
    path.write_bytes(packed(known))
    assert unpacked(path) == known
    path.write_bytes(packed(known)[:-9])
    with pytest.raises(BadWeights):
        unpacked(path)


def test_far_from_every_graded_clip_it_is_not_sure() -> None:
    rng = np.random.default_rng(1)
    base = np.array([0.25, 0.35, 0, 0, 0.01, 0, 178])
    known = tuple(
        Graded(str(n), Seen(tuple(base + rng.normal(0, 0.01, 7))), Cdl(offset=(0.02, 0.02, 0.02))) for n in range(8)
    )
    near, far = (Predictor(known).propose(Seen(tuple(base + off))) for off in (0, 1.5))
    assert near.is_sure
    assert not far.is_sure
    ours, none = left_out_error(known)
    assert ours < none


def test_a_scenes_clips_say_more_of_one_another_than_others_do() -> None:
    figures = (0.25, 0.35, 0.0, 0.0, 0.01, 0.0, 178.0)
    warm, cold = Cdl(offset=(0.04, 0, -0.04)), Cdl(offset=(-0.04, 0, 0.04))
    known = tuple(Graded(f"{n}", Seen(figures, "12A" if n % 2 else "7"), warm if n % 2 else cold) for n in range(8))
    predictor = Predictor(known)
    for scene, sign in (("12A", 1), ("7", -1)):
        told = predictor.propose(Seen(figures, scene))
        assert sign * told.cdl.offset[0] > 0.02
        assert {int(name) % 2 for name in told.leaned_on} == {1 if scene == "12A" else 0}


def test_without_a_scenes_name_clips_of_one_hour_are_taken_for_one() -> None:
    figures = (0.25, 0.35, 0.0, 0.0, 0.01, 0.0, 178.0)
    warm, cold = Cdl(offset=(0.04, 0, -0.04)), Cdl(offset=(-0.04, 0, 0.04))
    hours = [8, 8.1, 8.2, 8.3, 20, 20.1, 20.2, 20.3]
    known = tuple(Graded(str(at), Seen(figures, hours=at), warm if at < 12 else cold) for at in hours)
    assert Predictor(known).propose(Seen(figures, hours=8.4)).cdl.offset[0] > 0.02
    assert Predictor(known).propose(Seen(figures, hours=20.4)).cdl.offset[0] < -0.02


def test_more_light_and_warmer_light_are_told_apart() -> None:
    picture = np.full((9, 16, 3), 0.4, np.float32)
    plain, light, warm = (figures_of(picture + np.array(by)) for by in ((0, 0, 0), (0.1, 0.1, 0.1), (0.02, 0, -0.02)))
    assert light[1] > plain[1] + 0.1
    assert (light[2], light[3]) == pytest.approx((plain[2], plain[3]), abs=1e-6)
    assert warm[2] > plain[2] > warm[3]


def test_clips_of_one_hour_and_two_white_balances_are_not_one_set_up() -> None:
    picture = np.full((9, 16, 3), 0.4, np.float32)
    day, tungsten = (figures_of(picture, kelvin=kelvin) for kelvin in (5600, 3200))
    warm, cold = Cdl(offset=(0.04, 0, -0.04)), Cdl(offset=(-0.04, 0, 0.04))
    known = tuple(
        Graded(f"{n}", Seen(day if n % 2 else tungsten, hours=9 + 0.01 * n), warm if n % 2 else cold) for n in range(8)
    )
    predictor = Predictor(known)
    assert predictor.propose(Seen(day, hours=9.1)).cdl.offset[0] > 0.02
    assert predictor.propose(Seen(tungsten, hours=9.1)).cdl.offset[0] < -0.02


def test_a_grade_that_nobody_ever_varies_is_proposed_again() -> None:
    figures = (0.4, 0.4, 0.0, 0.0, 0.05, 0.0, 0.0)
    for cdl in (Cdl(), Cdl(saturation=0.9)):
        told = Predictor(tuple(Graded(str(n), Seen(figures), cdl) for n in range(4))).propose(Seen(figures))
        assert np.isfinite(told.cdl.numbers).all()
        assert told.cdl.saturation == pytest.approx(cdl.saturation, abs=0.02)


def test_a_picture_out_of_balance_is_brought_part_of_the_way_where_others_were() -> None:
    def clip(red: float, name: str = "") -> Graded:
        figures = (0.6, 0.4, red, 0.0, 0.05, 0.0, 178.0)
        return Graded(name, Seen(figures), Cdl(offset=(-0.5 * red, 0, 0)))

    known = tuple(clip(red, str(red)) for red in (-0.03, -0.02, -0.01, 0.01, 0.02, 0.03))
    assert Predictor(known).propose(clip(0.05).seen).cdl.offset[0] == pytest.approx(-0.025, abs=0.005)


def test_a_look_model_whose_figures_are_of_another_make_is_refused(tmp_path: Path) -> None:
    known = tuple(Graded(str(n), Seen(tuple([0.1 * n] * 7)), Cdl(saturation=1 + 0.01 * n)) for n in range(5))
    path = tmp_path / "old.safetensors"
    path.write_bytes(packed(known).replace(b'"measured":"2"', b'"measured":"1"'))
    with pytest.raises(BadWeights, match="older release"):
        unpacked(path)
