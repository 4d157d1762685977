"""What lies in a roll's folder once a card is through, as editorial finds it."""

from __future__ import annotations

import copy
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cart import HELD, Cart, reference, seal
from footage import footage
from jsonschema import Draft202012Validator

from daemon.sidecars.ascmhl import parse_generation
from daemon.slate import ASSISTS, SEQUENCE, Custody, Twin, Vendor
from daemon.states import SETTLED_STATES, ClipState
from daemon.undone import STEPS
from engines.media.essence import TimecodeSource
from engines.media.preset import Wrapper
from engines.model.noise import NoiseProfile

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "nearset.schema.json").read_text(encoding="utf-8"))
DAY_SCHEMA: dict[str, Any] = json.loads((DOCS / "nearset-day.schema.json").read_text(encoding="utf-8"))


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
    monkeypatch.setattr("engines.model.still_noise.first_noise", lambda _: NoiseProfile(math.nan, 1e-6))
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
        lambda it: it["clips"][0]["proxies"][1]["renditions"][0],
        lambda it: it["clips"][0]["proxies"][1]["renditions"][0]["files"][0],
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
    assert set(kinds["rendition"]["properties"]["wrapper"]["enum"]) == {*Wrapper, SEQUENCE}
    undone = kinds["clip"]["properties"]["undone"]["items"]["properties"]["asked"]["enum"]
    assert set(undone) == {*STEPS, *ASSISTS}
    stopped = SETTLED_STATES - {ClipState.DELIVERED, ClipState.FILED}
    assert set(kinds["undelivered"]["properties"]["state"]["enum"]) == stopped


def beside(folder: Path) -> set[str]:
    """The sidecars that lie in a folder itself."""
    return {path.name for path in folder.iterdir() if path.is_file()}


