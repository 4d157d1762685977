"""A production that delivers further: to a NAS and to a bucket, with a NAS that goes away and a network that does."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from cart import Cart, trouble
from storage import Bucket

from daemon.errors import ConfigError, TargetAway
from daemon.executor import LocalExecutor
from daemon.hashing import hash_bytes
from daemon.inspection import inspect
from daemon.lanes import limits_of
from daemon.slate import Trouble
from daemon.stages import deliver
from daemon.targets.folder import FolderTarget


def further(cart: Cart, *targets: dict[str, object], egress: tuple[str, ...] = ()) -> None:
    cart.words["delivery"] = {"targets": list(targets)}
    cart.words["egress"] = list(egress)


def nas(cart: Cart) -> dict[str, object]:
    (cart.folder / "nas").mkdir(exist_ok=True)
    return {"name": "nas", "path": "nas"}


def lab(bucket: Bucket) -> dict[str, object]:
    words = {"name": "lab", "url": f"s3://{bucket.name}/in", "endpoint": bucket.endpoint}
    return words | {"credentials": bucket.credentials}


def host(bucket: Bucket) -> str:
    return bucket.endpoint.removeprefix("http://")


def delivered(cart: Cart) -> dict[str, bytes]:
    """What lies in the delivery, without hidden folders, by path from its root."""
    files = (path for path in cart.delivery.rglob("*") if path.is_file() and ".nearset-staging" not in path.parts)
    return {path.relative_to(cart.delivery.parent).as_posix(): path.read_bytes() for path in files}


def at_nas(cart: Cart) -> dict[str, bytes]:
    files = (path for path in (cart.folder / "nas").rglob("*") if path.is_file())
    return {path.relative_to(cart.folder / "nas").as_posix(): path.read_bytes() for path in files}


def at_lab(bucket: Bucket) -> dict[str, bytes]:
    return {key.removeprefix("in/"): data for key, data in bucket.objects().items()}


def test_a_complete_day_is_at_every_target_as_it_is_here(cart: Cart, bucket: Bucket) -> None:
    further(cart, nas(cart), lab(bucket), egress=(host(bucket),))
    cart.card("A001C001.mov", "A001C002.mov")
    cart.serve()
    here = delivered(cart)
    assert at_nas(cart) == here
    assert at_lab(bucket) == here
    assert not [check for check in inspect(cart.folder / "nas" / "TEST") if check.faults]
    cart.assert_honest()


def test_what_is_there_already_is_not_sent_again_and_a_revision_is(cart: Cart, bucket: Bucket) -> None:
    further(cart, nas(cart), lab(bucket), egress=(host(bucket),))
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        jobs = cart.hands.done.count("deliver")
        assert jobs == 4  # a roll and a day, to two targets
        shift.ticks(20)
        assert cart.hands.done.count("deliver") == jobs
    cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}\n")
    cart.serve()
    assert "TEST/20260302/A001/proxy/A001C001_r2.mov" in at_nas(cart)
    assert at_nas(cart) == delivered(cart) == at_lab(bucket)


def test_a_target_that_is_away_parks_its_deliveries_and_catches_up(cart: Cart) -> None:
    further(cart, nas(cart))
    cart.card("A001C001.mov")
    (cart.folder / "nas").rename(cart.folder / "unplugged")
    with cart.shift() as shift:
        shift.drive()
        assert shift.service.snapshot(shift.now()).targets_away == {"nas": "the folder is not there"}
        assert "deliver" not in cart.hands.done
        assert not (cart.folder / "nas").exists()
        cart.card("B001C001.mov", roll="B001", first_seed=9)
        shift.drive()
        (cart.folder / "unplugged").rename(cart.folder / "nas")
        shift.drive()
        assert shift.service.snapshot(shift.now()).targets_away == {}
    assert at_nas(cart) == delivered(cart)


def test_a_network_that_is_away_costs_no_clip_anything_and_is_tried_again(cart: Cart, bucket: Bucket) -> None:
    further(cart, lab(bucket), egress=(host(bucket),))
    cart.words["workers"] = {"retry_seconds": 5}
    cart.card("A001C001.mov")
    away = Trouble("delivery.target_away", "the target lab did not take it", "no route", "check")
    cart.hands.befall("deliver", away, away)
    with cart.shift() as shift:
        shift.drive()
        assert (
            shift.states() == {"A001C001": "delivered", "(card files)": "filed"} or "delivered" in shift.clip_states()
        )
        assert shift.service.snapshot(shift.now()).targets_away["lab"].startswith("the target lab did not take it")
        tries = cart.hands.done.count("deliver")
        shift.ticks(60)
        assert cart.hands.done.count("deliver") > tries
        shift.drive()
        assert shift.service.snapshot(shift.now()).targets_away == {}
    assert at_lab(bucket) == delivered(cart)


def test_an_ejected_card_keeps_no_delivery_waiting(cart: Cart) -> None:
    further(cart, nas(cart))
    cart.card("A001C001.mov")
    (cart.folder / "nas").rename(cart.folder / "unplugged")
    cart.serve()
    cart.offload.rename(cart.folder / "ejected")
    (cart.folder / "unplugged").rename(cart.folder / "nas")
    cart.serve()
    assert at_nas(cart) == delivered(cart)


def test_what_somebody_put_at_the_target_stays_and_the_rest_is_delivered(cart: Cart) -> None:
    further(cart, nas(cart))
    theirs = cart.folder / "nas" / "TEST" / "20260302" / "A001" / "proxy" / "A001C001.mov"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    cart.card("A001C001.mov")
    cart.card("B001C001.mov", roll="B001", first_seed=9)
    with cart.shift() as shift:
        shift.drive()
        assert "is another file" in shift.service.snapshot(shift.now()).targets_away["nas"]
    assert theirs.read_bytes() == b"theirs"
    assert (cart.folder / "nas" / "TEST" / "20260302" / "B001" / ".complete").exists()
    assert not (cart.folder / "nas" / "TEST" / "20260302" / "A001" / ".complete").exists()


def test_a_sidecar_that_is_no_more_goes_at_the_target_too(cart: Cart) -> None:
    further(cart, nas(cart))
    cart.card("A001C001.mov")
    cart.serve()
    stale = cart.folder / "nas" / "TEST" / "20260302" / "A001" / "A001_25.ale"
    record = stale.parent / "nearset.json"
    stale.write_bytes(b"of before")
    told = json.loads(record.read_text())
    told["sidecars"]["A001_25.ale"] = hash_bytes("xxh128", b"of before")
    record.write_text(json.dumps(told))
    cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}\n")
    cart.serve()
    assert at_nas(cart) == delivered(cart)


def test_nothing_is_sent_where_egress_does_not_list_it(cart: Cart, bucket: Bucket) -> None:
    further(cart, lab(bucket))
    with pytest.raises(ConfigError) as told:
        _ = cart.config
    assert "is not listed under egress: nothing is sent there" in told.value.why
    further(cart, lab(bucket), egress=("s3.example.com",))
    with pytest.raises(ConfigError, match="1 fault"):
        _ = cart.config


def test_a_real_child_delivers_where_it_may_and_is_stopped_elsewhere(cart: Cart, bucket: Bucket) -> None:
    """The process that delivers, as the service starts it: what the configuration allows is all that it reaches."""
    from daemon import wire
    from daemon.clock import SystemClock

    further(cart, lab(bucket), egress=(host(bucket),))
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.ticks(60)
        (target,) = cart.config.delivery.targets
        (due, *_) = list(deliver.Deliver()._due(shift.production, target)) or [None]
        if due is None:  # it was sent in this process already; it is sent to another bucket now
            seal = hash_bytes("xxh128", (cart.delivered() / ".complete").read_bytes())
            due = deliver._Due("20260302/A001", seal, shift.clip("A001C001").id)
        task = deliver._task(shift.production, target, due)
    other = Bucket(bucket.endpoint, f"{bucket.name}-2", bucket.credentials)
    other.make()
    text = wire.dump(deliver.DeliverTask, task).replace(bucket.name, other.name)
    answers = []
    for allowed in ((host(bucket),), ("127.0.0.1:1",), ()):
        limits = replace(limits_of(cart.config)["deliver"], destinations=allowed)
        executor = LocalExecutor({"deliver": 1}, {"deliver": limits}, 100.0)
        executor.open()
        clock = SystemClock()
        executor.start("deliver", 1, "", "deliver", text, clock.monotonic())
        while not (reports := executor.poll(clock.monotonic(), 1.0)):
            continue
        executor.close()
        answers.append(reports[0].trouble.code if reports[0].trouble else "sent")
        text = text.replace(other.name, f"{bucket.name}-3")
    assert answers == ["sent", "egress", "delivery.target_away"]
    assert "in/TEST/20260302/A001/.complete" in other.objects()


def test_targets_are_told_apart_and_lie_apart(cart: Cart) -> None:
    further(cart, {"name": "a", "path": "x"}, {"name": "A", "path": "y"}, {"name": "c", "path": "offload/inside"})
    with pytest.raises(ConfigError) as told:
        _ = cart.config
    assert "another target has this name" in told.value.why
    assert "overlaps with" in told.value.why
    for words in ({"name": "d"}, {"name": "d", "path": "x", "url": "s3://bucket"}, {"name": "d", "url": "s3://bucket"}):
        further(cart, words)
        with pytest.raises(ConfigError):
            _ = cart.config


def test_a_folder_for_the_targets_is_not_followed_out_of(cart: Cart) -> None:
    further(cart, nas(cart))
    outside = cart.folder / "outside"
    outside.mkdir()
    (cart.folder / "nas" / "TEST").symlink_to(outside)
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        assert "is a link" in shift.service.snapshot(shift.now()).targets_away["nas"]
    assert not list(Path(outside).iterdir())


def test_what_failed_before_a_restart_is_tried_again_at_once(cart: Cart) -> None:
    further(cart, nas(cart))
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        cart.hands.befall("deliver", *[trouble("delivery.disk_full")] * 3)
        shift.drive()
        assert at_nas(cart) == {}
        assert "nas" in shift.production.targets_away
    cart.serve()
    assert at_nas(cart) == delivered(cart)
    cart.assert_honest()


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.EACCES])
def test_a_target_whose_volume_went_bad_is_away(cart: Cart, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def bad(path: Path) -> bool:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "is_dir", bad)
    with pytest.raises(TargetAway, match=os.strerror(number)):
        FolderTarget("nas", cart.folder / "nas", "TEST")


class Short(FileIO):
    """A file that takes as much of a write as a volume that is almost full."""

    def write(self, data: Any) -> int:
        return super().write(bytes(data)[:1000])


def test_a_write_that_takes_only_some_of_it_is_gone_on_with(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    further(cart, nas(cart))
    cart.card("A001C001.mov")
    opened = os.fdopen

    def short(descriptor: int, mode: str, *words: Any, **more: Any) -> Any:
        return Short(descriptor, mode) if mode == "r+b" else opened(descriptor, mode, *words, **more)

    monkeypatch.setattr("daemon.targets.folder.os.fdopen", short)
    cart.serve()
    assert at_nas(cart) == delivered(cart)
    assert max(map(len, at_nas(cart).values())) > 2000
