"""Is the root the volume it was, and how is it mounted."""

import os
import uuid
from pathlib import Path

import pytest

from daemon.scan import MARKER, RootIdentity, identify, is_network, same_volume, scan, write_marker

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
