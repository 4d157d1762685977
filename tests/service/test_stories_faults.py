from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from cart import DELIVERED, HELD, Cart, Shift, looks, trouble
from footage import footage
from structlog.testing import capture_logs

from daemon.beneath import read_small
from daemon.errors import DeliveryError, SidecarError
from daemon.publish import holds
from daemon.stages.render import Render
from daemon.store import Store


def until(shift: Shift, state: str) -> None:
    for _ in range(100):
        if state in shift.clip_states():
            return
        shift.tick()
    raise AssertionError(shift.clip_states())


def test_one_clip_that_kills_its_child_fails_and_the_card_is_complete_without_it(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.hands.befall("probe", *[trouble("worker.died")] * 3)
    with cart.shift() as shift:
        began = cart.clock.monotonic()
        shift.drive()
        assert shift.states() == {"A001C001": "failed"}
        assert cart.clock.monotonic() - began > 30 + 60, "the second and third try wait"
        assert cart.hands.done.count("probe") == 3
        cart.retry("A001C001")
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert cart.hands.done.count("manifest") == 1, "what was hashed is not hashed again"
    cart.assert_honest()


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The delivery volume refuses every new name with an errno."""

    def no(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("daemon.publish.os.link", no)


def test_a_full_delivery_volume_is_retried_then_failed_with_its_reason_and_retry_delivers(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        refuse(monkeypatch, errno.ENOSPC)
        shift.drive()
        failed = shift.clip("A001C001")
        assert (failed.state, failed.trouble.code) == ("failed", "delivery.disk_full")
        assert "no room" in failed.trouble.why
        assert cart.hands.done.count("render") == 3
        assert not [path for path in cart.movies() if ".nearset-staging" not in path]
        monkeypatch.undo()
        cart.retry("A001C001")
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_room_that_comes_back_in_time_needs_nobody(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        refuse(monkeypatch, errno.ENOSPC)
        shift.ticks(30)
        assert shift.states() == {"A001C001": "probed"}
        monkeypatch.undo()
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_volume_that_fills_while_the_child_writes_fails_with_that_reason(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.card("A001C001.mov")

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("daemon.stages.rendering.fsync_file", full)
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("A001C001").trouble.code == "delivery.disk_full"
        assert not list(cart.staging.glob("*.proxy*"))
        monkeypatch.undo()
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_delivery_volume_full_to_the_last_block(cart: Cart) -> None:
    """A real small volume, where this may be mounted."""
    import subprocess

    volume = cart.folder / "delivery"
    volume.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "none", volume], capture_output=True)  # noqa: PLW1510 - looked at below
    if mounted.returncode:
        pytest.skip("a volume cannot be mounted here")
    try:
        cart.card("A001C001.mov")
        (volume / "filler").write_bytes(bytes(60_000))
        with cart.shift() as shift:
            shift.drive()
            assert shift.clip("A001C001").trouble.code == "delivery.disk_full"
            (volume / "filler").unlink()
            subprocess.run(["mount", "-o", "remount,size=8m", volume], check=True)
            cart.retry()
            shift.drive()
            assert shift.states() == {"A001C001": DELIVERED}
        cart.assert_honest()
    finally:
        subprocess.run(["umount", volume], check=True)


def test_a_filesystem_without_hard_links_is_delivered_to(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.card("A001C001.mov")
    refuse(monkeypatch, errno.EPERM)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_name_that_somebody_else_took_is_never_written_over(cart: Cart) -> None:
    cart.card("A001C001.mov")
    other = cart.delivered() / "proxy" / "A001C001.mov"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"somebody's own")
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "delivery.name_taken")
        assert other.read_bytes() == b"somebody's own"
        other.rename(other.with_suffix(".theirs"))
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_restart_redoes_nothing(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    cart.serve()
    before, work = looks(cart.delivered()), len(cart.hands.done)
    for _ in range(3):
        with cart.shift() as shift:
            shift.drive()
            assert set(shift.states().values()) == {DELIVERED}
    assert looks(cart.delivered()) == before
    assert len(cart.hands.done) == work
    cart.assert_honest()


def test_a_stop_at_any_turn_is_taken_up_at_the_next_start(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    for _ in range(60):
        with cart.shift() as shift:
            shift.ticks(5)
            cart.hands.close()
            if set(shift.clip_states()) == {DELIVERED}:
                break
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.states().values()) == {DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_crash_between_name_and_fact_is_taken_up_without_a_second_revision(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.card("A001C001.mov")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "landed", crash)
    with pytest.raises(KeyboardInterrupt), cart.shift() as shift:
        shift.drive()
    monkeypatch.undo()
    cart.hands.close()
    assert cart.movies() == ["20260302/A001/proxy/A001C001.mov"]
    with cart.shift() as shift:
        assert shift.revisions("A001C001") == [("plain", 1)]
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    assert cart.hands.done.count("render") == 2
    cart.assert_honest()


def test_a_half_written_file_of_an_older_intent_is_never_published(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.card("A001C001.mov")
    refuse(monkeypatch, errno.ENOSPC)
    with cart.shift() as shift:
        until(shift, "probed")
        shift.ticks(10)
        (intent,) = shift.production.store.intended()
        staged = cart.staging / intent.staged
        assert holds(staged, intent.facts.xxh128)
    staged.write_bytes(staged.read_bytes()[:1000])
    monkeypatch.undo()
    with cart.shift() as shift:
        assert not [path for path in cart.movies() if ".nearset-staging" not in path]
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_an_intent_whose_clip_went_back_does_not_keep_the_service_from_starting(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll = cart.card("A001C001.mov")
    refuse(monkeypatch, errno.ENOSPC)
    with cart.shift() as shift:
        until(shift, "probed")
        shift.ticks(10)
        assert shift.production.store.intended()
        (roll / "A001C001.mov").write_bytes(footage(1)[:-1] + b"?")
        shift.drive()
        assert shift.clip("A001C001").trouble.code == "clip.bad_hash"
    monkeypatch.undo()
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("A001C001").trouble.code == "clip.bad_hash"
        assert not cart.movies()
        (roll / "A001C001.mov").write_bytes(footage(1))
        cart.remember(roll)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_complete_comes_last(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    link, replace = os.link, Path.replace

    def linked(source: Path, target: Path) -> None:
        names.append(Path(target).name)
        link(source, target)

    def replaced(path: Path, target: Path) -> Path:
        names.append(Path(target).name)
        return replace(path, target)

    cart.card("A001C001.mov", "A001C002.mov")
    monkeypatch.setattr("daemon.publish.os.link", linked)
    monkeypatch.setattr(Path, "replace", replaced)
    cart.serve()
    roll, day = (number for number, name in enumerate(names) if name == ".complete")
    assert names[roll - 1] == "ascmhl_chain.xml"
    assert names[day - 1] == "nearset.json"
    assert day == len(names) - 1
    everything = {
        path.relative_to(cart.delivered()).as_posix() for path in cart.delivered().rglob("*") if path.is_file()
    }
    assert everything == set(cart.complete()["xxh128"]) | {".complete"}
    cart.assert_honest()


def test_a_delivery_folder_that_cannot_be_made_fails_with_its_reason_and_retry_delivers(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.config.delivery.root.write_bytes(b"a file where the folder should be")
    with cart.shift() as shift:
        shift.drive()
        failed = shift.clip("A001C001")
        assert (failed.state, failed.trouble.code) == ("failed", "delivery")
        cart.config.delivery.root.unlink()
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_staging_folder_that_somebody_removes_is_made_again(cart: Cart) -> None:
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        until(shift, "proxied")
        cart.staging.rmdir()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_root_that_goes_in_the_middle_of_a_scan_is_away_and_not_the_end(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.card("A001C001.mov")

    def gone(root: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(root))

    with cart.shift() as shift:
        with monkeypatch.context() as patch:
            patch.setattr("daemon.stages.intake.scan", gone)
            with capture_logs() as told:
                shift.ticks(3)
            assert str(cart.offload) in shift.production.roots_away
            assert [line["why"] for line in told if line["event"] == "root.away"] == [os.strerror(errno.EIO)]
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_roll_that_cannot_be_written_keeps_no_other_and_is_written_later(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.card("B001C001.mov", roll="B001", first_seed=5)
    in_the_way = cart.delivered("A001") / "nearset.json"
    in_the_way.mkdir(parents=True)
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
        assert cart.complete("B001")
        seen = {card.roll: card for card in shift.service.snapshot(shift.now()).cards}
        assert "nearset.json cannot be delivered" in seen["A001"].why
        assert not seen["B001"].why
        in_the_way.rmdir()
        cart.clock.advance(31)
        shift.drive()
        assert cart.complete("A001")
        assert not shift.service.snapshot(shift.now()).cards[0].why
    cart.assert_honest()


def test_a_stage_that_cannot_plan_stops_no_other_and_keeps_nobody_waiting(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.card("A001C001.mov")

    def stumbles(*_: object) -> None:
        raise DeliveryError("nothing is planned", why="the volume says no", fix="wait")

    with cart.shift() as shift:
        monkeypatch.setattr(Render, "plan", stumbles)
        shift.ticks(20)
        assert shift.states() == {"A001C001": "probed"}
        assert shift.service.is_idle()
        monkeypatch.undo()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_manifest_that_a_volume_refuses_for_a_while_is_told_once_and_read_again_without_a_restart(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.card("A001C001.mov")
    refused: list[str] = []

    def stale(root: Path, path: str, limit_bytes: int) -> bytes:
        if path.endswith(".mhl") and len(refused) < 5:
            refused.append(path)
            raise SidecarError(f"{path} cannot be read", why="Stale file handle", fix="check the volume") from OSError(
                errno.ESTALE, os.strerror(errno.ESTALE)
            )
        return read_small(root, path, limit_bytes)

    monkeypatch.setattr("daemon.stages.intake.read_small", stale)
    with cart.shift() as shift, capture_logs() as lines:
        for _ in range(20):
            shift.ticks(len(refused) < 5)
        assert len(refused) == 5
        assert "Stale file handle" in shift.waiting("A001C001")
        told = [line for line in lines if line["event"] == "manifest.refused"]
        assert [(line["code"], line["why"], line["fix"]) for line in told] == [
            ("sidecar", "Stale file handle", "check the volume")
        ]
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()
