"""Hashes the bytes of an open file, in one pass, in every format that a manifest may ask for.

Owns the names and the spelling of hashes within nearset: those of ASC MHL (`xxh64` is big-endian hex), plus
`xxhash` (32 bit, ten decimal digits) and `null` (the size, which proves nothing) from legacy MHL. Must not
know of manifests or clips.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import xxhash

from daemon.beneath import HasDescriptor, check_unchanged, mark

BLOCK_BYTES = 1 << 20
"""Bytes read at once: large enough to leave the loop's cost behind, small enough to stay in the cache."""

_C4_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_C4_LENGTH = 90


class _Hasher(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


def _hex(digest: bytes) -> str:
    return digest.hex()


def _decimal(digest: bytes) -> str:
    return f"{int.from_bytes(digest, 'big'):010d}"


def _c4(digest: bytes) -> str:
    """Return the C4 ID of a SHA-512 digest. Source: SMPTE ST 2114."""
    rest, digits = int.from_bytes(digest, "big"), ""
    while rest:
        rest, digit = divmod(rest, len(_C4_DIGITS))
        digits = _C4_DIGITS[digit] + digits
    return "c4" + digits.rjust(_C4_LENGTH - 2, _C4_DIGITS[0])


_FORMATS: dict[str, tuple[Callable[[], _Hasher], Callable[[bytes], str], str]] = {
    "xxh128": (xxhash.xxh3_128, _hex, "[0-9a-f]{32}"),
    "xxh3": (xxhash.xxh3_64, _hex, "[0-9a-f]{16}"),
    "xxh64": (xxhash.xxh64, _hex, "[0-9a-f]{16}"),
    "xxhash": (xxhash.xxh32, _decimal, "[0-9]{10}"),
    "md5": (lambda: hashlib.md5(usedforsecurity=False), _hex, "[0-9a-f]{32}"),
    "sha1": (lambda: hashlib.sha1(usedforsecurity=False), _hex, "[0-9a-f]{40}"),
    "c4": (hashlib.sha512, _c4, f"c4[{_C4_DIGITS}]{{88}}"),
}
NULL = "null"
ALGORITHMS = frozenset({*_FORMATS, NULL})
"""Every hash that can be asked for."""


def well_formed(algorithm: str, value: str) -> bool:
    """Return whether a text is spelled as that algorithm's hashes are spelled here."""
    pattern = "[0-9]+" if algorithm == NULL else _FORMATS[algorithm][2]
    return re.fullmatch(pattern, value, re.ASCII) is not None


def hash_bytes(algorithm: str, data: bytes) -> str:
    """Return the hash of bytes in memory, as `hash_file` spells it."""
    if algorithm == NULL:
        return str(len(data))
    make, spell, _ = _FORMATS[algorithm]
    hasher = make()
    hasher.update(data)
    return spell(hasher.digest())


def hash_file(
    file: HasDescriptor | int, algorithms: Iterable[str], *, progress: Callable[[int], None]
) -> dict[str, str]:
    """Return the file's hashes by algorithm, `xxh128` always among them, each byte read once.

    `progress` is told how many bytes were done since it was last told.

    Raises:
        SourceChanged: the file changed while it was read.
    """
    asked = set(algorithms)
    before = mark(file)
    hashers = {name: _FORMATS[name][0]() for name in sorted({"xxh128", *asked} - {NULL})}
    descriptor = file if isinstance(file, int) else file.fileno()
    if len(hashers) == 1:
        _one_by_one(descriptor, hashers["xxh128"], progress)
    else:
        _side_by_side(descriptor, list(hashers.values()), progress)
    check_unchanged(file, before)
    hashes = {name: _FORMATS[name][1](hasher.digest()) for name, hasher in hashers.items()}
    return hashes | ({NULL: str(before.size_bytes)} if NULL in asked else {})


def _one_by_one(descriptor: int, hasher: _Hasher, progress: Callable[[int], None]) -> None:
    block = memoryview(bytearray(BLOCK_BYTES))
    offset = 0
    while count := os.preadv(descriptor, [block], offset):
        hasher.update(block[:count])
        offset += count
        progress(count)


def _side_by_side(descriptor: int, hashers: list[_Hasher], progress: Callable[[int], None]) -> None:
    """Hash each block in one thread an algorithm while the next block is read into the other buffer."""
    blocks = [memoryview(bytearray(BLOCK_BYTES)) for _ in range(2)]
    offset = 0
    running: list[Future[None]] = []
    with ThreadPoolExecutor(len(hashers)) as pool:
        while count := os.preadv(descriptor, [blocks[0]], offset):
            _finish(running)
            running = [pool.submit(hasher.update, blocks[0][:count]) for hasher in hashers]
            blocks.reverse()
            offset += count
            progress(count)
        _finish(running)


def _finish(running: list[Future[None]]) -> None:
    for future in running:
        future.result()
