"""How long revisions stay, once a proxy was made anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cart import Cart, Shift, reference

from daemon.sidecars.ascmhl import ignore_spec, parse_generation
from daemon.states import ProxyState

OTHERWISE = ("prores_lt", "prores_hq", "prores_proxy")


def revise(cart: Cart, shift: Shift, times: int = 1) -> None:
    """The artists change their mind."""
    for codec in OTHERWISE[:times]:
        cart.recipe.write_text(json.dumps({"clips": {"A001C001": {"proxy": {"codec": codec}}}}), encoding="utf-8")
        shift.drive()


def movies(cart: Cart) -> set[str]:
    return {path.split("/", 2)[2] for path in cart.movies()}


@pytest.fixture
def keeping_two(cart: Cart) -> Cart:
    cart.words["delivery"] = {"keep_revisions": 2}
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov")
    return cart


def test_without_a_word_every_revision_stays(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(3 * 86400)
        shift.drive()
    assert len(movies(cart)) == 6
    assert cart.record()["clips"][0]["let_go"] == []


def test_what_an_ale_of_the_day_named_goes_no_sooner_than_the_day_after(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(3600)
        shift.drive()
        assert len(movies(cart)) == 6
        cart.clock.advance(86400)
        shift.drive()
    assert movies(cart) == {f"{twin}/A001C001_r{n}.mov" for twin in ("proxy", "enhanced") for n in (2, 3)}
    assert not (cart.delivered() / "report" / "A001C001_plain.jpg").exists()
    (told,) = cart.record()["clips"]
    assert {(one["path"], one["revision"]) for one in told["let_go"]} == {
        ("proxy/A001C001.mov", 1),
        ("enhanced/A001C001.mov", 1),
    }
    assert [proxy["revision"] for proxy in told["proxies"]] == [2, 2, 3, 3]
    latest = parse_generation(max((cart.delivered() / "ascmhl").glob("*.mhl")).read_bytes())
    assert ignore_spec(latest.ignore).match_file("proxy/A001C001.mov")
    assert not ignore_spec(latest.ignore).match_file("proxy/A001C001_r2.mov")
    assert reference(cart.delivered()) == 0
    cart.assert_honest()


def test_the_next_revision_never_takes_the_name_of_one_that_went(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(86400)
        shift.drive()
        revise(cart, shift, 3)
    assert "proxy/A001C001_r6.mov" in movies(cart)
    assert "proxy/A001C001.mov" not in movies(cart)
    cart.assert_honest()


def test_a_volume_that_refuses_keeps_the_file_and_is_asked_again(
    keeping_two: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart = keeping_two
    unlink = Path.unlink

    def busy(path: Path, missing_ok: bool = False) -> None:
        if path.name == "A001C001.mov":
            raise PermissionError(13, "an editor has it open")
        unlink(path, missing_ok=missing_ok)

    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        monkeypatch.setattr(Path, "unlink", busy)
        cart.clock.advance(86400)
        shift.drive()
        assert len(movies(cart)) == 6
        monkeypatch.undo()
        cart.clock.advance(120)
        shift.drive()
    assert len(movies(cart)) == 4
    cart.assert_honest()


def test_a_crash_between_the_record_and_the_removal_is_taken_up(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        first = cart.delivered() / "proxy" / "A001C001.mov"
        old = next(proxy for proxy in shift.proxies("A001C001") if proxy.facts.path == "proxy/A001C001.mov")
        shift.production.store.let_go(old.id, shift.production.store.cards()[0].id)
    assert first.exists()
    cart.serve()
    assert not first.exists()
    with cart.shift() as shift:
        states = [shift.production.store.proxies(old.clip, state=state) for state in ProxyState]
    assert [len(found) for found in states] == [0, 5, 0, 1]
    cart.assert_honest()


def test_a_file_that_somebody_put_in_the_old_ones_place_stays(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        old = cart.delivered() / "proxy" / "A001C001.mov"
        old.write_bytes(b"an editor's own")
        cart.clock.advance(86400)
        shift.drive()
    assert old.read_bytes() == b"an editor's own"
    assert len(movies(cart)) == 5
