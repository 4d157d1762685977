"""A disk that fills up over a day: nothing is begun that does not fit, it is said, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cart import DELIVERED, Cart
from structlog.testing import capture_logs

from daemon.volumes import GIB, said, too_little

Disk = Callable[[int], None]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Sets how many bytes are free on every volume."""

    def set_free(free_bytes: int) -> None:
        for place in ("daemon.capacity.room_at", "daemon.volumes.room_at"):
            monkeypatch.setattr(place, lambda _: (100 * GIB, free_bytes))

    return set_free


def keep(cart: Cart, gib: float, **more: object) -> None:
    cart.words["delivery"] = {"keep_free_gib": gib} | more


def test_deliveries_stop_before_the_disk_is_full_and_go_on_by_themselves(cart: Cart, disk: Disk) -> None:
    keep(cart, 2)
    cart.card("A001C001.mov", "A001C002.mov")
    disk(2 * GIB)
    with capture_logs() as told, cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {"probed"}
        assert "render" not in cart.hands.done
        seen = shift.service.snapshot(shift.now())
        assert seen.no_room.startswith("deliveries wait for room: 2.0 GiB are free")
        assert "keep_free_gib" in seen.no_room
        assert {clip.why.partition(":")[0] for clip in seen.cards[0].clips} == {"deliveries wait for room"}
        shift.ticks(20)
        assert [line["event"] for line in told].count("delivery.waits") == 1
        disk(3 * GIB)
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
        assert not shift.service.snapshot(shift.now()).no_room
    (waits,) = (line for line in told if line["event"] == "delivery.waits")
    assert (waits["code"], waits["log_level"]) == ("delivery.disk_low", "warning")
    assert [line["event"] for line in told].count("delivery.goes_on") == 1
    cart.assert_honest()


def test_what_is_rendered_next_must_fit_beside_what_stays_free(cart: Cart, disk: Disk) -> None:
    keep(cart, 2)
    cart.card("A001C001.mov")
    disk(2 * GIB + 1)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": "probed"}
        shift.ticks(10)
        (volume,) = [it for it in shift.service.snapshot(shift.now()).volumes if it.name == "delivery"]
        assert volume.needed_bytes > 10_000  # both twins of it
        assert volume.is_low
        disk(2 * GIB + volume.needed_bytes)
        shift.drive()
        assert shift.states() == {"A001C001": "probed"}, "a tenth more must come back, lest it stops and goes"
        disk(3 * GIB)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}


def test_a_card_that_was_taken_away_leaves_no_trouble_behind(cart: Cart, disk: Disk) -> None:
    keep(cart, 2)
    cart.card("A001C001.mov")
    disk(0)
    with cart.shift() as shift:
        shift.drive()
        assert shift.service.snapshot(shift.now()).no_room
        cart.offload.rename(cart.folder / "ejected")
        shift.drive()
        assert not shift.service.snapshot(shift.now()).no_room


def test_a_nas_that_is_nearly_full_parks_its_deliveries_and_the_cart_goes_on(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cart.folder / "nas").mkdir()
    keep(cart, 2, targets=[{"name": "nas", "path": "nas"}])
    cart.card("A001C001.mov")
    free = {cart.folder / "nas": GIB}
    monkeypatch.setattr("daemon.capacity.room_at", lambda _: (100 * GIB, 50 * GIB))
    monkeypatch.setattr("daemon.volumes.room_at", lambda path: (100 * GIB, free.get(path, 50 * GIB)))
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        away = shift.service.snapshot(shift.now()).targets_away
        assert away == {"nas": "1.0 GiB are free, and 2.0 GiB stay free"}
        assert "deliver" not in cart.hands.done
        free.clear()
        shift.drive()
        assert not shift.service.snapshot(shift.now()).targets_away
    assert (cart.folder / "nas" / "TEST" / "20260302" / "A001" / ".complete").is_file()


def test_room_is_asked_of_the_nearest_folder_that_is_there(tmp_path: Path) -> None:
    assert too_little(tmp_path / "not" / "made" / "yet", 0) == ""
    assert too_little(tmp_path, 1 << 60).endswith(f"{said(1 << 60)} stay free")
    assert (said(3 << 30), said(5 << 20)) == ("3.0 GiB", "5.0 MiB")
