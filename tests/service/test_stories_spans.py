"""A recording over two rolls: its halves wait for each other, are delivered in part, and are completed."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cart import DELIVERED, Cart, seal
from footage import footage

from daemon import cli

sys.path.insert(0, str(Path(__file__).parents[1] / "cards"))
from test_spans import shot

FILED = "filed"


def p2(cart: Cart, roll: str, name: str, *, before: str = "", after: str = "", **words: Any) -> Path:
    """Offload a P2 card of one clip, sealed."""
    folder = cart.roll(roll)
    xml = shot(name, before, after)
    cart.put(folder, {f"CONTENTS/VIDEO/{name}.MXF": footage(**words), f"CONTENTS/CLIP/{name}.XML": xml})
    seal(folder)
    cart.remember(folder)
    return folder


def first_half(cart: Cart) -> Path:
    return p2(cart, "P001", "0001AB", after="0002CD", seed=1, start="01:00:00:00")


def second_half(cart: Cart, start: str = "01:00:00:06") -> Path:
    return p2(cart, "P002", "0002CD", before="0001AB", seed=2, start=start)


def marks(cart: Cart, roll: str = "P001") -> list[str]:
    return [mark for proxy in cart.record(roll)["clips"][0]["proxies"] for mark in proxy["marks"]]


def made(cart: Cart, roll: str = "P001") -> dict[str, Any]:
    (clip,) = cart.record(roll)["clips"]
    return dict(clip)


def test_halves_that_are_both_here_become_one_clip_at_once(cart: Cart) -> None:
    second_half(cart)
    first_half(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"0001AB": DELIVERED, "0002CD": FILED}
        assert shift.revisions("0001AB") == [("enhanced", 1), ("plain", 1)]
    clip = made(cart)
    assert (clip["frames"], clip["start"], clip["parts"]) == (12, "01:00:00:00", ["P001/0001AB", "P002/0002CD"])
    assert {file["path"] for file in clip["custody"]["files"]} >= {
        "CONTENTS/VIDEO/0001AB.MXF",
        "P002/CONTENTS/VIDEO/0002CD.MXF",
    }
    assert set(marks(cart)) == {"spans rolls P001, P002"}
    cart.assert_honest()


def test_a_half_waits_then_is_delivered_in_part_and_completed_as_a_new_revision(cart: Cart) -> None:
    cart.words["offload"] = {"span_wait_minutes": 30}
    first_half(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("0001AB").state == "probed"
        assert "its end lies on another roll: waits 30 more minutes" in shift.waiting("0001AB")
        assert cli._exit_code(shift.service.snapshot(shift.now())) == cli.EXIT_HELD
        cart.clock.advance(29 * 60)
        shift.drive()
        assert not cart.movies()
    with cart.shift() as shift:  # a restart does not begin the wait anew
        cart.clock.advance(60)
        shift.drive()
        assert shift.clip("0001AB").state == DELIVERED
        assert set(marks(cart)) == {"in part: its end lies on another roll"}
        assert "in part: its end" in (cart.delivered("P001") / "P001.ale").read_text()
        assert made(cart)["frames"] == 6
        second_half(cart)
        shift.drive()
        assert (
            shift.revisions("0001AB") == [("enhanced", 1), ("plain", 1), ("enhanced", 2), ("plain", 2)]
            or len(shift.revisions("0001AB")) == 4
        )
        assert shift.clip("0002CD").state == FILED
    clip = made(cart)
    assert (clip["frames"], clip["current"]["plain"]) == (12, "proxy/0001AB_r2.mov")
    assert not any("in part" in mark for proxy in clip["proxies"] if proxy["revision"] == 2 for mark in proxy["marks"])
    assert "0001AB_r2.mov" in (cart.delivered("P001") / "P001.ale").read_text()
    cart.assert_honest()


def test_a_half_that_became_ready_while_the_clock_was_years_ahead_waits_no_longer_for_it(cart: Cart) -> None:
    cart.words["provenance"] = {"sign": False}  # a key that was made then signs nothing before
    cart.clock._utc += timedelta(days=1000)
    first_half(cart)
    with cart.shift() as shift:
        shift.drive()
        assert "its end lies on another roll" in shift.waiting("0001AB")
        cart.clock._utc -= timedelta(days=1000)
        shift.drive()
        assert shift.clip("0001AB").state == DELIVERED
    assert set(marks(cart)) == {"in part: its end lies on another roll"}


def test_a_second_half_alone_waits_is_delivered_and_the_first_is_whole_when_it_comes(cart: Cart) -> None:
    cart.words["offload"] = {"span_wait_minutes": 10}
    second_half(cart)
    with cart.shift() as shift:
        shift.drive()
        assert "its beginning lies on another roll" in shift.waiting("0002CD")
        cart.clock.advance(600)
        shift.drive()
        assert set(marks(cart, "P002")) == {"in part: its beginning lies on another roll"}
        first_half(cart)
        shift.drive()
        assert shift.clip("0002CD").state == DELIVERED, "what was delivered stays"
    assert made(cart)["frames"] == 12
    assert made(cart, "P002")["frames"] == 6
    cart.assert_honest()


@pytest.mark.parametrize("start", ["01:00:00:07", "02:00:00:00"])
def test_a_card_does_not_make_anothers_clip_longer_by_its_word_alone(cart: Cart, start: str) -> None:
    cart.words["offload"] = {"span_wait_minutes": 0}
    first_half(cart)
    second_half(cart, start)
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("0001AB").state == shift.clip("0002CD").state == DELIVERED
        assert len(shift.revisions("0001AB")) == 2
    assert (made(cart)["frames"], made(cart, "P002")["frames"]) == (6, 6)
    assert made(cart)["parts"] == []
    cart.assert_honest()


def test_cards_that_name_each_other_in_a_circle_or_twice_are_delivered_all_the_same(cart: Cart) -> None:
    cart.words["offload"] = {"span_wait_minutes": 0}
    p2(cart, "P001", "0001AB", before="0002CD", after="0002CD", seed=1, start="01:00:00:00")
    p2(cart, "P002", "0002CD", before="0001AB", after="0001AB", seed=2, start="01:00:00:06")
    p2(cart, "P003", "0003EF", before="0001AB", seed=3, start="01:00:00:06")
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("0001AB").state == shift.clip("0003EF").state == DELIVERED
        assert shift.clip("0002CD").state == FILED
    assert (made(cart)["frames"], made(cart, "P003")["frames"]) == (12, 6)
    cart.assert_honest()


def test_three_cards_make_one_clip(cart: Cart) -> None:
    p2(cart, "P003", "0003EF", before="0002CD", seed=3, start="01:00:00:12")
    p2(cart, "P002", "0002CD", before="0001AB", after="0003EF", seed=2, start="01:00:00:06")
    first_half(cart)
    with cart.shift() as shift:
        shift.drive()
        assert {shift.clip(name).state for name in ("0002CD", "0003EF")} == {FILED}
    assert (made(cart)["frames"], len(made(cart)["parts"])) == (18, 3)
    cart.assert_honest()


def test_a_part_whose_files_change_after_it_was_delivered_is_held(cart: Cart) -> None:
    first_half(cart)
    roll = second_half(cart)
    with cart.shift() as shift:
        shift.drive()
        (roll / "CONTENTS" / "VIDEO" / "0002CD.MXF").write_bytes(footage(9, start="01:00:00:06"))
        shift.drive()
        assert shift.clip("0002CD").trouble.code == "clip.source_changed"
        assert shift.clip("0001AB").state == DELIVERED
    assert len(cart.movies()) == 2


def test_chapters_that_come_later_complete_a_delivered_clip(cart: Cart) -> None:
    cart.words["offload"] = {"require_manifest": False}
    roll = cart.roll("G001")
    names = [f"DCIM/100GOPRO/GX0{chapter}0123.MP4" for chapter in (1, 2, 3)]
    chapters = {name: footage(n, start=f"01:00:00:{6 * n:02}") for n, name in enumerate(names)}
    cart.put(roll, {names[0]: chapters[names[0]], names[2]: chapters[names[2]]})
    with cart.shift() as shift:
        shift.drive()
        assert shift.states()["GX010123"] == DELIVERED
        assert shift.states()["GX030123"] == "probed", "behind the gap it waits for what is before"
        assert shift.production.store.cards()[0].missing == ("GX0123 part 2",)
        cart.put(roll, {names[1]: chapters[names[1]]})
        cart.remember(roll)
        shift.drive()
        assert shift.clip("GX010123").state == DELIVERED
        assert shift.clip("GX030123").state == FILED
        assert sorted(shift.revisions("GX010123")) == [("enhanced", 1), ("enhanced", 2), ("plain", 1), ("plain", 2)]
    clip = made(cart, "G001")
    assert (clip["frames"], cart.record("G001")["missing"]) == (18, [])
    assert json.loads((cart.delivered("G001") / "nearset.json").read_text())["clips"][0]["current"]
    cart.assert_honest()


def test_an_index_that_settles_late_joins_what_was_taken_for_two(cart: Cart) -> None:
    roll = cart.roll("P001")
    cart.put(
        roll,
        {
            "CONTENTS/VIDEO/0001AB.MXF": footage(1, start="01:00:00:00"),
            "CONTENTS/VIDEO/0002CD.MXF": footage(2, start="01:00:00:06"),
        },
    )
    with cart.shift() as shift:
        shift.ticks(6)
        assert {"0001AB", "0002CD"} <= shift.states().keys()
        cart.put(
            roll,
            {
                "CONTENTS/CLIP/0001AB.XML": shot("0001AB", "", "0002CD"),
                "CONTENTS/CLIP/0002CD.XML": shot("0002CD", "0001AB", ""),
            },
        )
        seal(roll)
        cart.remember(roll)
        shift.drive()
        assert shift.clip("0002CD").state == FILED
    assert made(cart)["frames"] == 12
    assert made(cart)["parts"] == []
    cart.assert_honest()
