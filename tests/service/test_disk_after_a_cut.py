"""What the campaign's disk may have lost after a power cut, and what it must still have."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.faults.disk import LUCKS, Change, Disk, Luck, Op, Tree

ALL_LOST, NAMES_ONLY, BYTES_ONLY = LUCKS[:3]
ALL_KEPT = Luck(1, 0, 1)
FOLDER, FILE = 7, 8


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def made(root: Path, *, flush_file: bool = False, flush_folder: bool = False) -> list[Change]:
    """A new file in a new folder, flushed or not."""
    changes = [
        Change(Op.MKDIR, f"{root}/A001", "", b"", FOLDER, 0),
        Change(Op.SYNC, str(root), "", b"", root.stat().st_ino, 1),
        Change(Op.CREATE, f"{root}/A001/clip", "", b"", FILE, 0),
        Change(Op.WRITE, "", "", b"take" * 400, FILE, 0),
    ]
    changes += [Change(Op.SYNC, "", "", b"", FILE, 0)] if flush_file else []
    return changes + ([Change(Op.SYNC, "", "", b"", FOLDER, 1)] if flush_folder else [])


def after(disk: Disk, changes: list[Change], luck: Luck, seed: int = 1) -> Tree:
    for change in changes:
        disk.do(change)
    return disk.cut(random.Random(seed), luck)


def test_what_was_flushed_is_there_whatever_the_luck(tmp_path: Path) -> None:
    for luck in (*LUCKS, ALL_KEPT):
        changes = made(tmp_path, flush_file=True, flush_folder=True)
        assert after(Disk(tmp_path), changes, luck) == {"A001": None, "A001/clip": b"take" * 400}


def test_a_flushed_file_has_no_name_before_its_folder_was_flushed(disk: Disk, tmp_path: Path) -> None:
    assert after(disk, made(tmp_path, flush_file=True), ALL_LOST) == {"A001": None}


def test_a_name_that_was_flushed_may_have_no_bytes_or_some(tmp_path: Path) -> None:
    changes = made(tmp_path, flush_folder=True)
    assert after(Disk(tmp_path), changes, NAMES_ONLY)["A001/clip"] == b""
    torn = {after(Disk(tmp_path), changes, Luck(0, 1, 1), seed)["A001/clip"] for seed in range(40)}
    assert len(torn) > 4
    for content in torn:
        assert isinstance(content, bytes)
        assert set(content) <= set(b"take\0")


def test_a_rename_between_folders_leaves_both_names_and_never_none(tmp_path: Path) -> None:
    (tmp_path / "staging").mkdir()
    (tmp_path / "roll").mkdir()
    (tmp_path / "staging" / "part").write_bytes(b"take")
    move = [Change(Op.RENAME, f"{tmp_path}/staging/part", f"{tmp_path}/roll/clip", b"", 0, 0)]
    staged = Change(Op.SYNC, "", "", b"", (tmp_path / "staging").stat().st_ino, 1)
    seen = set()
    for changes in (move, [*move, staged]):
        for seed in range(60):
            seen.add(tuple(after(Disk(tmp_path), changes, Luck(0, 0, 0.5), seed)))
    names = {frozenset(path for path in tree if "/" in path) for tree in seen}
    assert names == {
        frozenset({"staging/part"}),
        frozenset({"staging/part", "roll/clip"}),
        frozenset({"roll/clip"}),
    }


def test_nothing_lost_is_what_lies_there(disk: Disk, tmp_path: Path) -> None:
    changes = made(tmp_path)
    assert after(disk, changes, ALL_KEPT) == disk.calm()
    assert after(Disk(tmp_path), changes, BYTES_ONLY) == {"A001": None}
