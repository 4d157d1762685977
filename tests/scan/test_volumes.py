"""Is the root the volume it was, and how is it mounted."""

import errno
import os
import uuid
from pathlib import Path

import pytest

from daemon.errors import ConfigError
from daemon.scan import scan
from daemon.volumes import MARKER, RootIdentity, identify, is_network, same_volume, write_marker

MOUNTS = """\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
40 22 8:17 / /media/cart rw,nosuid shared:2 - exfat /dev/sdb1 rw
41 22 0:50 / /mnt/nas rw shared:3 - nfs4 nas:/vol rw,vers=4.2
42 41 0:51 / /mnt/nas/local rw - xfs /dev/sdc1 rw
43 22 0:52 / /mnt/my\\040share rw - cifs //nas/x rw
44 22 0:53 / /mnt/ssh rw - fuse.sshfs host:/x rw
45 22 8:33 / /mnt/ntfs rw - fuseblk /dev/sdd1 rw
46 22 0:54 / /mnt/cloud rw - fuse.rclone cloud: rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "network"),
    [
        ("/", False),
        ("/media/cart/Show", False),
        ("/mnt/nas", True),
        ("/mnt/nas/Show/20261124", True),
        ("/mnt/nas/local/Show", False),
        ("/mnt/nasty", False),
        ("/mnt/my share/Show", True),
        ("/mnt/ssh", True),
        ("/mnt/ntfs/Show", False),
        ("/mnt/cloud", True),
    ],
)
def test_the_nearest_mount_tells_whether_a_root_lies_on_a_network(path: str, network: bool) -> None:
    assert is_network(Path(path), MOUNTS) is network


def test_the_last_of_two_mounts_at_one_place_counts() -> None:
    assert is_network(Path("/mnt/nas"), "1 0 8:1 / /mnt/nas rw - ext4 x rw\n2 1 0:9 / /mnt/nas rw - nfs y rw\n")


def test_a_root_that_is_not_there_has_no_identity(tmp_path: Path) -> None:
    assert identify(tmp_path / "pulled") is None
    (tmp_path / "file").touch()
    assert identify(tmp_path / "file") is None


def test_a_marked_root_is_known_whatever_device_number_it_comes_back_with(tmp_path: Path) -> None:
    written = write_marker(tmp_path)
    seen = identify(tmp_path)
    assert seen == RootIdentity(tmp_path.stat().st_dev, written)
    assert str(uuid.UUID(written)) == written
    assert write_marker(tmp_path) == written
    assert same_volume(RootIdentity(seen.device + 7, written), seen)
    assert scan(tmp_path).marks == {}


def test_the_empty_mount_point_of_a_marked_root_is_not_the_root() -> None:
    assert not same_volume(RootIdentity(5, "a"), RootIdentity(5, None))
    assert not same_volume(RootIdentity(5, "a"), RootIdentity(5, "b"))


def test_an_unmarked_root_is_known_by_its_device_number() -> None:
    assert same_volume(RootIdentity(5, None), RootIdentity(5, None))
    assert same_volume(RootIdentity(5, None), RootIdentity(5, "marked since"))
    assert not same_volume(RootIdentity(5, None), RootIdentity(6, None))


def test_a_marker_that_is_a_link_a_pipe_or_empty_is_none(tmp_path: Path) -> None:
    marker = tmp_path / MARKER
    real = tmp_path / "real"
    real.write_text("b7c0\n")
    marker.symlink_to(real)
    assert identify(tmp_path) == RootIdentity(tmp_path.stat().st_dev, None)
    marker.unlink()
    os.mkfifo(marker)
    assert identify(tmp_path) == RootIdentity(tmp_path.stat().st_dev, None)
    marker.unlink()
    marker.touch()
    assert identify(tmp_path) == RootIdentity(tmp_path.stat().st_dev, None)


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"take")
    return path


@pytest.mark.parametrize(
    ("clip", "folder"),
    [
        ("A001/ascmhl/0001_A001.mhl", "A001"),
        ("A001/ascmhl/0001_A001.mhl", "A001/Clip/Deep"),
        ("20260302/Camera Media/A001/Clip/A001C001.mov", "20260302/Camera Media/A001/Clip"),
        ("20260302/Camera Media/A001/Clip/A001C001.mov", "20260302/Camera Media/A001/Empty"),
        ("A001/XDROOT/Clip/A001C001.MXF", "A001"),
        ("A001/XDROOT/Clip/A001C001.MXF", "A001/XDROOT/Sub"),
        ("A001/A001C001.mov", "A001"),
    ],
)
def test_no_marker_is_written_into_a_roll_or_under_a_seal(tmp_path: Path, clip: str, folder: str) -> None:
    put(tmp_path / clip)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    with pytest.raises(ConfigError) as told:
        write_marker(tmp_path / folder)
    assert "roll" in told.value.why or "seal" in told.value.why
    assert "mark the folder that the rolls lie in" in told.value.fix
    assert not list(tmp_path.rglob(MARKER))


@pytest.mark.parametrize("root", [".", "20260302", "20260302/Camera Media"])
def test_above_sealed_rolls_a_marker_is_written(tmp_path: Path, root: str) -> None:
    put(tmp_path / "20260302/Camera Media/A001/Clip/A001C001.mov")
    put(tmp_path / "20260302/Camera Media/A001/ascmhl/0001_A001.mhl")
    marker = write_marker(tmp_path / root)
    assert identify(tmp_path / root).marker == marker


def test_a_marker_and_its_name_are_flushed_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed, flush = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda it: (flushed.add(os.fstat(it).st_ino), flush(it)))
    write_marker(tmp_path)
    assert flushed == {(tmp_path / MARKER).stat().st_ino, tmp_path.stat().st_ino}


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo, lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_marker_is_told_and_left_as_it_is(tmp_path: Path, make) -> None:
    make(tmp_path / MARKER)
    with pytest.raises(ConfigError, match="no marker") as told:
        write_marker(tmp_path)
    assert "empty" in told.value.why
    assert f"remove it, then `nearset mark {tmp_path}`" in told.value.fix
    assert os.path.lexists(tmp_path / MARKER)


def test_a_full_volume_leaves_no_empty_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="gets no marker"):
        write_marker(tmp_path)
    assert not (tmp_path / MARKER).exists()


def test_a_root_that_is_not_there_gets_no_marker(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        write_marker(tmp_path / "pulled")
    assert told.value.why == "No such file or directory"
