"""Prints how fast custody hashes a warm file, beside the bare digest loop of each library in the same run.

Run: `python bench/hashing.py [MEBIBYTES]`; exits 1 below 1 GB/s for xxh128. The file is made in the temporary
folder, warm from being written, and removed. The best of several rounds counts; the rounds of both sides are
interleaved, so that a neighbour's load falls on both. Must not be imported by nearset.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import xxhash

from daemon.beneath import open_beneath
from daemon.hashing import hash_file

ROUNDS = 5
BARE_BLOCK_BYTES = 1 << 20
TARGET_GB_PER_SECOND = 1.0


def bare(path: Path, make: Callable[[], object]) -> None:
    hasher = make()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BARE_BLOCK_BYTES):
            hasher.update(block)  # type: ignore[attr-defined]


def ours(path: Path, algorithms: tuple[str, ...]) -> None:
    with open_beneath(path.parent, path.name) as file:
        hash_file(file, algorithms, progress=lambda _: None)


def seconds(work: Callable[[], None]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def compare(path: Path, algorithms: tuple[str, ...], make: Callable[[], object]) -> tuple[float, float]:
    """Return GB/s of nearset and of the bare loop over the slowest of its algorithms."""
    size_gb = path.stat().st_size / 1e9
    rounds = [(seconds(lambda: ours(path, algorithms)), seconds(lambda: bare(path, make))) for _ in range(ROUNDS)]
    return size_gb / min(one for one, _ in rounds), size_gb / min(other for _, other in rounds)


def main() -> int:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    cases = (
        (("xxh128",), xxhash.xxh3_128),
        (("xxh64",), xxhash.xxh64),
        (("md5",), hashlib.md5),
        (("sha1",), hashlib.sha1),
        (("c4",), hashlib.sha512),
        (("xxh64", "md5", "c4"), hashlib.md5),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "A001C001.mov"
        path.write_bytes(os.urandom(1 << 20) * mebibytes)
        print(f"{mebibytes} MiB, warm, best of {ROUNDS}; xxh128 is always hashed too")
        print(f"{'manifest asks for':<20}{'nearset GB/s':>14}{'bare loop GB/s':>16}{'ratio':>8}")
        speeds = {}
        for algorithms, make in cases:
            speeds[algorithms], loop = compare(path, algorithms, make)
            name, ratio = "+".join(algorithms), speeds[algorithms] / loop
            print(f"{name:<20}{speeds[algorithms]:>14.2f}{loop:>16.2f}{ratio:>8.2f}")
    return 0 if speeds[("xxh128",)] >= TARGET_GB_PER_SECOND else 1


if __name__ == "__main__":
    sys.exit(main())
