from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.beneath import open_beneath
from daemon.errors import SourceChanged
from daemon.hashing import ALGORITHMS, BLOCK_BYTES, hash_bytes, hash_file, well_formed

EMPTY_C4 = "c459dsjfscH38cYeXXYogktxf4Cd9ibshE3BHUo6a58hBXmRQdZrAkZzsWcbWtDg5oQstpDuni4Hirj75GEmTc1sFT"
"""The C4 ID of no bytes at all, as SMPTE ST 2114 gives it."""


def hashes_of(path: Path, algorithms) -> dict[str, str]:
    with open_beneath(path.parent, path.name) as file:
        return hash_file(file, algorithms, progress=lambda _: None)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 17])
def test_every_format_is_hashed_in_one_pass_over_any_size(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "A001C001.mov").write_bytes(data)
    got = hashes_of(tmp_path / "A001C001.mov", ALGORITHMS)
    assert got == {name: hash_bytes(name, data) for name in ALGORITHMS}
    assert all(well_formed(name, value) for name, value in got.items())
    assert got["xxh128"] == xxhash.xxh3_128_hexdigest(data)
    assert got["xxh3"] == xxhash.xxh3_64_hexdigest(data)
    assert got["xxh64"] == xxhash.xxh64_hexdigest(data)
    assert got["xxhash"] == f"{xxhash.xxh32_intdigest(data):010d}"
    assert got["md5"] == hashlib.md5(data).hexdigest()
    assert got["sha1"] == hashlib.sha1(data).hexdigest()
    assert got["null"] == str(size)


def test_xxh128_is_always_there(tmp_path):
    (tmp_path / "a.mov").write_bytes(b"a")
    assert set(hashes_of(tmp_path / "a.mov", [])) == {"xxh128"}
    assert set(hashes_of(tmp_path / "a.mov", ["md5"])) == {"xxh128", "md5"}


def test_the_c4_of_nothing_is_the_standards_own():
    assert hash_bytes("c4", b"") == EMPTY_C4


def test_progress_tells_each_byte_once(tmp_path):
    (tmp_path / "a.mov").write_bytes(bytes(3 * BLOCK_BYTES + 5))
    told: list[int] = []
    with open_beneath(tmp_path, "a.mov") as file:
        hash_file(file, ["md5"], progress=told.append)
        hash_file(file, [], progress=told.append)
    assert sum(told) == 2 * (3 * BLOCK_BYTES + 5)


@pytest.mark.parametrize("algorithms", [[], ["md5", "c4"]])
def test_a_clip_still_written_while_it_is_hashed_is_noticed(tmp_path, algorithms):
    clip = tmp_path / "A001C001.mov"
    clip.write_bytes(bytes(BLOCK_BYTES + 1))

    def camera_writes_on(_: int) -> None:
        with clip.open("ab") as writing:
            writing.write(b"more")

    with open_beneath(tmp_path, clip.name) as file, pytest.raises(SourceChanged):
        # The first block's progress appends, the next block reads it: only the mark can tell.
        hash_file(file, algorithms, progress=_once(camera_writes_on))


def _once(act):
    calls = []

    def tell(count: int) -> None:
        if not calls:
            calls.append(count)
            act(count)

    return tell


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=4096), position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_seen_by_every_hash(tmp_path, data, position, bit):
    clip = tmp_path / "A001C001.mov"
    clip.write_bytes(data)
    before = hashes_of(clip, ALGORITHMS)
    flipped = bytearray(data)
    flipped[position % len(data)] ^= 1 << bit
    clip.write_bytes(flipped)
    after = hashes_of(clip, ALGORITHMS)
    assert {name for name in ALGORITHMS if before[name] == after[name]} == {"null"}


@pytest.mark.parametrize(
    ("algorithm", "text"),
    [("md5", "d4"), ("xxh64", "zz" * 8), ("c4", "c4" + "0" * 88), ("xxhash", "-000000001"), ("null", "")],
)
def test_nonsense_is_not_a_hash(algorithm, text):
    assert not well_formed(algorithm, text)
