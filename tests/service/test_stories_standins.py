"""Stories of what stands in for camera raw, and of the papers on a card."""

from __future__ import annotations

from cart import DELIVERED, HELD, Cart, seal
from footage import footage

RAW = b"RED2" + bytes(64)


def transcodes(cart: Cart) -> None:
    folder = cart.folder / "transcodes" / "day1"
    folder.mkdir(parents=True)
    (folder / "A001C002.mov").write_bytes(footage(2))
    cart.words["offload"] = {"stand_ins": {"folders": ["transcodes"]}}


def test_a_dits_transcode_stands_in_for_raw_and_the_delivery_says_so(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C002.R3D": RAW})
    seal(roll)
    cart.remember(roll)
    transcodes(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C002": DELIVERED}
    (clip,) = cart.record()["clips"]
    assert clip["proxies"][0]["marks"] == ["stand-in for R3D: day1/A001C002.mov"]
    assert "by its name alone" in clip["notes"][0]
    cart.assert_honest()


def test_without_leave_nothing_stands_in(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.R3D": RAW})
    seal(roll)
    (cart.folder / "transcodes").mkdir()
    (cart.folder / "transcodes" / "A001C002.mov").write_bytes(footage(2))
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": "undecodable"}


def test_a_stand_in_that_arrives_later_is_found_when_asked_to_try_again(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C002.R3D": RAW})
    seal(roll)
    cart.words["offload"] = {"stand_ins": {"folders": ["transcodes"]}}
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C002": "undecodable"}
    transcodes(cart)
    cart.retry("A001C002")
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C002": DELIVERED}
    cart.assert_honest()


def test_a_cards_papers_are_proven_and_filed(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "thumbs/A001C001.jpg": b"jpeg", "notes.txt": b"slate 12"})
    seal(roll)
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "(card files)": "filed"}
    assert cart.complete()["undelivered"] == []
    cart.assert_honest()


def test_a_damaged_paper_is_told_and_holds_no_clip(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "notes.txt": b"slate 12"})
    seal(roll)
    (roll / "notes.txt").write_bytes(b"slate 13")
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "(card files)": HELD}
    (left,) = cart.complete()["undelivered"]
    assert (left["clip"], left["code"]) == ("(card files)", "clip.bad_hash")
    assert "notes.txt" in left["what"]
    cart.assert_honest()


def test_a_link_among_the_transcodes_stands_in_for_nothing_and_stops_nobody(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.R3D": RAW})
    seal(roll)
    transcodes(cart)
    moved = cart.folder / "elsewhere.mov"
    transcode = cart.folder / "transcodes" / "day1" / "A001C002.mov"
    transcode.rename(moved)
    transcode.symlink_to(moved)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": "undecodable"}
