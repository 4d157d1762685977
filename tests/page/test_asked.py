"""What buttons do: they leave what the command line leaves, and the service does it at its next turn."""

from __future__ import annotations

import errno
import os

import pytest
from cart import Cart
from premises import QUOTES, Reader, asked, clip_id, desk_of

from daemon.requests import only
from daemon.states import ClipState
from daemon.statusfile import write_status


@pytest.mark.parametrize("wish", ["retry", "first", "last", "usual"])
def test_a_clip_is_asked_for_by_a_name_that_means_no_other(dressed_cart: Cart, reader: Reader, wish: str) -> None:
    answer = reader.presses(f"/clips/{clip_id(dressed_cart, QUOTES)}/{wish}")
    assert "taken up at the next turn" in answer.text
    assert "onmouseover='" not in answer.text
    ((said, pattern),) = asked(dressed_cart)
    assert said == wish
    with dressed_cart.shift() as shift:
        assert [clip.name for clip in shift.production.store.clips_named(pattern)] == [QUOTES]


def test_a_name_with_wildcards_in_it_stands_for_itself(empty_cart: Cart) -> None:
    from footage import footage

    roll = empty_cart.roll("A[0]1*")
    empty_cart.put(roll, {"A*C?[1].mov": footage(1), "AxCy1.mov": footage(2)})
    with empty_cart.shift() as shift:
        shift.ticks(4)
        store = shift.production.store
        (card,) = store.cards()
        assert [clip.name for clip in store.clips_named(only(card.roll, "A*C?[1]"))] == ["A*C?[1]"]
        assert len(store.clips_named(only(card.roll))) == 2


def test_all_of_a_card_is_asked_for_at_once(dressed_cart: Cart, reader: Reader) -> None:
    assert "roll A001" in reader.presses("/cards/1/first").text
    assert asked(dressed_cart) == [("first", "A001/*")]


def test_stages_are_paused_and_resumed_and_only_those_that_can_be(dressed_cart: Cart, reader: Reader) -> None:
    reader.presses("/stages/render/pause")
    reader.presses("/stages/refine/resume")
    assert asked(dressed_cart) == [("pause", "render"), ("resume", "refine")]
    answer = reader.presses("/stages/intake/pause")
    assert answer.status_code == 400
    assert "intake cannot be paused" in answer.text
    reader.presses("/stages/all/resume")
    assert {wish for wish, _ in asked(dressed_cart)} == {"resume"}


def test_a_model_is_rolled_back_only_while_it_is_the_one_that_was_seen(dressed_cart: Cart, reader: Reader) -> None:
    assert reader.presses(f"/models/{'a' * 64}/rollback").status_code == 200
    assert asked(dressed_cart) == [("rollback", "lite")]
    stale = reader.presses(f"/models/{'b' * 64}/rollback")
    assert stale.status_code == 404
    assert "is not active any more" in stale.text
    reader.presses(f"/models/{'a' * 64}/promote")
    assert asked(dressed_cart) == [("promote", "a" * 64)]


@pytest.mark.parametrize(
    "path",
    [
        "/clips/999/retry",
        "/clips/1/purge",
        "/cards/99/retry",
        "/stages/render/retry",
        "/models/ff/promote",
        "/cards/1/pause",
    ],
)
def test_what_is_not_known_is_not_asked(dressed_cart: Cart, reader: Reader, path: str) -> None:
    assert reader.presses(path).status_code in {400, 404}
    assert asked(dressed_cart) == []


def test_a_request_that_the_volume_of_the_state_refuses_is_told_to_who_pressed(
    dressed_cart: Cart, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state/requests/1.part")

    monkeypatch.setattr("daemon.web.asking.ask", full)
    answer = reader.presses("/clips/1/retry")
    assert answer.status_code == 503
    assert "a file or folder cannot be used" in answer.text
    assert "No space left on device (state/requests/1.part)" in answer.text


def test_a_held_clip_goes_on_once_it_was_asked_for_at_the_page(empty_cart: Cart) -> None:
    roll = empty_cart.card("A001C001.mov")
    data = (roll / "A001C001.mov").read_bytes()
    (roll / "A001C001.mov").write_bytes(data[::-1])
    with empty_cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": "held"}
        write_status(empty_cart.config.production_state, shift.service.snapshot(shift.now()))
        (roll / "A001C001.mov").write_bytes(data)
        reader = Reader(desk_of(empty_cart))
        assert 'hx-post="/clips/1/retry"' in reader.reads("/clips?show=stopped")
        reader.presses("/clips/1/retry")
        shift.drive()
        assert shift.clip("A001C001").state is ClipState.DELIVERED
        assert "Nothing stopped" in reader.reads("/clips?show=stopped")


def test_a_button_leaves_a_request_and_touches_nothing_else(dressed_cart: Cart, reader: Reader) -> None:
    before = looked_at(dressed_cart)
    reader.presses("/clips/1/first")
    assert looked_at(dressed_cart) == before
    assert asked(dressed_cart) == [("first", "A001/A001C001")]


def looked_at(cart: Cart) -> dict[str, int]:
    """When each file of the state was written last, but for requests and the memory that readers share."""
    files = (path for path in cart.config.production_state.rglob("*") if path.is_file())
    return {
        str(path): path.stat().st_mtime_ns
        for path in files
        if "requests" not in path.parts and not path.name.endswith("-shm")
    }
