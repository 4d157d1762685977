"""The way to the storage is cut, and the process that delivers is killed, in the midst of a large file."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from relay import Relay
from storage import Bucket

from daemon.errors import TargetAway
from daemon.hashing import hash_bytes
from daemon.targets import s3
from daemon.targets.base import Medium
from daemon.targets.folder import FolderTarget

PART = 5 << 20
PARTS = 4
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["daemon.targets.folder", "daemon.targets.s3", "s3fs"])
"""Loaded once for all that are killed, not once for each."""


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Medium:
    """A file of four parts."""
    monkeypatch.setattr(s3, "_PART_BYTES", PART)
    data = os.urandom(PARTS * PART - 1000)
    here = tmp_path / "A001C001.mov"
    here.write_bytes(data)
    return Medium("20260302/A001/proxy/A001C001.mov", here, hash_bytes("xxh128", data), len(data))


@pytest.fixture
def relay(server: str) -> Iterator[Relay]:
    made = Relay(int(server.rpartition(":")[2]))
    yield made
    made.close()


def test_a_way_that_is_cut_and_mended_costs_no_part_twice(movie: Medium, bucket: Bucket, relay: Relay) -> None:
    through = Bucket(relay.endpoint, bucket.name, bucket.credentials)
    relay.most_bytes = 2 * PART + PART // 2
    with pytest.raises(TargetAway):
        through.target().put_media(movie, lambda *_: None)
    assert bucket.objects() == {}
    relay.most_bytes = 1 << 60
    assert through.target().put_media(movie, lambda *_: None) == movie.size_bytes - 2 * PART
    assert bucket.target().read(movie.path) == movie.here.read_bytes()
    assert bucket.begun() == []


def send(kind: str, where: Bucket | str, movie: Medium, part_bytes: int, kill_at: int) -> None:
    """Send a file in a process of its own, and be killed as soon as so many bytes are done."""
    s3._PART_BYTES = part_bytes

    def progress(done: int, _total: int, /) -> None:
        if done >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    target = where.target() if isinstance(where, Bucket) else FolderTarget("nas", Path(where), "TEST")
    target.put_media(movie, progress)


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_killed_at_each_part_it_is_whole_at_the_end_and_nothing_was_half_published(
    kind: str, movie: Medium, bucket: Bucket, tmp_path: Path
) -> None:
    (tmp_path / "nas").mkdir()
    where: Bucket | str = bucket if kind == "s3" else str(tmp_path / "nas")
    target = bucket.target() if kind == "s3" else FolderTarget("nas", tmp_path / "nas", "TEST")
    for part in range(1, PARTS + 1):
        kill_at = min(part * PART, movie.size_bytes)
        process = _PROCESSES.Process(target=send, args=(kind, where, movie, PART, kill_at))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert target.read(movie.path) is None
    assert target.put_media(movie, lambda *_: None) == 0  # every byte was there; it was only not one file yet
    assert target.read(movie.path) == movie.here.read_bytes()
    assert bucket.begun() == []
