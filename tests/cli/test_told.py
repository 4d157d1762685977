"""What a terminal is told when things are not as they should be: three parts, and nothing that a card wrote there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from daemon.store import Store

CONFIG = """\
production: {code: SHOW}
offload: {roots: [cards], require_manifest: false, settle_seconds: 0}
delivery: {root: delivery, keep_free_gib: 0}
state: {root: state}
provenance: {sign: false}
engine: identity
"""
HOSTILE = "A001C002\x1b]0;mine\x07\x1b[2J\u202ego\nA001C003 is delivered"


def is_told(said: tuple[int, str, str], *words: str) -> bool:
    code, _, err = said
    return code == 2 and "\n  why: " in err and "\n  fix: " in err and all(word in err for word in words)


def test_a_card_cannot_write_on_the_terminal_of_whoever_asks_for_it(nearset, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")  # a name is cut where a table lacks room
    Path("cards/A001", f"{HOSTILE}.mov").write_bytes(b"damaged" * 50)
    assert nearset("once")[0] == 3
    for words in (("status",), ("logs", "A001"), ("plan", "cards")):
        code, out, err = nearset(*words)
        assert (code, "A001C002" in out) == (0, True), words
        assert [letter for letter in out + err if not letter.isprintable() and letter != "\n"] == [], words
    _, out, _ = nearset("logs", "A001")
    assert not any(line.startswith("A001C003") for line in out.splitlines())


def test_what_the_system_refuses_to_a_command_is_told_in_three_parts(nearset, tmp_path):
    assert is_told(
        nearset("init", "nowhere/config.yaml"), "cannot be used", "No such file or directory (nowhere/config.yaml)"
    )
    assert is_told(nearset("config", "units", "--write", "/proc/none"), "cannot be used", "(/proc/none)")
    assert is_told(nearset("verify", "cards", "--root", "none.pem"), "cannot be used", "(none.pem)")
    Path("state/SHOW").mkdir(parents=True)
    Path("state/SHOW/requests").write_text("in the way")
    assert is_told(nearset("retry"), "cannot be used", "File exists", "requests)")


def test_a_database_that_is_none_is_told_and_is_left_as_it_is(nearset):
    Path("state/SHOW").mkdir(parents=True)
    database = Path("state/SHOW/nearset.sqlite")
    database.write_bytes(b"garbage" * 1000)
    for words in (("logs", "A001"), ("queue",), ("model", "list")):
        assert is_told(nearset(*words), "file is not a database", "restore the backup"), words
    assert database.read_bytes() == b"garbage" * 1000


@pytest.mark.parametrize("left", [b"", b"{}", b"\xff\x00"])
def test_a_status_that_a_power_cut_left_empty_is_told_and_written_anew(nearset, left):
    assert nearset("once")[0] == 0
    Path("state/SHOW/status.json").write_bytes(left)
    assert is_told(nearset("status"), "status.json is no status", "start nearset")
    assert nearset("once")[0] == 0
    assert nearset("status")[0] == 0


def test_an_older_version_refuses_the_database_of_a_newer_one_and_changes_nothing(nearset):
    assert nearset("once")[0] == 0
    path = Path("state/SHOW/nearset.sqlite")
    store = Store(path)
    with store.transaction():
        store._db.execute("insert into migrations values ('9999_later.sql')")
        store._db.execute("alter table cards add column later text")
    store.close()
    for words in (("once",), ("run", "--no-page"), ("logs", "A001"), ("queue",)):
        assert is_told(nearset(*words), "is of a newer nearset", "9999_later.sql"), words
    with sqlite3.connect(path) as database:
        assert "later" in {row[1] for row in database.execute("pragma table_info(cards)")}
    database.close()


def test_what_a_neighbour_claims_and_nobody_can_read_keeps_a_start_and_says_whose_it_is(nearset):
    Path("state/OTHER").mkdir(parents=True)
    Path("state/OTHER/claims.json").write_bytes(b"")
    assert is_told(nearset("once"), "OTHER/claims.json is damaged", "start that production")


def test_what_is_asked_before_the_first_start_leaves_the_state_closed_to_others(nearset):
    assert nearset("retry")[0] == 0
    assert Path("state/SHOW").stat().st_mode & 0o077 == 0
    assert nearset("once")[0] == 0


def test_a_name_can_be_read_whole_however_narrow_the_terminal(nearset, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = "A001C001_261124_R1DM_A_TAKE_OF_A_LONG_NAME"
    Path("cards/A001", f"{name}.mov").write_bytes(b"damaged" * 50)
    assert nearset("once")[0] == 3
    _, out, _ = nearset("status")
    rows = [line.split("│")[2].strip() for line in out.splitlines() if line.startswith("│")]
    assert "".join(rows) == name
    assert "…" not in out
