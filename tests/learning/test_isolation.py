"""Isolation: what one production keeps is never opened by another, as the kernel tells it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from unittest import mock

import pytest
from cart import Cart
from dailies import Tutor, approved, models_of, shoot
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from engines.model import gate
from engines.model.refine import Settings


class Opens(FileSystemEventHandler):
    """Every file that any process opens beneath a folder, C libraries and children included."""

    def __init__(self, last: Path) -> None:
        self.paths: set[Path] = set()
        self._last, self.ended = last, Event()

    def on_opened(self, event: FileSystemEvent) -> None:
        self.paths.add(Path(str(event.src_path)))
        if Path(str(event.src_path)) == self._last:
            self.ended.set()


@contextmanager
def recorded(folder: Path) -> Iterator[set[Path]]:
    """Record the opens while something is done; a file that is opened last of all says that none is missed."""
    last = folder / "last"
    last.touch()
    opens, observer = Opens(last), Observer()
    observer.schedule(opens, str(folder), recursive=True)
    observer.start()
    try:
        yield opens.paths
        last.read_bytes()
        assert opens.ended.wait(60)
    finally:
        observer.stop()
        observer.join()


@pytest.fixture
def neighbours(folder: Path) -> tuple[Cart, Cart]:
    """Two productions under the same state and delivery roots."""
    carts = approved(folder / "one", "SHOW"), approved(folder / "two", "OTHER")
    for cart in carts:
        cart.words |= {"state": {"root": str(folder / "state")}, "delivery": {"root": str(folder / "delivery")}}
        cart.words["refine"] = {"samples_a_clip": 2, "budget_seconds": 600}
    return carts


def test_one_production_never_opens_what_another_keeps(
    folder: Path, neighbours: tuple[Cart, Cart], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of another's that is ever read is which folders it holds, so that they are not served twice."""
    monkeypatch.setattr("engines.model.refine.Settings", partial(Settings, steps=1, sheets=1))
    monkeypatch.setattr("engines.model.gate._RENDERED", gate._RENDERED[:1])
    mine, other = neighbours
    shoot(other, "B001C001", "B001C002", roll="B001", first_seed=30)
    with mock.patch("daemon.stages.refine.work", Tutor().work):
        other.serve()
    shoot(mine, "A001C001", "A001C002")
    with recorded(folder) as opened:
        mine.serve()
    theirs = {path for path in opened if {"OTHER", "two"} & set(path.relative_to(folder).parts)}
    assert theirs == {other.config.production_state / "claims.json"}
    with mine.shift() as shift:
        (model,) = models_of(shift)
        samples = {sample.digest for sample in shift.production.store.samples()}
    state = mine.config.production_state
    assert {state / "replay" / f"{digest}.safetensors" for digest in samples} <= opened
    assert any(path.name.startswith(model.digest) for path in opened)
