from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from cart import DELIVERED, HELD, Cart, seal
from footage import footage

from daemon.errors import ConfigError
from daemon.stages import intake

ODD = {
    "A001 C001 take 2": 1,
    "Größe_東京_ß": 2,
    "<script>alert(1)<": 3,
    "x" * 200: 4,
    "A001:C005": 5,
    "A001*C005": 6,
    "CON": 7,
    "-rf": 8,
    "a'b\"c&d": 9,
}


def test_odd_names_are_delivered_under_names_that_every_system_takes(cart: Cart) -> None:
    roll = cart.roll("Tag & Nacht <i>")
    cart.put(roll, {f"{name}.mov": footage(seed) for name, seed in ODD.items()})
    seal(roll)
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == dict.fromkeys(ODD, DELIVERED)
    names = [Path(path) for path in cart.movies()]
    assert len(names) == 2 * len(ODD)
    assert all(
        set(str(path)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") for path in names
    )
    assert len({path.name.lower() for path in names if path.parent.name == "proxy"}) == len(ODD)
    (folder,) = {path.parent.parent for path in names}
    report = (cart.delivery / folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)<" not in report
    assert "<i>" not in report
    told = json.loads((cart.delivery / folder / "nearset.json").read_text(encoding="utf-8"))
    assert {clip["name"] for clip in told["clips"]} == set(ODD)
    cart.assert_honest()


def test_names_that_come_later_and_collide_when_made_safe_take_nothing_from_earlier_ones(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001 C001.mov": footage(1)})
    seal(roll)
    with cart.shift() as shift:
        shift.drive()
        cart.put(roll, {"A001+C001.mov": footage(2), "A001!C001.mov": footage(3)})
        seal(roll)
        cart.remember(roll)
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
        assert all(len(shift.proxies(clip.name)) == 2 for clip in shift.clips())
    assert len(cart.movies()) == 6
    cart.assert_honest()


def test_names_that_differ_in_case_alone_stay_apart(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"take.mov": footage(1), "TAKE.mov": footage(2)})
    seal(roll)
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
    assert len({path.lower() for path in cart.movies()}) == 4
    cart.assert_honest()


def test_rolls_whose_names_are_alike_when_made_safe_do_not_share_a_folder(cart: Cart) -> None:
    cart.card("C001.mov", roll="A 1")
    cart.card("C001.mov", roll="A+1", first_seed=5)
    with cart.shift() as shift:
        shift.drive()
        states = sorted(shift.clip_states())
        assert states == [DELIVERED, HELD]
        (held,) = [clip for clip in shift.clips() if clip.state == HELD]
        assert held.trouble.code == "card.roll_name_taken"
    cart.assert_honest()


def test_a_link_in_a_roll_leads_nowhere(cart: Cart) -> None:
    secret = cart.folder / "secret.mov"
    secret.write_bytes(footage(9))
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1)})
    (roll / "A001C002.mov").symlink_to(secret)
    seal(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(9)})
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": HELD}
    cart.assert_honest()


def test_two_services_never_serve_one_production(cart: Cart) -> None:
    with cart.shift(), pytest.raises(ConfigError, match="served already"), cart.shift():
        pass


@pytest.mark.parametrize(
    "words",
    [
        {"offload": {"roots": ["offload"]}},
        {"offload": {"roots": ["offload/20260302"]}},
        {"offload": {"roots": ["delivery"]}},
        {"offload": {"roots": ["elsewhere"]}, "delivery": {"root": "offload"}},
    ],
)
def test_two_productions_never_overlap(cart: Cart, words: dict[str, object]) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    other = Cart(cart.folder, {"production": {"code": "OTHER"}, "state": {"root": "state"}, **words})
    with pytest.raises(ConfigError, match="overlap"), other.shift():
        pass
    cart.assert_honest()


def test_two_productions_share_delivery_and_state_roots_in_folders_of_their_own(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    other = Cart(cart.folder, {"production": {"code": "OTHER"}, "offload": {"roots": ["other"], "settle_seconds": 1}})
    (cart.folder / "other").mkdir()
    with other.shift() as shift:
        shift.drive()
        assert shift.clips() == []
    cart.assert_honest()


def test_a_roll_that_was_delivered_keeps_its_name_whatever_the_configuration_says_later(cart: Cart) -> None:
    roll = cart.card("A001C001.mov")
    cart.serve()
    place = roll.relative_to(cart.offload).as_posix()
    cart.words = {"offload": {"roots": ["offload"], "settle_seconds": 1, "roll_names": {place: "B002"}}}
    cart.put(roll, {"A001C002.mov": footage(2)})
    seal(roll)
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
    assert {clip["name"] for clip in cart.record("A001")["clips"]} == {"A001C001", "A001C002"}
    cart.assert_honest()


def test_what_an_editor_puts_beside_a_delivery_stays(cart: Cart) -> None:
    roll = cart.card("A001C001.mov")
    cart.serve()
    notes = cart.delivered() / "A001 pulls.ale"
    notes.write_text("an editor's own")
    cart.put(roll, {"A001C002.mov": footage(2)})
    seal(roll)
    cart.remember(roll)
    cart.serve()
    assert notes.read_text() == "an editor's own"
    cart.assert_honest()


def test_a_list_of_a_rate_that_went_away_goes_too(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(2, rate=Fraction(25))})
    seal(roll)
    cart.remember(roll)
    cart.recipe.write_text("defaults: {}\n")
    with cart.shift() as shift:
        shift.drive()
        assert {path.name for path in cart.delivered().glob("*.ale")} == {"A001.ale", "A001_25.ale"}
        cart.recipe.write_text("clips: {A001C002: {source: {rate: 24}}}\n")
        shift.drive()
        assert shift.revisions("A001C002") == [("enhanced", 1), ("enhanced", 2), ("plain", 1), ("plain", 2)]
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    assert {path.name for path in cart.delivered().glob("*.ale")} == {"A001.ale"}
    cart.assert_honest()


def test_long_names_that_begin_alike_give_each_clip_a_reel_of_its_own(cart: Cart) -> None:
    names = [f"Interview_with_the_director_of_photography_{number}.mov" for number in range(4)]
    cart.card(*names)
    cart.serve()
    reels = [clip["reel"] for clip in cart.record()["clips"]]
    assert reels[:3] == [
        "Interview_with_the_director_of_p",
        "A001_Interview_with_the_director",
        "A001_Interview_with_the_direct-2",
    ]
    assert len(set(reels)) == 4
    assert max(map(len, reels)) == 32
    cart.assert_honest()


def test_a_link_that_comes_later_is_told_too_and_once(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    skipped: list[str] = []
    say = SimpleNamespace(info=lambda *_, **__: None, warning=lambda _, **words: skipped.append(words["path"]))
    monkeypatch.setattr(intake, "get", lambda: say)
    roll = cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        (roll / "A001C002.mov").symlink_to("/etc/passwd")
        shift.ticks(4)
        assert [path.rpartition("/")[2] for path in skipped] == ["A001C002.mov"]
