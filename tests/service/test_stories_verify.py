"""`nearset verify`: what a cutting room finds out about a drive, with the drive alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from cart import Cart
from typer.testing import CliRunner

from daemon import provenance, wire
from daemon.cli import app
from daemon.errors import DeliveryError, NearsetError
from daemon.inspection import inspect
from daemon.slate import Attest, Attested
from daemon.stages import probe
from daemon.stages.probe import ProbeTask
from engines.media.essence import Essence

CHECKS = ["record", "complete", "media", "relink contract", "custody", "signatures", "ASC MHL"]


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Movies are probed in this process, as the stories' other work is."""

    def probed_all(_children: None, tasks: list[ProbeTask]) -> list[Essence | str]:
        return [probed(task) for task in tasks]

    def probed(task: ProbeTask) -> Essence | str:
        try:
            return wire.load(probe.Probed, probe.work(wire.dump(ProbeTask, task), lambda *_: None)).essence
        except NearsetError as error:
            return error.what

    def attested(_child: None, task: Attest) -> Attested:
        return wire.load(Attested, provenance.work(wire.dump(Attest, task), lambda *_: None))

    monkeypatch.setattr("daemon.inspection.prober", lambda *_: nullcontext())
    monkeypatch.setattr("daemon.inspection.probed_all", probed_all)
    monkeypatch.setattr("daemon.inspection.attested", attested)


