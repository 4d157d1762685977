from __future__ import annotations

import os
import shutil

from cart import DELIVERED, HELD, Cart, legacy, seal
from footage import footage

from daemon.scan import Scan


def test_a_card_is_offloaded_and_delivered_twice_over(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    assert cart.movies() == [
        "20260302/A001/enhanced/A001C001.mov",
        "20260302/A001/enhanced/A001C002.mov",
        "20260302/A001/proxy/A001C001.mov",
        "20260302/A001/proxy/A001C002.mov",
    ]
    assert len(cart.complete()["xxh128"]) >= 4
    cart.assert_honest()


def test_a_card_pulled_in_the_middle_of_a_file_waits_and_goes_on_when_it_is_finished(cart: Cart) -> None:
    roll, second = cart.roll(), footage(2)
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": second[: len(second) // 2]})
    with cart.shift() as shift:
        shift.ticks(10)
        assert shift.states() == {"A001C001": "quiet", "A001C002": "quiet"}
        assert "manifest" in shift.waiting("A001C001")
        assert not cart.movies()
        with (roll / "A001C002.mov").open("ab") as file:
            file.write(second[len(second) // 2 :])
        seal(roll)
        cart.remember(roll)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
    cart.assert_honest()


def test_a_half_copied_clip_is_held_by_its_hash_while_the_others_go_on_and_goes_on_itself(cart: Cart) -> None:
    roll, second = cart.roll(), footage(2)
    seal(roll, {"A001C001.mov": footage(1), "A001C002.mov": second})
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": second[: len(second) // 2]})
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": HELD}
        assert shift.clip("A001C002").trouble.code == "clip.bad_hash"
        with (roll / "A001C002.mov").open("ab") as file:
            file.write(second[len(second) // 2 :])
        cart.remember(roll)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    assert not cart.complete()["undelivered"]
    cart.assert_honest()


def test_a_resumed_offload_brings_a_second_generation_and_redoes_nothing(cart: Cart) -> None:
    roll, first, second = cart.roll(), footage(1), footage(2)
    cart.put(roll, {"A001C001.mov": first})
    seal(roll, {"A001C001.mov": first})
    with cart.shift() as shift:
        shift.drive()
        before = {path: (cart.delivery / path).stat().st_mtime_ns for path in cart.movies()}
        cart.put(roll, {"A001C002.mov": second})
        seal(roll, {"A001C001.mov": first}, {"A001C002.mov": second})
        cart.remember(roll)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    assert before == {path: (cart.delivery / path).stat().st_mtime_ns for path in before}
    assert len(cart.record()["clips"]) == 2
    cart.assert_honest()


def test_two_legacy_lists_of_a_resumed_offload_add_up(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "first.mhl": legacy({"A001C001.mov": footage(1)})})
    with cart.shift() as shift:
        shift.drive()
        cart.put(roll, {"A001C002.mov": footage(2), "second.mhl": legacy({"A001C002.mov": footage(2)})})
        cart.remember(roll)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
    cart.assert_honest()


def test_a_preallocated_file_is_held_by_its_hash_and_goes_on_when_its_bytes_are_right(cart: Cart) -> None:
    roll, data = cart.roll(), footage(1)
    seal(roll, {"A001C001.mov": data})
    cart.put(roll, {"A001C001.mov": bytes(len(data))})
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "clip.bad_hash")
        with (roll / "A001C001.mov").open("r+b") as file:
            file.write(data)
        cart.remember(roll)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_copy_that_keeps_its_mtime_is_not_taken_for_an_old_file(cart: Cart) -> None:
    roll, data = cart.roll(), footage(1)
    seal(roll, {"A001C001.mov": data})
    path = roll / "A001C001.mov"
    with cart.shift() as shift:
        for end in range(1, 6):
            path.write_bytes(data[: len(data) * end // 6])
            os.utime(path, (1_000_000_000, 1_000_000_000))
            shift.tick()
            assert shift.states() == {"A001C001": "discovered"}
            assert "still being copied" in shift.waiting("A001C001")
        path.write_bytes(data)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        cart.remember(roll)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_file_that_the_manifest_names_and_the_folder_lacks_is_held_by_name(cart: Cart) -> None:
    roll = cart.roll()
    seal(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(2)})
    cart.put(roll, {"A001C001.mov": footage(1)})
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": HELD}
        trouble = shift.clip("A001C002").trouble
        assert trouble.code == "clip.file_missing"
        assert "A001C002.mov" in trouble.what
        assert [clip["clip"] for clip in cart.complete()["undelivered"]] == ["A001C002"]
        cart.put(roll, {"A001C002.mov": footage(2)})
        cart.remember(roll)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
    assert not cart.complete()["undelivered"]
    cart.assert_honest()


def test_a_roll_that_is_renamed_before_its_manifest_came_is_not_waited_for(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1)})
    with cart.shift() as shift:
        shift.drive()
        assert "waits for a manifest" in shift.waiting("A001C001")
    seal(renamed := roll.rename(roll.with_name("A001B")))
    cart.remember(renamed)
    with cart.shift() as shift:  # it has never seen the folder under its old name
        shift.drive()
        gone, came = shift.clips()
        assert (gone.state, gone.trouble.code, shift.production.waiting) == (HELD, "clip.file_missing", {})
        assert "does not hold it any more" in gone.trouble.why
        assert "renamed" in gone.trouble.fix
        assert (came.name, came.state) == ("A001C001", DELIVERED)
    cart.assert_honest()


def test_a_roll_that_goes_while_it_is_copied_keeps_no_service_waiting(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": b"a part", "A001C002.R3D": b"RED2" + bytes(64)})
    with cart.shift() as shift:
        shift.ticks(2)
        shutil.rmtree(roll)
        shift.drive()
        assert shift.states() == {"A001C001": HELD, "A001C002": HELD}
        cart.put(roll, {"A001C001.mov": footage(1)})
        seal(roll)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": HELD}


def test_a_folder_that_cannot_be_read_any_more_is_said_and_not_taken_for_gone(cart: Cart, monkeypatch) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1)})
    with cart.shift() as shift:
        shift.drive()
    unread = Scan({}, [("20260302", "Permission denied")], 0.0, ("20260302",))
    monkeypatch.setattr("daemon.stages.intake.scan", lambda _: unread)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": "quiet"}
        assert shift.waiting("A001C001") == "cannot be looked at: 20260302 cannot be read"