@pytest.mark.usefixtures("real_aaf")
def test_a_roll_and_its_day_are_handed_over_in_every_form(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    cart.card("B001C001.mov", roll="B001", first_seed=7)
    cart.serve()
    forms = {"ale", "otio", "fcpxml", "xml", "aaf", "edl"}
    assert beside(cart.delivered()) == {f"A001.{form}" for form in forms} | {"nearset.json", "current.txt", ".complete"}
    day = cart.delivered().parent
    assert beside(day) == {f"TEST_20260302.{form}" for form in forms} | {"nearset.json", ".complete"}
    rolls = {"A001/.complete", "B001/.complete"}
    vouched = json.loads((day / ".complete").read_text(encoding="utf-8"))["xxh128"]
    assert set(vouched) == beside(day) - {".complete"} | rolls
    told = json.loads((day / "nearset.json").read_text(encoding="utf-8"))
    Draft202012Validator(DAY_SCHEMA).validate(told)
    assert set(told["rolls"]) == rolls
    assert set(told["sidecars"]) == beside(day) - {"nearset.json", ".complete"}
    sidecars = {f"A001.{form}" for form in forms} | {"report/index.html", "current.txt", "provenance/root.pem"}
    assert set(cart.record()["sidecars"]) == sidecars
    assert (day / "TEST_20260302.aaf").read_bytes().startswith(bytes.fromhex("d0cf11e0a1b11ae1"))
    ale = (day / "TEST_20260302.ale").read_text(encoding="utf-8")
    assert all(name in ale for name in ("A001C001", "A001C002", "B001C001"))
    cart.assert_honest()


def test_a_day_is_not_written_again_by_a_service_that_only_starts(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    day = cart.delivered().parent
    before = {path: path.read_bytes() for path in day.iterdir() if path.is_file()}
    cart.clock.advance(3600)
    cart.serve()
    assert {path: path.read_bytes() for path in day.iterdir() if path.is_file()} == before


def test_a_day_that_a_crash_left_without_its_seal_gets_it_at_the_next_start(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (cart.delivered().parent / ".complete").unlink()
    cart.serve()
    assert (cart.delivered().parent / ".complete").is_file()
    cart.assert_honest()


def test_roll_and_day_follow_a_new_revision_and_no_seal_lies_on_the_way(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov", "A001C002.mov")
    seal_of_day = cart.delivered().parent / ".complete"
    with cart.shift() as shift:
        shift.drive()
        first = seal_of_day.read_bytes()
        cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}", encoding="utf-8")
        shift.drive()  # looks at every seal at every turn
    assert seal_of_day.read_bytes() != first
    timeline = json.loads((cart.delivered() / "A001.otio").read_text(encoding="utf-8"))
    (one, _) = timeline["tracks"]["children"][0]["children"]
    assert one["media_references"]["DEFAULT_MEDIA"]["target_url"] == "proxy/A001C001_r2.mov"
    cart.assert_honest()


def unseal(cart: Cart) -> None:
    """Take the seals away before somebody meddles: what is not vouched for is no lie."""
    for seal_file in cart.delivery.rglob(".complete"):
        seal_file.unlink()


def test_a_rate_that_went_away_takes_its_sidecars_with_it_but_an_editors_own_file_stays(cart: Cart) -> None:
    cart.recipe.write_text("clips: {A001C002: {source: {rate: 25}}}", encoding="utf-8")
    cart.card("A001C001.mov", "A001C002.mov")
    folder = cart.delivered()
    with cart.shift() as shift:
        shift.drive()
        assert {"A001_25.ale", "A001_25.otio", "A001_25.aaf"} <= beside(folder)
        unseal(cart)
        (folder / "A001_25.xml").write_text("<xmeml>an editor's cut</xmeml>")
        (folder / "notes.edl").write_text("mine")
        cart.recipe.write_text("", encoding="utf-8")
        shift.drive()
    assert {name for name in beside(folder) if "_25" in name} == {"A001_25.xml"}
    assert "notes.edl" in beside(folder)
    assert not [name for name in cart.record()["sidecars"] if "_25" in name]
    cart.assert_honest()


def test_where_an_edl_would_lie_there_is_none_and_the_record_says_why(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1, rate=Fraction(30000, 1001), start="01:00:00:00")})
    seal(roll)
    cart.serve()
    assert "A001.edl" not in beside(cart.delivered())
    assert "A001.otio" in beside(cart.delivered())
    assert set(cart.record()["left_out"]) == {"A001.edl"}
    cart.assert_honest()


def test_the_reference_tool_verifies_a_delivery_generation_by_generation(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov", "A001C002.mov")
    folder = cart.delivered()
    with cart.shift() as shift:
        shift.drive()
        assert reference(folder) == 0
        cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}", encoding="utf-8")
        shift.drive()
    first, second = sorted((folder / "ascmhl").glob("*.mhl"))
    assert {entry.path for entry in parse_generation(second.read_bytes()).entries} == {
        "proxy/A001C001_r2.mov",
        "enhanced/A001C001_r2.mov",
    }
    assert len(parse_generation(first.read_bytes()).entries) == 4
    assert reference(folder) == 0
    (folder / "proxy" / "A001C002.mov").write_bytes(b"another")
    assert reference(folder) == 11


def test_a_generation_that_a_crash_left_outside_its_chain_goes_with_the_next(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov")
    folder = cart.delivered()
    with cart.shift() as shift:
        shift.drive()
        stray = folder / "ascmhl" / "0002_A001_2026-03-02_175959Z.mhl"
        stray.write_bytes(b"half of a day")
        cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}", encoding="utf-8")
        shift.drive()
    assert not stray.exists()
    assert len(list((folder / "ascmhl").glob("*.mhl"))) == 2
    cart.assert_honest()


def test_a_delivered_history_that_somebody_changed_is_never_continued(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        (generation,) = (cart.delivered() / "ascmhl").glob("*.mhl")
        unseal(cart)
        generation.write_bytes(generation.read_bytes() + b" ")
        cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}", encoding="utf-8")
        shift.drive()
        (trouble,) = shift.production.unwritten.values()
    assert "was changed" in trouble.why
    assert not (cart.delivered() / ".complete").exists()
