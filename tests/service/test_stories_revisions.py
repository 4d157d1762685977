"""How long revisions stay, once a proxy was made anew."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cart import Cart, Shift, reference

from daemon.holders import Use, in_use
from daemon.sidecars.ascmhl import ignore_spec, parse_generation
from daemon.states import ProxyState

OTHERWISE = ("prores_lt", "prores_hq", "prores_proxy")


def revise(cart: Cart, shift: Shift, times: int = 1) -> None:
    """The artists change their mind."""
    for codec in OTHERWISE[:times]:
        cart.recipe.write_text(json.dumps({"clips": {"A001C001": {"proxy": {"codec": codec}}}}), encoding="utf-8")
        shift.drive()


def movies(cart: Cart) -> set[str]:
    return {path.split("/", 2)[2] for path in cart.movies()}


@pytest.fixture
def keeping_two(cart: Cart) -> Cart:
    cart.words["delivery"] = {"keep_revisions": 2}
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov")
    return cart


def test_without_a_word_every_revision_stays(cart: Cart) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(3 * 86400)
        shift.drive()
    assert len(movies(cart)) == 6
    assert cart.record()["clips"][0]["let_go"] == []


def test_what_an_ale_of_the_day_named_goes_no_sooner_than_the_day_after(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(3600)
        shift.drive()
        assert len(movies(cart)) == 6
        cart.clock.advance(86400)
        shift.drive()
    assert movies(cart) == {f"{twin}/A001C001_r{n}.mov" for twin in ("proxy", "enhanced") for n in (2, 3)}
    assert not (cart.delivered() / "report" / "A001C001_plain.jpg").exists()
    (told,) = cart.record()["clips"]
    assert {(one["path"], one["revision"]) for one in told["let_go"]} == {
        ("proxy/A001C001.mov", 1),
        ("enhanced/A001C001.mov", 1),
    }
    assert [proxy["revision"] for proxy in told["proxies"]] == [2, 2, 3, 3]
    latest = parse_generation(max((cart.delivered() / "ascmhl").glob("*.mhl")).read_bytes())
    assert ignore_spec(latest.ignore).match_file("proxy/A001C001.mov")
    assert not ignore_spec(latest.ignore).match_file("proxy/A001C001_r2.mov")
    assert reference(cart.delivered()) == 0
    cart.assert_honest()


def test_the_next_revision_never_takes_the_name_of_one_that_went(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(86400)
        shift.drive()
        revise(cart, shift, 3)
    assert "proxy/A001C001_r6.mov" in movies(cart)
    assert "proxy/A001C001.mov" not in movies(cart)
    cart.assert_honest()


def test_a_volume_that_refuses_keeps_the_file_and_is_asked_again(
    keeping_two: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart = keeping_two
    unlink = Path.unlink

    def busy(path: Path, missing_ok: bool = False) -> None:
        if path.name == "A001C001.mov":
            raise PermissionError(13, "an editor has it open")
        unlink(path, missing_ok=missing_ok)

    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        monkeypatch.setattr(Path, "unlink", busy)
        cart.clock.advance(86400)
        shift.drive()
        assert len(movies(cart)) == 6
        monkeypatch.undo()
        cart.clock.advance(120)
        shift.drive()
    assert len(movies(cart)) == 4
    cart.assert_honest()


def test_a_crash_between_the_record_and_the_removal_is_taken_up(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        first = cart.delivered() / "proxy" / "A001C001.mov"
        old = next(proxy for proxy in shift.proxies("A001C001") if proxy.facts.path == "proxy/A001C001.mov")
        shift.production.store.let_go(old.id, shift.production.store.cards()[0].id)
    assert first.exists()
    cart.serve()
    assert not first.exists()
    with cart.shift() as shift:
        states = [shift.production.store.proxies(old.clip, state=state) for state in ProxyState]
    assert [len(found) for found in states] == [0, 5, 0, 1]
    cart.assert_honest()


def test_a_file_that_somebody_put_in_the_old_ones_place_stays(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        old = cart.delivered() / "proxy" / "A001C001.mov"
        old.write_bytes(b"an editor's own")
        cart.clock.advance(86400)
        shift.drive()
    assert old.read_bytes() == b"an editor's own"
    assert len(movies(cart)) == 5


@contextmanager
def an_editor_has_open(path: Path) -> Iterator[None]:
    """A process of somebody's that holds a file open."""
    code = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as editor:
        assert editor.stdout
        assert editor.stdin
        editor.stdout.readline()
        yield
        editor.stdin.close()


def without_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(descriptor: int, command: int, argument: object = 0) -> int:
        raise OSError(errno.EINVAL, "this volume gives no leases")

    monkeypatch.setattr("daemon.holders.fcntl.fcntl", refused)


def test_a_file_that_an_editor_has_open_is_never_touched_and_goes_once_it_is_closed(keeping_two: Cart) -> None:
    cart = keeping_two
    first = cart.delivered() / "proxy" / "A001C001.mov"
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(86400)
        with an_editor_has_open(first):
            shift.drive()
            assert first.exists()
            assert "proxy/A001C001.mov" in {one["path"] for one in cart.record()["clips"][0]["proxies"]}
            assert not (cart.delivered() / "enhanced" / "A001C001.mov").exists(), "nobody has its twin open"
        cart.clock.advance(120)
        shift.drive()
    assert not first.exists()
    cart.assert_honest()


