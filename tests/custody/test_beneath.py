from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from daemon.beneath import check_unchanged, mark, open_beneath, read_small
from daemon.errors import FileMissing, RootAway, SidecarError, SourceChanged, UnsafePath


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "A001" / "Clip").mkdir(parents=True)
    (tmp_path / "A001" / "Clip" / "A001C001.mov").write_bytes(b"picture")
    return tmp_path


def test_a_clip_in_its_roll_opens_and_knows_its_name(root):
    with open_beneath(root, "A001/Clip/A001C001.mov") as file:
        assert file.read() == b"picture"
        assert file.name == "A001/Clip/A001C001.mov"
        assert os.get_blocking(file.fileno())


def test_a_linked_clip_is_refused(root):
    (root / "A001" / "Clip" / "A001C002.mov").symlink_to("/etc/passwd")
    with pytest.raises(UnsafePath):
        open_beneath(root, "A001/Clip/A001C002.mov")


def test_a_linked_folder_on_the_way_is_refused(root):
    (root / "A002").symlink_to(root / "A001")
    with pytest.raises(UnsafePath):
        open_beneath(root, "A002/Clip/A001C001.mov")


def test_a_root_that_is_itself_a_link_is_the_configurations_own_choice(root, tmp_path_factory):
    link = tmp_path_factory.mktemp("mounts") / "raid"
    link.symlink_to(root)
    with open_beneath(link, "A001/Clip/A001C001.mov") as file:
        assert file.read(3) == b"pic"


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../secret", "A001/../../secret", "/etc/passwd", "A001//x", "A001/./x", "A\0B", "A001/"],
)
def test_a_path_that_could_lead_out_is_refused(root, path):
    with pytest.raises(UnsafePath):
        open_beneath(root, path)


def test_a_fifo_named_as_a_clip_does_not_hang_the_service(root):
    os.mkfifo(root / "A001" / "pipe.mov")
    with pytest.raises(UnsafePath):
        open_beneath(root, "A001/pipe.mov")


def test_a_socket_and_a_folder_named_as_clips_are_refused(root, monkeypatch):
    monkeypatch.chdir(root)
    (root / "folder.mov").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.mov")
        for name in ("socket.mov", "folder.mov", "folder.mov/inner"):
            with pytest.raises((UnsafePath, FileMissing)):
                open_beneath(root, name)


def test_a_file_used_as_a_folder_is_refused(root):
    with pytest.raises(UnsafePath):
        open_beneath(root, "A001/Clip/A001C001.mov/inner.mov")


def test_a_clip_that_is_not_there_and_a_mount_that_is_not_there_are_different(root):
    with pytest.raises(FileMissing):
        open_beneath(root, "A001/Clip/A001C009.mov")
    with pytest.raises(RootAway):
        open_beneath(root / "unmounted", "A001/Clip/A001C001.mov")


def test_no_descriptor_is_left_open_after_a_refusal(root):
    (root / "link").symlink_to(root)
    os.mkfifo(root / "pipe")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("A001/Clip/none.mov", "link/x", "pipe", "A001/Clip"):
        with pytest.raises((UnsafePath, FileMissing)):
            open_beneath(root, path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_clip_changed_after_it_was_marked_is_noticed(root):
    clip = root / "A001" / "Clip" / "A001C001.mov"
    with open_beneath(root, "A001/Clip/A001C001.mov") as file:
        seen = mark(file)
        check_unchanged(file, seen)
        check_unchanged(file.fileno(), seen)
        clip.write_bytes(b"another picture")
        with pytest.raises(SourceChanged, match="A001C001"):
            check_unchanged(file, seen)


def test_a_copy_that_keeps_size_and_mtime_is_still_another_file(root):
    clip = root / "A001" / "Clip" / "A001C001.mov"
    with open_beneath(root, "A001/Clip/A001C001.mov") as file:
        seen = mark(file)
    times = clip.stat()
    other = clip.with_suffix(".new")
    other.write_bytes(b"PICTURE")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(clip)
    with open_beneath(root, "A001/Clip/A001C001.mov") as file, pytest.raises(SourceChanged, match="inode"):
        check_unchanged(file, seen)


def test_a_sidecar_up_to_its_limit_is_read_and_one_byte_more_is_not(root):
    assert read_small(root, "A001/Clip/A001C001.mov", 7) == b"picture"
    with pytest.raises(SidecarError, match="more than 6 bytes"):
        read_small(root, "A001/Clip/A001C001.mov", 6)


def test_a_sidecar_on_a_failing_disk_is_told_as_one_that_cannot_be_read(root, monkeypatch):
    def fails(*_words, **_more):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "open", fails)
    with pytest.raises(SidecarError, match="cannot be read") as told:
        read_small(root, "A001/Clip/A001C001.mov", 7)
    assert told.value.why == "Input/output error"
