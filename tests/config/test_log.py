"""Logs and clocks: one line a piece of work, for journald or for eyes, and no card writes on a terminal."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from daemon import log
from daemon.clock import Clock, ManualClock, SystemClock
from daemon.journal import Journal, lines_of

HOSTILE = "A001\x1b[2J\nC001\u202e"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield
    structlog.reset_defaults()


def written(form: str, stream: io.StringIO, **words: object) -> str:
    log.configure("info", form, stream)
    log.get().debug("clip.seen")
    log.get().warning("clip.held", **words)
    return stream.getvalue()


def test_a_line_is_json_off_a_terminal():
    line = json.loads(written("auto", io.StringIO(), clip="A001C001", path=Path("a/b")))
    assert (line["event"], line["level"], line["clip"], line["path"]) == ("clip.held", "warning", "A001C001", "a/b")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


def test_journald_is_told_how_grave_a_line_is(monkeypatch):
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    text = written("json", io.StringIO())
    assert text.startswith("<4>{")
    assert text.count("\n") == 1


def test_colours_are_for_terminals_and_can_be_refused(monkeypatch):
    assert "\x1b[" in written("auto", Terminal())
    assert "\x1b" not in written("console", io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in written("auto", Terminal())


@pytest.mark.parametrize("value", [HOSTILE, Path(HOSTILE), [HOSTILE]])
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_card_never_writes_on_a_terminal(form, value):
    text = written(form, io.StringIO(), clip=value)
    assert text.count("\n") == 1
    assert not set("\x1b\u202e") & set(text)


def test_a_manual_clock_stands_still_until_told():
    start = datetime(2026, 11, 24, 6, tzinfo=UTC)
    clock: Clock = ManualClock(start)
    before = clock.monotonic()
    assert clock.utc() == start
    clock.advance(90)
    assert (clock.monotonic() - before, clock.utc()) == (90, start + timedelta(seconds=90))


def test_the_machines_clock_is_aware_and_goes_forward():
    clock: Clock = SystemClock()
    assert clock.utc().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_what_is_said_of_a_clip_is_kept_and_found_again(tmp_path):
    journal = Journal(tmp_path)
    log.configure("info", "json", io.StringIO(), journal)
    log.get().info("job.done", clip="A001C001", stage="probe")
    log.get().info("job.done", clip="A001C0010", stage="probe")
    log.get().info("proxy.published", path="/d/A001/proxy/A001C001_r2.mov")
    log.get().info("proxy.published", path="/d/A001/proxy/A001C0010.mov")
    log.get().debug("not.said", clip="A001C001")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"clip": "A001C001", "event": "cut o')
    journal.close()
    structlog.reset_defaults()
    assert [line["event"] for line in lines_of(tmp_path, "A001C001", 10)] == ["proxy.published", "job.done"]
    assert lines_of(tmp_path, "A001C001", 1)[0]["event"] == "proxy.published"
    assert lines_of(tmp_path / "nowhere", "A001C001", 10) == []


def test_a_journal_that_grew_goes_on_in_a_new_file_and_keeps_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr("daemon.journal._MOST_BYTES", 100)
    journal = Journal(tmp_path)
    for number in range(12):
        journal.note({"event": f"step.{number}", "clip": "A001C001"})
    journal.close()
    found = [line["event"] for line in lines_of(tmp_path, "A001C001", 100)]
    assert found[:2] == ["step.11", "step.10"]
    assert 3 < len(found) < 12
    assert len(list(tmp_path.iterdir())) == 2
