"""Purge: nothing of a production stays, nothing else is touched, and the receipt says what was destroyed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from cart import Cart
from dailies import Tutor
from typer.testing import CliRunner, Result

from daemon import purge as purging
from daemon.cli import app
from daemon.errors import ConfigError, PurgeError
from daemon.purge import purge

AT = "2026-03-02T18:00:00+00:00"


@pytest.fixture
def learned(taught: tuple[Cart, Tutor]) -> Cart:
    """A production that has learned from a card."""
    return taught[0]


def ordered(cart: Cart, *words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["purge", *words, "--config", str(cart.folder / "config.yaml")], input=answer)


def receipts(cart: Cart) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(cart.config.state.root.glob("*.purged-*.json"))]


def test_the_receipt_has_path_size_and_hash_of_all_that_went(learned: Cart) -> None:
    state = learned.config.production_state
    there = {
        path.relative_to(state).as_posix(): (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in state.rglob("*")
        if path.is_file()
    }
    receipt = json.loads(purge(learned.config, AT).read_text())
    told = {line["path"]: (line["size_bytes"], line["sha256"]) for line in receipt["destroyed"]}
    assert told == there
    kinds = {Path(path).parts[0] for path in told}
    assert {"nearset.sqlite", "models", "replay"} <= kinds
    assert receipt["complete"]
    assert not state.exists()
    for word in ("deliveries", "journal", "snapshots", "backups"):
        assert any(word in line for line in receipt["out_of_reach"])


def test_the_code_must_be_typed_again(learned: Cart) -> None:
    refused = ordered(learned, "TEST", answer="TSET\n")
    assert refused.exit_code != 0
    assert learned.config.production_state.exists()
    assert ordered(learned, "TEST", answer="TEST\n").exit_code == 0
    assert not learned.config.production_state.exists()
    assert len(receipts(learned)) == 1


def test_only_the_production_of_the_configuration_is_purged_and_only_once(learned: Cart) -> None:
    wrong = ordered(learned, "OTHER", "--yes")
    assert isinstance(wrong.exception, ConfigError)
    assert learned.config.production_state.exists()
    assert ordered(learned, "TEST", "--yes").exit_code == 0
    again = ordered(learned, "TEST", "--yes")
    assert isinstance(again.exception, ConfigError)
    assert "nothing is kept" in str(again.exception)
    assert not learned.config.production_state.exists()
    assert len(receipts(learned)) == 1


def test_a_production_that_is_served_is_not_purged(learned: Cart) -> None:
    with learned.shift():
        refused = ordered(learned, "TEST", "--yes")
    assert isinstance(refused.exception, ConfigError)
    assert "served already" in str(refused.exception)
    assert (learned.config.production_state / "nearset.sqlite").exists()


def test_a_neighbour_under_the_same_root_keeps_everything(learned: Cart) -> None:
    neighbour = learned.config.state.root / "TEST2"
    neighbour.mkdir()
    (neighbour / "nearset.sqlite").write_bytes(b"theirs")
    purge(learned.config, AT)
    assert (neighbour / "nearset.sqlite").read_bytes() == b"theirs"
    assert sorted(path.name for path in learned.config.state.root.iterdir()) == [
        "TEST.purged-2026-03-02T180000+0000.json",
        "TEST2",
    ]


def test_links_go_and_what_they_lead_to_stays(learned: Cart) -> None:
    state, outside = learned.config.production_state, learned.folder / "outside"
    outside.mkdir()
    (outside / "precious").write_text("not ours")
    (state / "models" / "folder").symlink_to(outside)
    (state / "replay" / "one").symlink_to(outside / "precious")
    (state / "dangling").symlink_to("nowhere")
    os.mkfifo(state / "pipe")
    receipt = json.loads(purge(learned.config, AT).read_text())
    assert (outside / "precious").read_text() == "not ours"
    links = {line["path"]: line["link"] for line in receipt["destroyed"] if line["link"]}
    assert links == {"models/folder": str(outside), "replay/one": str(outside / "precious"), "dangling": "nowhere"}
    assert "pipe" in {line["path"] for line in receipt["destroyed"]}
    assert not any("precious" in line["path"] for line in receipt["destroyed"])


def test_a_state_folder_that_is_a_link_is_not_followed(learned: Cart) -> None:
    state, elsewhere = learned.config.production_state, learned.folder / "elsewhere"
    state.rename(elsewhere)
    state.symlink_to(elsewhere)
    with pytest.raises(PurgeError, match="is a link"):
        purge(learned.config, AT)
    assert (elsewhere / "nearset.sqlite").exists()
    assert receipts(learned) == []


def test_what_cannot_be_removed_leaves_a_receipt_that_is_not_complete_and_the_next_purge_goes_on(
    learned: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def stuck(path: str, **words: int) -> None:
        if path == "nearset.sqlite":
            raise PermissionError(1, "Operation not permitted", path)
        unlink(path, **words)

    monkeypatch.setattr(os, "unlink", stuck)
    with pytest.raises(PurgeError, match=r"nearset\.sqlite"):
        purge(learned.config, AT)
    monkeypatch.undo()
    assert (learned.config.production_state / "lock").exists()
    purge(learned.config, AT)
    first, second = sorted(receipts(learned), key=lambda receipt: bool(receipt["complete"]))
    assert (first["complete"], second["complete"]) == (False, True)
    assert {line["path"] for line in second["destroyed"]} < {line["path"] for line in first["destroyed"]}
    assert not learned.config.production_state.exists()


def test_the_receipt_is_on_disk_before_anything_goes_and_the_lock_goes_last(
    learned: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, unlink, rmdir = os.fsync, os.unlink, os.rmdir
    monkeypatch.setattr(os, "fsync", lambda it: (steps.append("flush"), fsync(it))[1])
    monkeypatch.setattr(os, "unlink", lambda it, **words: (steps.append(f"unlink {it}"), unlink(it, **words))[1])
    monkeypatch.setattr(os, "rmdir", lambda it, **words: (steps.append("rmdir"), rmdir(it, **words))[1])
    purging.purge(learned.config, AT)
    removals = [number for number, step in enumerate(steps) if step.startswith("unlink")]
    assert steps[: removals[0]].count("flush") == 2
    assert "rmdir" in steps[: removals[-1]]
    assert steps[removals[-1]] == "unlink lock"
    assert steps[-3:] == ["flush"] * 3


def test_after_a_purge_the_production_begins_anew_from_base(taught: tuple[Cart, Tutor]) -> None:
    learned, tutor = taught
    purge(learned.config, AT)
    learned.words["delivery"] = {"root": "second delivery"}
    learned.serve()
    assert tutor.tasks[-1].parent == ""
    assert [path.name for path in learned.config.models.glob("*.safetensors")]


def test_a_folder_that_cannot_be_read_ends_the_purge_before_anything_is_gone(
    learned: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(learned.config.production_state.rglob("*"))
    scandir = os.scandir

    def shut(path: int) -> object:
        if Path(f"/proc/self/fd/{path}").readlink().name == "replay":
            raise PermissionError(13, "Permission denied", "replay")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", shut)
    with pytest.raises(PurgeError, match="Permission denied"):
        purge(learned.config, AT)
    monkeypatch.undo()
    assert sorted(learned.config.production_state.rglob("*")) == before