def faults(cart: Cart) -> dict[str, tuple[str, ...]]:
    """The faults of the one roll, by check."""
    return {check.check: check.faults for check in inspect(cart.delivered()) if check.faults}


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    change(told)
    path.write_text(json.dumps(told), encoding="utf-8")


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("above", [0, 1, 2])
def test_from_however_far_above_a_day_is_looked_at_its_rolls_are_looked_at_too(above: int, cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (cart.delivered() / "proxy" / "A001C001.mov").write_bytes(b"another movie")
    day = cart.delivered().parent
    checks = inspect([day, *day.parents][above])
    assert {check.roll for check in checks} == {"TEST/20260302", "20260302/A001"}
    assert any(check.faults for check in checks)


@pytest.mark.usefixtures("real_aaf")
def test_a_good_delivery_is_good_in_every_check_and_is_left_as_it_is(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    before = {path: path.read_bytes() for path in cart.delivery.rglob("*") if path.is_file()}
    checks = inspect(cart.delivery)  # a real child probes here
    assert [check.check for check in checks] == ["complete", *CHECKS]
    assert not [check for check in checks if check.faults]
    assert {check.check: check.count for check in checks[1:]} == {
        "record": 1,
        "complete": len(cart.complete()["xxh128"]),
        "media": 2,
        "relink contract": 2,
        "custody": 1,
        "signatures": 2,
        "ASC MHL": 3,
    }
    assert {path: path.read_bytes() for path in cart.delivery.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("at_hand")
def test_a_proxy_that_changed_is_named_wherever_somebody_vouched_for_it(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    proxy = cart.delivered() / "proxy" / "A001C001.mov"
    data = bytearray(proxy.read_bytes())
    data[len(data) // 2] ^= 1
    proxy.write_bytes(data)
    found = faults(cart)
    must = {"complete", "media", "ASC MHL", "signatures"}
    assert must <= set(found) <= must | {"relink contract"}
    line = "proxy/A001C001.mov is not what was delivered: its bytes differ"
    assert found["complete"] == found["media"] == found["ASC MHL"] == (line,)


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    ("word", "value", "line"),
    [
        ("frames", 7, "frames 6 instead of 7"),
        ("rate", "25", "rate 24 instead of 25"),
        ("start", "01:00:00;00", "start timecode 01:00:00:00 instead of 01:00:00;00"),
        ("reel", "B001", "reel A001C001 instead of B001"),
        ("audio", [], "audio [(1, 48000, 12000)] instead of []"),
    ],
)
def test_a_broken_line_of_the_relink_contract_is_told(cart: Cart, word: str, value: object, line: str) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    rewrite(cart.delivered() / "nearset.json", lambda told: told["clips"][0].update({word: value}))
    assert faults(cart)["relink contract"] == tuple(f"{twin}/A001C001.mov: {line}" for twin in ("enhanced", "proxy"))


@pytest.mark.usefixtures("at_hand")
def test_custody_that_does_not_hold_is_told(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    path = cart.delivered() / "nearset.json"
    rewrite(path, lambda told: told["clips"][0]["custody"]["files"][0]["manifest"].update(xxh128="0" * 32))
    assert faults(cart)["custody"] == ("A001C001: A001C001.mov was not what its manifest says (xxh128)",)
    rewrite(path, lambda told: told["clips"][0]["custody"]["files"][0]["manifest"].clear())
    assert faults(cart)["custody"] == ("A001C001: A001C001.mov counts as verified, and no manifest names it",)


@pytest.mark.usefixtures("at_hand")
def test_a_chain_that_lacks_a_proxy_or_was_changed_is_told(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (generation,) = (cart.delivered() / "ascmhl").glob("*.mhl")
    generation.write_bytes(generation.read_bytes().replace(b"enhanced/", b"enhancer/"))
    (told,) = faults(cart)["ASC MHL"]
    assert "was changed: C4 expected" in told
    generation.unlink()
    (told,) = faults(cart)["ASC MHL"]
    assert "is missing" in told


@pytest.mark.usefixtures("at_hand")
def test_a_roll_that_is_not_complete_or_lost_a_file_is_told(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (cart.delivered() / "A001.ale").unlink()
    assert faults(cart)["complete"] == ("A001.ale is not there: no file has that name beneath the root",)
    (cart.delivered() / ".complete").unlink()
    (told,) = faults(cart)["complete"]
    assert ".complete is not there" in told


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"schema": "another"}', '{"schema": "nearset-record-1", "clips": [{}]}', "\0" * 9]
)
def test_a_record_that_makes_no_sense_is_a_fault_and_stops_nothing(cart: Cart, record: str) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    (cart.delivered() / "nearset.json").write_text(record, encoding="utf-8")
    checks = inspect(cart.delivered())
    assert [check.check for check in checks] == CHECKS
    assert any(check.faults for check in checks)


@pytest.mark.usefixtures("at_hand")
def test_a_record_cannot_lead_out_of_its_folder(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    secret = cart.delivered().parent / "secret.mov"
    secret.write_bytes(b"not theirs")
    rewrite(cart.delivered() / "nearset.json", lambda told: told["clips"][0]["proxies"][0].update(path="../secret.mov"))
    (told,) = faults(cart)["media"]
    assert "'../secret.mov' is not opened" in told


def test_where_no_delivery_is_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as told:
        inspect(tmp_path)
    assert "holds no delivery" in told.value.what


@pytest.mark.usefixtures("at_hand")
def test_the_command_shows_a_table_or_json_and_its_exit_code_tells(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    table = CliRunner().invoke(app, ["verify", str(cart.delivered())])
    assert table.exit_code == 0
    assert all(check in table.stdout for check in CHECKS)
    (cart.delivered() / "A001.otio").write_bytes(b"{}")
    plain = CliRunner().invoke(app, ["verify", str(cart.delivered()), "--json"])
    assert plain.exit_code == 4
    told = {check["check"]: check["faults"] for check in json.loads(plain.stdout)}
    assert told["complete"] == ["A001.otio is not what was delivered: its bytes differ"]
    assert not told["media"]


@pytest.mark.usefixtures("at_hand")
def test_a_word_of_a_seal_that_no_hash_covers_is_held_to_the_record(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    day = cart.delivered().parent
    assert [check.faults for check in inspect(day)] == [()] * (1 + len(CHECKS))
    rewrite(day / ".complete", lambda seal: seal.update(written_at="2026-03-03T07:00:00+00:00"))
    told = [fault for check in inspect(day) for fault in check.faults]
    assert len(told) == 1
    assert told[0].startswith(".complete says written_at 2026-03-03T07:00:00+00:00 instead of 2026-03-0")
