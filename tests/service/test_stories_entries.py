"""An entry of the recipe that misses its clip by capitals or a file's ending is told, once, and holds for nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cart import DELIVERED, Cart, Shift

WORDS = {"proxy": {"codec": "prores_lt"}}


def written(cart: Cart, **entries: object) -> None:
    cart.recipe.write_text(json.dumps(entries), encoding="utf-8")


def told(shift: Shift) -> dict[str, list[str]]:
    """What the status says of entries, by clip."""
    (card,) = shift.service.snapshot(shift.now()).cards
    return {clip.name: [one.trouble.why for one in clip.undone] for clip in card.clips if clip.undone}


@pytest.mark.parametrize(
    ("section", "pattern"),
    [("clips", "a001c001"), ("clips", "A001C001.mov"), ("clips", "a001*.MOV"), ("rolls", "a001")],
)
def test_an_entry_that_misses_by_a_hair_is_told_of_the_first_clip(cart: Cart, section: str, pattern: str) -> None:
    written(cart, **{section: {pattern: WORDS}})
    cart.card("A001C001.mov", "A001C002.mov")
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
        ((name, (why,)),) = told(shift).items()
        assert name == "A001C001"
        assert why.startswith("recipe.yaml:1:")
        missed = {"clips": "A001C001", "rolls": "A001"}[section]
        assert why.endswith(f" {section}.{pattern} differs from {missed} by capitals or a file's ending alone")
        assert {proxy.facts.codec for proxy in shift.proxies("A001C001")} == {"prores_proxy"}, "it holds for nobody"
        (recorded,) = cart.record()["clips"][0]["undone"]
        assert recorded["code"] == "undone.entry"
        assert recorded["fix"].startswith(f"write it as {missed} is written: capitals count")
        page = Path(cart.delivered() / "report" / "index.html").read_text(encoding="utf-8")
        assert page.count("<code>undone.entry</code>") == 1
        written(cart, **{section: {missed: WORDS}})
        shift.drive()
        assert told(shift) == {}
    assert not cart.record()["clips"][0]["undone"]


def test_an_entry_that_another_clip_has_misses_nobody(cart: Cart) -> None:
    """Two cameras whose clips differ by capitals alone, and entries for clips that are to come."""
    written(cart, clips={"a001c001": WORDS, "A002*": WORDS, "*.C001": WORDS}, scenes={"a001": WORDS})
    cart.card("A001C001.mov", "A001C002.mov")
    cart.card("a001c001.mov", roll="a002", first_seed=5)
    with cart.shift() as shift:
        shift.drive()
        cards = shift.service.snapshot(shift.now()).cards
    assert [clip.undone for card in cards for clip in card.clips] == [(), (), ()]
