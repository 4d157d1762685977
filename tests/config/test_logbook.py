"""The logbook: what was told of a clip is found again, in bounded room, and a disk that refuses stops nobody."""

from __future__ import annotations

import errno
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon import log
from daemon.logbook import Logbook, Wanted, lines_of, read

KNOWN = [("A001", "C001"), ("A001", "C002"), ("B001", "C001"), ("B001", "(card files)")]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    log.configure("info", "json", io.StringIO())
    yield
    structlog.reset_defaults()


def told(folder: Path, pattern: str) -> list[str]:
    wanted = Wanted.of(pattern, KNOWN)
    return [line["why"] for line in read(folder) if wanted.has(line)]


def test_what_was_told_of_a_clip_its_card_and_no_other_is_found(tmp_path):
    with log.kept_in(Logbook(tmp_path, 1 << 20)):
        say = log.get().info
        say("job.ended", roll="A001", clip="C001", why="first")
        say("job.ended", roll="B001", clip="C001", why="another roll's")
        say("sync.found", clip="C001", why="says no roll")
        say("card.waits", card="20260302/Camera Media/A001", clips=2, first="C002", why="its card")
        say("roll.complete", roll="B001", why="the other card")
        say("span.joined", roll="A001", clip="C002", part="C001", why="as a part")
        say("job.ended", roll="A001", clip="C002", why="its neighbour")
        say("recipe.loaded", why="of nobody")
    log.get().info("job.ended", roll="A001", clip="C001", why="after the book was closed")
    assert told(tmp_path, "A001/C001") == ["first", "says no roll", "its card", "as a part"]
    assert told(tmp_path, "C001")[:2] == ["first", "another roll's"]
    assert told(tmp_path, "B*") == ["another roll's", "says no roll", "the other card"]
    assert told(tmp_path, "Z9") == []
    assert [line["why"] for line in lines_of(tmp_path, "A001", "C001", 2)] == ["as a part", "its card"]


def test_the_book_keeps_to_its_room_and_the_newest_stays(tmp_path):
    with log.kept_in(Logbook(tmp_path, 16_000)):
        for number in range(500):
            log.get().info("job.ended", roll="A001", clip="C001", why=str(number))
    kept = told(tmp_path, "C001")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 16_000
    assert kept == [str(number) for number in range(500 - len(kept), 500)]
    assert len(kept) > 50
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_line_that_a_crash_cut_short_is_left_out_and_the_next_start_goes_on(tmp_path):
    for why in ("before", "after"):
        with log.kept_in(Logbook(tmp_path, 1 << 20)):
            log.get().info("job.ended", roll="A001", clip="C001", why=why)
        if why == "before":
            (tmp_path / "nearset.log").write_text((tmp_path / "nearset.log").read_text() + '{"clip": "C0')
    assert told(tmp_path, "C001") == ["before", "after"]


def test_a_full_disk_costs_the_line_and_nothing_else(tmp_path, monkeypatch):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "no room")

    stream = io.StringIO()
    log.configure("info", "json", stream)
    monkeypatch.setattr(Logbook, "_open", full)
    with log.kept_in(Logbook(tmp_path, 1 << 20)):
        log.get().warning("clip.stopped", clip="C001")
    assert json.loads(stream.getvalue())["clip"] == "C001"


def test_journald_is_told_how_grave_a_readable_line_is(monkeypatch, tmp_path):
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    stream = io.StringIO()
    log.configure("info", "console", stream)
    with log.kept_in(Logbook(tmp_path, 1 << 20)):
        log.get().error("job.ended", clip="C001", why="it is kept without the priority")
    assert stream.getvalue().startswith("<3>")
    assert told(tmp_path, "A001/C001") == ["it is kept without the priority"]
