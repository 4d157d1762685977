"""What must be flushed, so that a power cut takes nothing back; `make faults` cuts the power at every place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cart import Cart

from daemon.publish import make_folder, make_folders
from daemon.store import Store


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The inodes that were flushed to disk."""
    inodes: set[int] = set()
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flush(descriptor)
        inodes.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noted)
    return inodes


def test_every_folder_on_the_way_to_a_delivery_is_flushed_in_the_one_above_it(
    tmp_path: Path, flushed: set[int]
) -> None:
    make_folder(tmp_path / "volume" / "delivery" / "TEST" / "20260302", tmp_path / "volume" / "delivery")
    above = (tmp_path, tmp_path / "volume", tmp_path / "volume" / "delivery", tmp_path / "volume" / "delivery" / "TEST")
    assert flushed == {folder.stat().st_ino for folder in above}
    flushed.clear()
    make_folders(tmp_path / "volume" / "delivery" / "TEST")
    assert flushed == set()


def test_no_folder_of_a_production_that_delivered_was_left_to_chance(cart: Cart, flushed: set[int]) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    made = [path for place in (cart.delivery, cart.config.production_state) for path in (place, *place.rglob("*"))]
    unflushed = [path for path in made if path.is_dir() and path.parent.stat().st_ino not in flushed]
    assert unflushed == []


def test_a_commit_is_flushed_to_the_end_of_its_log(tmp_path: Path) -> None:
    """Of a write-ahead log FULL flushes each commit; of a rollback journal it would leave the end open."""
    store = Store(tmp_path / "state" / "nearset.sqlite")
    (level,), (mode,) = (store._db.execute(f"pragma {name}").fetchone() for name in ("synchronous", "journal_mode"))
    store.close()
    assert (mode, level) == ("wal", 2), "FULL"
