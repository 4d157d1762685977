"""Both kinds of target: media once and never over another's, whole or not at all, and gone on with after a cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from storage import Bucket

from daemon.errors import DeliveryError, NameTaken, TargetAway
from daemon.hashing import hash_bytes
from daemon.targets import s3
from daemon.targets.base import Medium, Target
from daemon.targets.folder import FolderTarget

PART = 5 << 20
"""The smallest part that storage takes."""


@pytest.fixture(params=["folder", "s3"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "s3":
        return request.getfixturevalue("bucket").target()
    (tmp_path / "nas").mkdir()
    return FolderTarget("nas", tmp_path / "nas", "TEST")


class PulledCable(Exception):
    """No error of the system's: the process is gone."""


def medium(folder: Path, data: bytes, path: str = "20260302/A001/proxy/A001C001.mov") -> Medium:
    here = folder / "here.mov"
    here.write_bytes(data)
    return Medium(path, here, hash_bytes("xxh128", data), len(data))


def quiet(_done: int, _total: int, /) -> None: ...


def test_media_is_put_once_and_found_again(target: Target, tmp_path: Path) -> None:
    movie = medium(tmp_path, b"picture" * 1000)
    assert target.put_media(movie, quiet) == 7000
    assert target.put_media(movie, quiet) == 0
    assert target.read(movie.path) == b"picture" * 1000


def test_a_file_of_somebody_else_keeps_its_name(target: Target, tmp_path: Path) -> None:
    movie = medium(tmp_path, b"ours")
    target.put(movie.path, b"theirs")
    with pytest.raises(NameTaken):
        target.put_media(movie, quiet)
    assert target.read(movie.path) == b"theirs"


def test_bytes_that_are_not_the_records_are_not_delivered(target: Target, tmp_path: Path) -> None:
    movie = medium(tmp_path, b"as delivered")
    movie.here.write_bytes(b"changed here")
    with pytest.raises(DeliveryError):
        target.put_media(movie, quiet)
    assert target.read(movie.path) is None


def test_sidecars_are_replaced_and_removed(target: Target) -> None:
    assert target.read("d/A001.ale") is None
    target.put("d/A001.ale", b"one")
    target.put("d/A001.ale", b"two")
    assert target.read("d/A001.ale") == b"two"
    target.remove("d/A001.ale")
    target.remove("d/A001.ale")
    assert target.read("d/A001.ale") is None


def cut_after(done_bytes: int) -> Callable[[int, int], None]:
    """A progress that breaks off like a pulled cable, after so many bytes."""

    def progress(done: int, _total: int, /) -> None:
        if done >= done_bytes:
            raise PulledCable

    return progress


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_what_was_cut_off_is_gone_on_with(
    kind: str, tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_PART_BYTES", PART)
    (tmp_path / "nas").mkdir()
    target: Target = bucket.target() if kind == "s3" else FolderTarget("nas", tmp_path / "nas", "TEST")
    data = os.urandom(PART) + os.urandom(PART) + b"end"
    movie = medium(tmp_path, data)
    with pytest.raises(PulledCable):
        target.put_media(movie, cut_after(PART))
    assert target.read(movie.path) is None
    sent = target.put_media(movie, quiet)
    assert sent == len(data) - PART
    assert target.read(movie.path) == data
    assert bucket.begun() == []


def test_a_part_that_arrived_damaged_or_of_another_file_is_sent_again(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_PART_BYTES", PART)
    data = os.urandom(2 * PART)
    movie = medium(tmp_path, data)
    key = f"in/TEST/{movie.path}"
    upload = bucket.call("create_multipart_upload", Key=key)["UploadId"]
    bucket.call("upload_part", Key=key, UploadId=upload, PartNumber=1, Body=os.urandom(PART))
    assert bucket.target().put_media(movie, quiet) == 2 * PART
    assert bucket.target().read(movie.path) == data


def test_a_copy_that_was_damaged_under_way_is_thrown_away_and_made_anew(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    target = FolderTarget("nas", tmp_path / "nas", "TEST")
    movie = medium(tmp_path, os.urandom(3 << 20))
    with pytest.raises(PulledCable):
        target.put_media(movie, cut_after(2 << 20))
    (part,) = (tmp_path / "nas" / "TEST" / ".nearset-staging").iterdir()
    part.write_bytes(b"\0" * (1 << 20))
    with pytest.raises(DeliveryError):
        target.put_media(movie, quiet)
    assert target.put_media(movie, quiet) == movie.size_bytes


@pytest.fixture
def weak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount without hard links and without a rename that replaces nothing, as SMB and FAT are."""

    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    class Libc:
        @staticmethod
        def renameat2(*_: object) -> int:
            import ctypes

            ctypes.set_errno(errno.EINVAL)
            return -1

    monkeypatch.setattr("daemon.publish.os.link", no_link)
    monkeypatch.setattr("daemon.publish.ctypes.CDLL", lambda *_, **__: Libc)


@pytest.mark.usefixtures("weak")
def test_where_rename_is_weak_nothing_is_overwritten_and_a_crash_is_taken_up(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    target = FolderTarget("nas", tmp_path / "nas", "TEST")
    movie = medium(tmp_path, b"ours")
    there = tmp_path / "nas" / "TEST" / movie.path
    there.parent.mkdir(parents=True)
    there.touch()  # the name was reserved, then the power went
    assert target.put_media(movie, quiet) == 4
    assert there.read_bytes() == b"ours"
    other = medium(tmp_path, b"new", movie.path)
    with pytest.raises(NameTaken):
        target.put_media(other, quiet)
    assert there.read_bytes() == b"ours"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", None])
def test_storage_that_cannot_be_reached_or_has_no_such_bucket_is_away(bucket: Bucket, endpoint: str | None) -> None:
    lost = Bucket(endpoint or bucket.endpoint, "no-such-bucket", bucket.credentials).target()
    with pytest.raises(TargetAway) as told:
        lost.put("a", b"x")
    assert "lab did not take a" in told.value.what


def test_a_folder_that_is_not_there_is_away_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(TargetAway):
        FolderTarget("nas", tmp_path / "nas", "TEST")
    assert not (tmp_path / "nas").exists()


@pytest.mark.parametrize("text", ["", "[other]\nkey = 1\n", "[default]\naws_access_key_id = k\n", "no"])
def test_credentials_that_say_nothing_are_told(tmp_path: Path, bucket: Bucket, text: str) -> None:
    path = tmp_path / "keys.ini"
    path.write_text(text)
    with pytest.raises(TargetAway, match="cannot be read"):
        Bucket(bucket.endpoint, bucket.name, str(path)).target()


def test_the_storage_answers_as_asked(bucket: Bucket) -> None:
    target: Any = bucket.target("SHOW")
    target.put("d/x", b"1")
    assert bucket.objects() == {"in/SHOW/d/x": b"1"}
