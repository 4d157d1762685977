"""People away from the cart are told: once, in one message however much it is, and no card waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cart import DELIVERED, Cart, Hands, Shift, trouble
from office import Office
from structlog.testing import capture_logs

from daemon.messenger import Messenger


def told(cart: Cart, office: Office, **words: object) -> None:
    cart.words |= {"notify": {"urls": [office.url]} | words, "egress": [office.host]}


@contextmanager
def watched(cart: Cart, hands: Hands | None = None) -> Iterator[tuple[Shift, Messenger]]:
    """The service, and a messenger that sends by hand."""
    with cart.shift() as shift:
        messenger = Messenger.of(cart.config, shift.production.store)
        assert messenger is not None
        messenger._open_child = lambda: hands or Hands(lag=0)
        yield shift, messenger
        messenger.close()


def look(shift: Shift, messenger: Messenger) -> None:
    messenger.look(shift.service.snapshot(shift.now()), shift.now())


def later(shift: Shift, messenger: Messenger, minutes: int) -> None:
    """So many minutes pass, in which nothing happens on the cart."""
    for _ in range(minutes):
        for _ in range(2):  # one look sends, the next one hears
            shift.cart.clock.advance(30)
            look(shift, messenger)


def test_a_card_that_is_done_is_told_once_and_not_again_after_a_restart(cart: Cart, office: Office) -> None:
    told(cart, office)
    with watched(cart) as (shift, messenger):
        look(shift, messenger)
        cart.card("A001C001.mov", "A001C002.mov")
        shift.drive()
        later(shift, messenger, 3)
        assert set(shift.clip_states()) == {DELIVERED}
    assert office.bodies == ["done: A001: 2 clips"]
    assert office.got[0]["title"] == "TEST: 1 done"
    with watched(cart) as (shift, messenger):
        shift.drive()
        later(shift, messenger, 3)
    assert len(office.got) == 1


def test_forty_held_clips_are_one_message(cart: Cart, office: Office) -> None:
    told(cart, office)
    cart.words["offload"] = {"require_manifest": False}
    with watched(cart) as (shift, messenger):
        look(shift, messenger)
        roll = cart.roll("A002")
        cart.put(roll, {f"A002C{number:03}.R3D": b"RED2" + bytes([number]) * 64 for number in range(40)})
        shift.drive()
        later(shift, messenger, 3)
    (message,) = office.got
    assert message["title"] == "TEST: 40 to look at"
    assert message["message"].startswith("needs a look: A002 40 clips (A002C000, A002C001, A002C002 and 37 more): ")
    assert "offload.stand_ins" in message["message"]
    assert "\n" not in message["message"]


def test_what_was_there_before_anybody_asked_is_no_news(cart: Cart, office: Office) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    told(cart, office)
    with watched(cart) as (shift, messenger):
        look(shift, messenger)
        cart.card("B001C001.mov", roll="B001", first_seed=7)
        shift.drive()
        later(shift, messenger, 3)
    assert office.bodies == ["done: B001: 1 clip"]


def test_an_office_that_is_away_stops_no_card_and_is_told_when_it_is_back(cart: Cart, office: Office) -> None:
    told(cart, office)
    office.status = 503
    with capture_logs() as lines, watched(cart) as (shift, messenger):
        look(shift, messenger)
        cart.card("A001C001.mov")
        shift.drive()
        later(shift, messenger, 5)
        assert shift.states() == {"A001C001": DELIVERED}
        assert office.got == []
        waits = [line for line in lines if line["event"] == "notice.waits"]
        assert 1 < len(waits) < 5, "it waits longer each time"
        assert waits[0]["to"] == f"json {office.host}"
        assert "503" in waits[0]["why"]
        office.status = 200
        later(shift, messenger, 15)
    assert office.bodies == ["done: A001: 1 clip"]


def test_news_that_nobody_takes_for_an_hour_is_dropped_and_said_so_and_what_comes_after_is_told(
    cart: Cart, office: Office
) -> None:
    told(cart, office)
    office.status = 500
    with capture_logs() as lines, watched(cart) as (shift, messenger):
        look(shift, messenger)
        cart.card("A001C001.mov")
        shift.drive()
        later(shift, messenger, 90)
        assert [line["event"] for line in lines].count("notice.dropped") == 1
        office.status = 200
        later(shift, messenger, 20)
        assert office.got == []
        cart.card("B001C001.mov", roll="B001", first_seed=7)
        shift.drive()
        later(shift, messenger, 3)
    assert office.bodies == ["done: B001: 1 clip"]


def test_only_what_was_asked_for_is_told_and_what_comes_again_is_news_again(cart: Cart, office: Office) -> None:
    told(cart, office, events=["gpu_lost"])
    with watched(cart) as (shift, messenger):
        look(shift, messenger)
        for number in range(2):
            cart.card(f"A00{number}C001.mov", roll=f"A00{number}", first_seed=number + 1)
            cart.hands.befall("render", lambda: None, trouble("engine.gpu_missing"))
            shift.drive()
            assert shift.service.snapshot(shift.now()).gpu_lost == "it stumbled: a test said so"
            later(shift, messenger, 3)
            cart.retry()
            shift.drive()
            assert shift.service.snapshot(shift.now()).gpu_lost == ""
            later(shift, messenger, 3)
    assert office.bodies == ["GPU lost: it stumbled: a test said so. nearset doctor"] * 2


def test_where_all_is_done_nobody_waits_for_the_minute_to_pass(cart: Cart, office: Office) -> None:
    told(cart, office)
    with watched(cart) as (shift, messenger):
        look(shift, messenger)
        cart.card("A001C001.mov")
        shift.drive()
        messenger.flush(shift.service.snapshot(shift.now()), shift.now)
    assert office.bodies == ["done: A001: 1 clip"]


def test_one_way_that_is_away_keeps_no_other_from_being_told(cart: Cart, office: Office) -> None:
    told(cart, office)
    cart.words["notify"] = {"urls": ["json://127.0.0.1:1/away", office.url]}
    cart.words["egress"].append("127.0.0.1:1")
    with watched(cart) as (shift, messenger):
        look(shift, messenger)
        cart.card("A001C001.mov")
        shift.drive()
        later(shift, messenger, 5)
    assert office.bodies == ["done: A001: 1 clip"]
