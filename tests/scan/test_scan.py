"""What a look at a root sees, and what it leaves alone."""

import os
import time
from pathlib import Path

import pytest

from daemon.scan import is_temporary, scan
from daemon.volumes import MARKER


def _put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_regular_files_are_seen_with_what_tells_them_apart(tmp_path: Path) -> None:
    file = _put(tmp_path / "20261124" / "A001" / "a.mov", b"four")
    seen = scan(tmp_path)
    status = file.stat()
    mark = seen.marks["20261124/A001/a.mov"]
    assert (mark.device, mark.inode, mark.size_bytes) == (status.st_dev, status.st_ino, 4)
    assert (mark.mtime_ns, mark.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)
    assert seen.problems == []
    assert seen.seconds >= 0


def test_links_and_pipes_are_named_and_never_followed(tmp_path: Path) -> None:
    outside = _put(tmp_path / "outside" / "secret.mov")
    root = tmp_path / "root"
    _put(root / "a.mov")
    (root / "link.mov").symlink_to(outside)
    (root / "A002").symlink_to(outside.parent)
    os.mkfifo(root / "pipe.mov")
    seen = scan(root)
    assert set(seen.marks) == {"a.mov"}
    assert {path for path, _ in seen.problems} == {"link.mov", "A002", "pipe.mov"}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every folder")
def test_a_folder_that_may_not_be_read_is_a_problem_and_not_the_end(tmp_path: Path) -> None:
    _put(tmp_path / "A001" / "a.mov")
    locked = _put(tmp_path / "A002" / "b.mov").parent
    locked.chmod(0)
    try:
        seen = scan(tmp_path)
    finally:
        locked.chmod(0o755)
    assert set(seen.marks) == {"A001/a.mov"}
    assert seen.problems == [("A002", "Permission denied")]


def test_a_folder_that_fails_is_a_problem_and_not_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(tmp_path / "A001" / "a.mov")
    _put(tmp_path / "A002" / "b.mov")
    look = os.scandir

    def failing(path: Path) -> object:
        if Path(path).name == "A002":
            raise OSError(5, "Input/output error")
        return look(path)

    monkeypatch.setattr("daemon.scan.os.scandir", failing)
    seen = scan(tmp_path)
    assert set(seen.marks) == {"A001/a.mov"}
    assert seen.problems == [("A002", "Input/output error")]


def test_a_root_that_went_away_is_an_error_and_not_an_empty_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "pulled")

    def stale(_path: Path) -> object:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr("daemon.scan.os.scandir", stale)
    with pytest.raises(OSError, match="Stale"):
        scan(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._a.mov", ".~tmp~", ".a.mov.Xy12Zz", MARKER, "a.mov.part", "a.mov.filepart", "a.tmp"),
        *("a.mov.crdownload", "Thumbs.db", "THUMBS.DB", "desktop.ini", "System Volume Information", "a.MOV.PART"),
    ],
)
def test_what_copying_tools_and_desktops_leave_is_not_seen(tmp_path: Path, name: str) -> None:
    _put(tmp_path / "A001" / name)
    _put(tmp_path / "A001" / "a.mov")
    assert is_temporary(name)
    assert set(scan(tmp_path).marks) == {"A001/a.mov"}


@pytest.mark.parametrize("name", ["a.mov", "party.mov", "tmp.mov", "a.part.mov", "Thumbs.mov", "A001 (copy).mov"])
def test_a_cards_own_names_are_seen(name: str) -> None:
    assert not is_temporary(name)


def test_a_folder_of_a_copying_tool_hides_all_in_it(tmp_path: Path) -> None:
    _put(tmp_path / ".~tmp~" / "a.mov")
    assert scan(tmp_path).marks == {}


def test_a_name_that_is_no_text_is_said_and_left_out(tmp_path: Path) -> None:
    try:
        _put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/A001/\xff.mov")))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    seen = scan(tmp_path)
    assert seen.marks == {}
    assert seen.problems == [("A001/\\xff.mov", "its name is not UTF-8")]


def test_another_volume_inside_a_root_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(tmp_path / "a.mov")
    _put(tmp_path / "usb" / "b.mov")
    status = tmp_path.stat()
    elsewhere = os.stat_result((*status[:2], status.st_dev + 1, *status[3:10]))
    monkeypatch.setattr(Path, "stat", lambda _self: elsewhere)
    seen = scan(tmp_path)
    assert set(seen.marks) == {"a.mov"}
    assert [path for path, _ in seen.problems] == ["usb"]


def test_thirty_thousand_files_are_looked_at_quickly(tmp_path: Path) -> None:
    for roll in range(30):
        folder = tmp_path / f"A{roll:03d}"
        folder.mkdir()
        for number in range(1000):
            os.close(os.open(folder / f"f.{number:07d}.ari", os.O_CREAT | os.O_WRONLY))
    began = time.process_time()
    seen = scan(tmp_path)
    assert len(seen.marks) == 30_000
    assert time.process_time() - began < 10