def test_a_file_that_is_opened_after_the_record_let_go_of_it_stays_until_it_is_closed(keeping_two: Cart) -> None:
    cart = keeping_two
    first = cart.delivered() / "proxy" / "A001C001.mov"
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        old = next(proxy for proxy in shift.proxies("A001C001") if proxy.facts.path == "proxy/A001C001.mov")
        shift.production.store.let_go(old.id, shift.production.store.cards()[0].id)
        with an_editor_has_open(first):
            shift.drive()
            assert first.exists()
            assert "proxy/A001C001.mov" in {one["path"] for one in cart.record()["clips"][0]["let_go"]}
        cart.clock.advance(120)
        shift.drive()
    assert not first.exists()
    cart.assert_honest()


def test_where_it_cannot_be_told_who_has_a_file_open_a_replaced_one_stays_a_week(
    keeping_two: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart = keeping_two
    without_leases(monkeypatch)
    with cart.shift() as shift:
        shift.drive()
        revise(cart, shift, 2)
        cart.clock.advance(6 * 86400)
        shift.drive()
        assert len(movies(cart)) == 6
        cart.clock.advance(86400)
        shift.drive()
    assert len(movies(cart)) == 4
    cart.assert_honest()


def test_what_can_be_told_of_an_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "A001C001.mov"
    path.write_bytes(b"picture")
    with in_use(path) as use:
        assert use is Use.FREE
    with an_editor_has_open(path), in_use(path) as use:
        assert use is Use.OPEN
    with monkeypatch.context() as patch:
        patch.setattr("daemon.holders.is_network", lambda *_: True)
        with in_use(path) as use:
            assert use is Use.UNKNOWN, "another machine may have it open"
    without_leases(monkeypatch)
    with in_use(path) as use:
        assert use is Use.UNKNOWN
    with an_editor_has_open(path), in_use(path) as use:
        assert use is Use.OPEN, "its process shows it"


@pytest.mark.usefixtures("real_aaf")
def test_ale_timelines_record_and_list_follow_the_newest_revision(keeping_two: Cart) -> None:
    cart = keeping_two
    with cart.shift() as shift:
        shift.drive()
        assert (cart.delivered() / "current.txt").read_text().splitlines() == [
            "proxy/A001C001.mov\tproxy/A001C001.mov",
            "enhanced/A001C001.mov\tenhanced/A001C001.mov",
        ]
        revise(cart, shift)
    folder = cart.delivered()
    for place in (folder, folder.parent):
        for path in (*place.glob("*.ale"), *place.glob("*.otio"), *place.glob("*.fcpxml"), *place.glob("*.xml")):
            text = path.read_text(encoding="utf-8")
            assert "A001C001_r2.mov" in text, path.name
            assert "A001C001.mov" not in text, path.name
        (aaf,) = place.glob("*.aaf")
        assert "A001C001_r2.mov".encode("utf-16-le") in aaf.read_bytes()
    assert cart.record()["clips"][0]["current"]["plain"] == "proxy/A001C001_r2.mov"
    assert "proxy/A001C001.mov\tproxy/A001C001_r2.mov\n" in (folder / "current.txt").read_text()
    assert "current.txt" in cart.complete()["xxh128"]
    assert not (folder / "current").exists()
    assert reference(folder) == 0
    cart.assert_honest()


def test_links_of_one_name_lead_to_the_newest_revision(keeping_two: Cart) -> None:
    cart = keeping_two
    cart.words["delivery"] |= {"current": "links"}
    link = cart.delivered() / "current" / "proxy" / "A001C001.mov"
    with cart.shift() as shift:
        shift.drive()
        assert link.readlink() == Path("../../proxy/A001C001.mov")
        assert not (cart.delivered() / "current.txt").exists()
        revise(cart, shift)
        assert link.readlink() == Path("../../proxy/A001C001_r2.mov")
        assert link.resolve().is_file()
        cart.recipe.write_text("", encoding="utf-8")
        stray = link.with_name("gone.mov")
        stray.symlink_to("nowhere")
        own = link.parents[1] / "enhanced" / "A001C001.mov"
        own.unlink()
        own.write_bytes(b"an editor's own")
        shift.drive()
        assert link.readlink() == Path("../../proxy/A001C001_r3.mov")
        assert not stray.is_symlink()
        assert own.read_bytes() == b"an editor's own"
    own.unlink()
    assert reference(cart.delivered()) == 0
    cart.assert_honest()


def test_a_volume_without_links_gets_the_list_instead(keeping_two: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart = keeping_two
    cart.words["delivery"] |= {"current": "links"}

    def refused(path: Path, target: str) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "symlink_to", refused)
    with cart.shift() as shift:
        shift.drive()
    assert "proxy/A001C001.mov\t" in (cart.delivered() / "current.txt").read_text()
    assert "current.txt" in cart.complete()["xxh128"]
    cart.assert_honest()