def test_the_same_card_in_another_folder_is_a_duplicate_and_nothing_is_redone(cart: Cart) -> None:
    roll = cart.card("A001C001.mov", "A001C002.mov")
    with cart.shift() as shift:
        shift.drive()
        again = roll.with_name("A001 again")
        shutil.copytree(roll, again)
        cart.remember(again)
        renders = cart.hands.done.count("render")
        shift.drive()
        assert sorted(shift.clip_states()) == [DELIVERED, DELIVERED, "duplicate", "duplicate"]
        assert cart.hands.done.count("render") == renders
    assert len(cart.movies()) == 4
    cart.assert_honest()


def test_another_card_under_a_used_roll_name_is_held_until_it_is_named(cart: Cart) -> None:
    cart.card("A001C001.mov")
    other = cart.card("A001C101.mov", first_seed=7, day="20260303")
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C101": HELD}
        trouble = shift.clip("A001C101").trouble
        assert trouble.code == "card.roll_name_taken"
        assert "roll_names" in trouble.fix
    place = other.relative_to(cart.offload).as_posix()
    cart.words = {"offload": {"roots": ["offload"], "settle_seconds": 1, "roll_names": {place: "A001B"}}}
    cart.retry("A001C101")
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
    assert cart.record("A001B", "20260303")["clips"][0]["name"] == "A001C101"
    cart.assert_honest()


def test_without_a_manifest_a_card_waits_and_says_why(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1)})
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": "quiet"}
        seen = shift.service.snapshot(shift.now())
        assert "waits for a manifest" in seen.cards[0].clips[0].why
    assert not cart.delivery.exists()
    cart.assert_honest()


def test_without_a_manifest_and_none_required_it_is_delivered_and_stamped_unverified(cart: Cart) -> None:
    cart.words = {"offload": {"roots": ["offload"], "settle_seconds": 1, "require_manifest": False}}
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1)})
    cart.remember(roll)
    cart.serve()
    (clip,) = cart.record()["clips"]
    assert clip["custody"]["status"] == "unverified"
    assert all("unverified" in proxy["marks"] for proxy in clip["proxies"])
    cart.assert_honest()


def test_camera_raw_is_told_by_name_while_the_rest_of_the_card_goes_on(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.R3D": b"RED2" + bytes(64)})
    seal(roll)
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": "undecodable"}
        assert "R3D" in shift.clip("A001C002").trouble.what
    (left,) = cart.complete()["undelivered"]
    assert (left["clip"], left["code"]) == ("A001C002", "media.undecodable")
    cart.assert_honest()


def test_a_copy_that_was_sealed_first_is_not_made_again_from_the_card_that_waited(cart: Cart) -> None:
    first = cart.roll("A001")
    cart.put(first, {"A001C001.mov": footage(1)})
    with cart.shift() as shift:
        shift.drive()
        cart.card("A001C001.mov", roll="A001_copy")
        shift.drive()
        assert shift.clip_states() == ["quiet", DELIVERED]
        seal(first)
        shift.drive()
        assert shift.clip_states() == ["duplicate", DELIVERED]
    assert len(cart.movies()) == 2
    cart.assert_honest()


def test_a_clip_that_the_cards_index_names_and_nobody_copied_is_told(cart: Cart) -> None:
    roll = cart.roll("A007")
    index = b"Heading\n\nColumn\nName\tTape\n\nData\nA007C002_260302_R1JL\tA007\n"
    cart.put(roll, {"A007C001_260302_R1JL.mov": footage(1), "A007.ale": index})
    seal(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("A007C001_260302_R1JL").state == DELIVERED
        (card,) = shift.service.snapshot(shift.now()).cards
        assert card.missing == ("A007C002_260302_R1JL",)
    assert cart.complete("A007")["missing"] == ["A007C002_260302_R1JL"]
