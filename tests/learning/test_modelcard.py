"""The model card: one page that loads nothing, and tells what came of every card."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cart import Cart
from dailies import Taught, Tutor

from daemon import models
from daemon.modelcard import _chart, page

LOUD = '<img src="http://elsewhere/x.png">'


@pytest.fixture(scope="module")
def _two() -> Iterator[Taught]:
    with Taught.by([(), ("it flickers by 0.0031, allowed is 0 to 0.001",)], title=LOUD) as made:
        yield made


@pytest.fixture
def two(_two: Taught) -> Iterator[Cart]:
    """A production with an active model and a refused one, whose title means harm."""
    with _two.again() as (cart, _):
        yield cart


def card(cart: Cart) -> str:
    with cart.shift() as shift:
        return page(cart.config, shift.production.store)


def test_the_card_tells_what_it_learned_from_who_approved_and_what_became_of_each(two: Cart) -> None:
    with two.shift() as shift:
        active, refused = shift.production.store.models()
    (two.config.models / f"{active.digest}.jpg").write_bytes(b"\xff\xd8 a still")
    html = card(two)
    assert "Training approved by Line producer, Deal memo 12" in html
    for word in (
        active.digest[:12],
        refused.digest[:12],
        "it flickers by 0.0031",
        "<td><bdi>A001</bdi></td>",
        "<td><bdi>A002</bdi></td>",
    ):
        assert word in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert html.count("<polyline") == 2
    assert re.findall(r'<g class="(\w+)">', html) == ["active", "refused"]


def test_the_card_loads_nothing_and_believes_no_name(two: Cart) -> None:
    html = card(two)
    assert "default-src 'none'" in html
    assert LOUD not in html
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", html)


def test_before_anything_is_learned_the_card_says_so(cart: Cart, tutor: Tutor) -> None:
    cart.words["production"].pop("training")
    cart.serve()
    html = card(cart)
    assert "Training is off" in html
    assert "the base weights are in use" in html
    assert tutor.tasks == []


def test_after_a_rollback_the_card_says_base_and_keeps_what_was(two: Cart) -> None:
    with two.shift() as shift:
        models.rollback(shift.production, "lite", shift.now())
    html = card(two)
    assert "<b>base</b><span>active</span>" in html
    assert re.findall(r'<g class="(\w+)">', html) == ["withdrawn", "refused"]


def test_bars_stand_on_the_line_of_base_and_hang_below_it() -> None:
    rows = [{"gain_db": gain, "state": "retired", "roll": "A001"} for gain in (0.5, -0.25, 0.0)]
    chart = _chart(rows)
    up, down, flat = chart["bars"]
    assert up["y"] + up["height"] == pytest.approx(chart["zero"], abs=0.2)
    assert down["y"] == pytest.approx(chart["zero"], abs=0.2)
    assert up["height"] == pytest.approx(2 * down["height"], abs=0.2)
    assert flat["height"] == 1.0
    assert _chart([]) == {}
