from __future__ import annotations

import os

import pytest
from cart import DELIVERED, HELD, Cart, seal
from footage import footage

from daemon.hashing import hash_bytes
from daemon.volumes import write_marker


def test_a_file_that_no_camera_medium_holds_is_not_hashed_for_days(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": b"a", "A001C002.mov": footage(2)})
    seal(roll)
    os.truncate(roll / "A001C001.mov", (16 << 40) + 1)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": HELD, "A001C002": DELIVERED}
        assert "larger than any camera's file" in shift.clip("A001C001").trouble.what


def test_a_bad_hash_holds_its_clip_with_both_hashes_and_delivers_the_others(cart: Cart) -> None:
    roll, good = cart.roll(), footage(2)
    bad = good[:-1] + bytes([good[-1] ^ 1])
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": bad, "A001C003.mov": footage(3)})
    seal(roll, {"A001C001.mov": footage(1), "A001C002.mov": good, "A001C003.mov": footage(3)})
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": HELD, "A001C003": DELIVERED}
        trouble = shift.clip("A001C002").trouble
        assert trouble.code == "clip.bad_hash"
        assert f"expected {hash_bytes('xxh128', good)}" in trouble.why
        assert f"got {hash_bytes('xxh128', bad)}" in trouble.why
    (left,) = cart.complete()["undelivered"]
    assert left["why"] == trouble.why
    cart.assert_honest()


@pytest.mark.parametrize("stage", ["probe", "render"])
def test_a_file_that_changes_after_it_was_hashed_goes_back_and_is_hashed_again(cart: Cart, stage: str) -> None:
    roll, data = cart.card("A001C001.mov"), footage(1)
    path = roll / "A001C001.mov"

    def spoil() -> None:
        path.write_bytes(data[:-1] + b"?")

    cart.hands.befall(stage, spoil)
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "clip.bad_hash")
        assert not cart.movies()
        path.write_bytes(data)
        cart.remember(roll)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_change_that_keeps_size_and_mtime_is_seen_too(cart: Cart) -> None:
    roll, data = cart.card("A001C001.mov"), footage(1)
    path = roll / "A001C001.mov"
    before = path.stat().st_mtime_ns

    def spoil() -> None:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        os.utime(path, ns=(before, before))

    cart.hands.befall("render", spoil)
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("A001C001").trouble.code == "clip.bad_hash"
    assert not cart.movies()


def test_a_file_that_changes_after_delivery_is_held_and_what_was_delivered_stays(cart: Cart) -> None:
    roll, data = cart.card("A001C001.mov"), footage(1)
    with cart.shift() as shift:
        shift.drive()
        before = {path: (cart.delivery / path).read_bytes() for path in cart.movies()}
        (roll / "A001C001.mov").write_bytes(data[:-1] + b"?")
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "clip.source_changed")
        assert {path: (cart.delivery / path).read_bytes() for path in cart.movies()} == before
        (roll / "A001C001.mov").write_bytes(data)
        cart.remember(roll)
        cart.retry("A001C001")
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_delivered_file_that_is_deleted_from_the_offload_takes_nothing_back(cart: Cart) -> None:
    roll = cart.card("A001C001.mov", "A001C002.mov")
    with cart.shift() as shift:
        shift.drive()
        (roll / "A001C001.mov").unlink()
        cart.remember(roll)
        shift.drive()
        assert shift.states()["A001C002"] == DELIVERED
    assert len(cart.movies()) == 4
    cart.assert_honest()


def test_an_unmounted_root_parks_its_jobs_and_comes_back(cart: Cart) -> None:
    roll = cart.card("A001C001.mov", "A001C002.mov")
    away = cart.folder / "pulled"

    def unplug() -> None:
        cart.offload.rename(away)

    cart.hands.befall("render", unplug)
    with cart.shift() as shift:
        shift.ticks(40)
        assert str(cart.offload) in shift.production.roots_away
        assert shift.service.is_idle()
        assert not {HELD, "failed", "discovered"} & set(shift.states().values())
        assert not cart.movies()
        away.rename(cart.offload)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
        assert not shift.production.roots_away
        assert all(job.attempt <= 1 for job in shift.production.store.jobs())
    assert roll.is_dir()
    cart.assert_honest()


def test_a_root_that_goes_while_it_is_hashed_costs_no_attempt(cart: Cart) -> None:
    cart.card("A001C001.mov")
    away = cart.folder / "pulled"

    def unplug() -> None:
        cart.offload.rename(away)

    with cart.shift() as shift:
        for _ in range(6):  # more often than a job is tried
            cart.hands.befall("manifest", unplug)
            shift.ticks(8)
            assert shift.states() == {"A001C001": "manifested"}
            assert str(cart.offload) in shift.production.roots_away
            away.rename(cart.offload)
            shift.tick()
        cart.hands.mishaps.clear()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_another_volume_in_its_place_is_not_taken_for_the_root(cart: Cart) -> None:
    write_marker(cart.offload)
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        home = cart.folder / "shelf"
        cart.offload.rename(home)
        cart.offload.mkdir()
        write_marker(cart.offload)
        other = cart.card("A009C001.mov", roll="A009", first_seed=9)
        shift.ticks(20)
        assert "another volume" in shift.production.roots_away[str(cart.offload)]
        assert shift.states() == {"A001C001": DELIVERED}
        cart.offload.rename(cart.folder / "visitor")
        home.rename(cart.offload)
        shift.drive()
        assert not shift.production.roots_away
        assert shift.states() == {"A001C001": DELIVERED}
    assert not other.exists()
    assert len(cart.movies()) == 2


def test_a_root_that_is_away_at_the_start_is_waited_for(cart: Cart) -> None:
    roll = cart.card("A001C001.mov")
    away = cart.folder / "pulled"
    with cart.shift() as shift:
        shift.ticks(4)
    cart.offload.rename(away)
    with cart.shift() as shift:
        shift.ticks(10)
        assert str(cart.offload) in shift.production.roots_away
        away.rename(cart.offload)
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
    assert roll.exists()
    cart.assert_honest()


def test_a_card_that_waits_on_a_root_that_went_away_keeps_nobody_waiting(cart: Cart) -> None:
    cart.put(cart.roll(), {"A001C001.mov": footage(1)})
    with cart.shift() as shift:
        shift.drive()
        assert "manifest" in shift.waiting("A001C001")
    cart.offload.rename(cart.folder / "pulled")
    with cart.shift() as shift:
        shift.ticks(2)
        assert shift.service.is_idle(), "`once` ends"
        assert shift.service.snapshot(shift.now()).roots_away


def test_a_volume_whose_device_number_changed_is_away_until_a_person_marks_it(cart: Cart) -> None:
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.tick()
        shift.production.store.remember_root(str(cart.offload), 7, None)  # as if it were plugged in elsewhere then
    with cart.shift() as shift:
        shift.ticks(3)
        assert f"run `nearset mark {cart.offload}`" in shift.production.roots_away[str(cart.offload)]
        write_marker(cart.offload)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
