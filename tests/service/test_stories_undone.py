"""Nothing is silent: what a recipe asks for and nobody can make is in status, record, report, ALE and `.complete`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cart import Cart, Shift, trouble
from footage import footage
from markupsafe import escape
from screened import NAME, ask, current, offload, recorded, screened
from test_stories_fidelity import brighter as brighter  # noqa: PLC0414 - a fixture

WIRE = [{"line": [[20, 0], [20, 95]], "width": 4, "follow": "frame"}]


def told(cart: Cart, shift: Shift) -> list[dict[str, str]]:
    """What record, `.complete`, report, ALE and status all tell of the clip, once each."""
    undone = recorded(cart)["undone"]
    assert cart.complete()["undone"] == [{"clip": NAME} | one for one in undone]
    page = (cart.delivered() / "report" / "index.html").read_text(encoding="utf-8")
    ale = (cart.delivered() / "A001.ale").read_text(encoding="utf-8")
    (shown,) = shift.service.snapshot(shift.now()).cards[0].clips
    assert [one.asked for one in shown.undone] == [one["asked"] for one in undone]
    for one, status in zip(undone, shown.undone, strict=True):
        assert f"no {one['asked']}: {one['why']}" in ale
        assert escape(one["what"]) in page
        assert escape(one["fix"]) in page
        assert (status.trouble.why, status.trouble.fix) == (one["why"], one["fix"])
    return undone


def switched_off(cart: Cart) -> bytes:
    cart.words["enhance"] = {"restore": {"enabled": False}}
    return footage()


def interlaced(_cart: Cart) -> bytes:
    return footage(interlaced=True, codec="prores_ks")


@pytest.mark.parametrize(
    ("how", "why", "fix"),
    [
        (switched_off, "enhancement is switched off", "set enhance.restore.enabled to true"),
        (interlaced, "not enhanced: interlaced", "set source.deinterlace of this clip to true"),
    ],
)
def test_steps_that_have_no_twin_to_be_taken_in_are_told(
    cart: Cart, how: Callable[[Cart], bytes], why: str, fix: str
) -> None:
    movie = how(cart)
    ask(cart, remove=WIRE, stabilise={"strength": 0.5}, reframe={"zoom": 1.2}, relight={"key_stops": 0.5})
    offload(cart, movie)
    with cart.shift() as shift:
        shift.drive()
        undone = told(cart, shift)
        assert [one["asked"] for one in undone] == ["removal", "relight", "steady", "reframe"]
        assert undone[0]["code"] == "undone.no_enhanced_twin"
        assert why in undone[0]["why"]
        assert fix in undone[0]["fix"]
        ask(cart)
        shift.drive()
        assert told(cart, shift) == [], "nobody asks for it any more"


@pytest.mark.usefixtures("brighter")
def test_a_removal_that_went_with_an_enhancement_that_went_too_far_is_told(cart: Cart) -> None:
    ask(cart, restore={"strength": 1}, remove=WIRE, limits={"over": "plain"})
    offload(cart, footage(frames=8))
    with cart.shift() as shift:
        shift.drive()
        (undone,) = told(cart, shift)
    assert undone["asked"] == "removal"
    assert undone["why"].startswith("delivered plain: it went luma")
    assert "raise this clip's limits" in undone["fix"]


def test_what_was_enhanced_before_it_was_switched_off_is_done_still(cart: Cart) -> None:
    ask(cart, remove=WIRE)
    offload(cart, footage(frames=8))
    cart.serve()
    cart.words["enhance"] = {"restore": {"enabled": False}}
    with cart.shift() as shift:
        shift.drive()
        assert told(cart, shift) == []
    assert "enhanced" in current(cart)


def test_a_screen_that_is_not_there_stops_the_matte_alone_and_is_told(cart: Cart) -> None:
    ask(cart, matte={"key": "blue"}, plate={"enabled": True})
    offload(cart, screened())
    with cart.shift() as shift:
        shift.drive()
        assert shift.states()[NAME] == "delivered"
        (undone,) = told(cart, shift)
    assert set(current(cart)) == {"plain", "enhanced", "plate"}
    assert (undone["asked"], undone["code"]) == ("matte", "media.no_screen")
    assert "name the screen's colour in matte.key" in undone["fix"]


def test_what_was_given_up_is_told_after_a_restart_and_tried_again_on_request(cart: Cart) -> None:
    ask(cart, matte={"key": "green"})
    offload(cart, screened())
    cart.hands.befall("assist", trouble("media.bad_mask"))
    cart.serve()
    with cart.shift() as shift:
        shift.drive()
        assert told(cart, shift)[0]["code"] == "media.bad_mask"
        cart.retry(NAME)
        shift.drive()
        assert told(cart, shift) == []
    assert "matte" in current(cart)


def test_a_comp_whose_clip_was_never_offloaded_waits_and_stops_nothing(cart: Cart) -> None:
    ask(cart, matte={"key": "green"}, comp={"over": "B001C009"})
    offload(cart, screened())
    with cart.shift() as shift:
        shift.drive()
        (undone,) = told(cart, shift)
        assert set(current(cart)) == {"plain", "enhanced", "matte"}
        assert undone["why"] == "no clip called B001C009 was probed"
        offload(cart, screened(2, behind=(90, 40, 20)), "B001C009")
        shift.drive()
        assert told(cart, shift) == []
        assert "comp" in current(cart)
