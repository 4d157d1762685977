"""What lies in a roll's folder once a card is through, as editorial finds it."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from cart import HELD, Cart, footage, seal
from jsonschema import Draft202012Validator

from daemon.slate import Custody, Twin, Vendor
from daemon.states import SETTLED_STATES, ClipState
from engines.media.essence import TimecodeSource
from engines.model.noise import NoiseProfile

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "nearset.schema.json").read_text(encoding="utf-8")
)


def test_complete_vouches_for_every_file_that_lies_beside_it(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    cart.serve()
    folder = cart.delivered()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert "report/A001C001_plain.jpg" in there
    assert set(cart.complete()["xxh128"]) == there - {".complete"}
    cart.assert_honest()


def test_a_still_that_somebody_took_away_is_not_vouched_for(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (cart.delivered() / "report" / "A001C001_plain.jpg").unlink()
    (cart.delivered() / ".complete").unlink()
    with cart.shift() as shift:
        (card,) = shift.production.store.cards()
        shift.production.store.set_card(card.id, turnover_due=1)
        shift.drive()
    assert "report/A001C001_plain.jpg" not in cart.complete()["xxh128"]
    assert "report/A001C001_enhanced.jpg" in cart.complete()["xxh128"]
    cart.assert_honest()


def test_noise_that_is_no_number_fails_its_clip_and_is_in_no_record(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.model.noise.estimate", lambda _: NoiseProfile(math.nan, 1e-6))
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        (clip,) = shift.clips()
        assert (clip.state, clip.trouble.why) == (ClipState.FAILED, "shot is nan")
        assert shift.revisions("A001C001") == [("plain", 1)]
    Draft202012Validator(SCHEMA).validate(cart.record())
    cart.assert_honest()


@pytest.fixture
def told(cart: Cart) -> dict[str, Any]:
    """The record of a roll with two clips delivered and one held."""
    roll = cart.roll()
    files = {"A001C001.mov": footage(1), "A001C002.mov": footage(2, sound=False, start=""), "A001C003.mov": b"no movie"}
    cart.put(roll, files)
    seal(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states()["A001C003"] == HELD
    return cart.record()


def test_a_turnover_has_the_shape_that_the_schema_says(told: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert len(told["clips"]) == 2
    assert len(told["undelivered"]) == 1
    Draft202012Validator(SCHEMA).validate(told)


def test_the_schema_lets_nothing_be_left_out_or_slipped_in(told: dict[str, Any]) -> None:
    shape = Draft202012Validator(SCHEMA)
    parts = (
        lambda it: it,
        lambda it: it["production"],
        lambda it: it["card"],
        lambda it: it["clips"][0],
        lambda it: it["clips"][0]["audio"][0],
        lambda it: it["clips"][0]["custody"],
        lambda it: it["clips"][0]["custody"]["files"][0],
        lambda it: it["clips"][0]["proxies"][1],
        lambda it: it["undelivered"][0],
    )
    for part in parts:
        for key in part(told):
            less = copy.deepcopy(told)
            del part(less)[key]
            assert not shape.is_valid(less), key
        more = copy.deepcopy(told)
        part(more)["extra"] = 1
        assert not shape.is_valid(more)


def test_the_schema_knows_the_words_that_the_code_knows() -> None:
    kinds = SCHEMA["$defs"]
    assert set(SCHEMA["properties"]["card"]["properties"]["vendor"]["enum"]) == set(Vendor)
    assert set(kinds["clip"]["properties"]["timecode_from"]["enum"]) == set(TimecodeSource)
    assert set(kinds["custody"]["properties"]["status"]["enum"]) == set(Custody)
    assert set(kinds["proxy"]["properties"]["twin"]["enum"]) == set(Twin)
    stopped = SETTLED_STATES - {ClipState.DELIVERED, ClipState.FILED}
    assert set(kinds["undelivered"]["properties"]["state"]["enum"]) == stopped
