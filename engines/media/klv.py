"""KLV: the sets of an MXF file's header metadata, taken apart and put together. Knows bytes, no story.

Source: SMPTE ST 377-1 (partition packs, local sets), ST 336 (KLV).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

KAG = 512
"""Bytes that partitions begin at a multiple of, as libavformat writes them."""
SET = bytes.fromhex("060e2b34025301010d01010101")
"""Begin of the label of every set of header metadata; the 15th byte is the kind."""
PRIMER = bytes.fromhex("060e2b34020501010d01020101050100")
STORAGE, ESSENCE_DATA = 0x18, 0x23
ASPECT_RATIO = 0x320E
"""Tag of the shape of a descriptor's picture."""
MATERIAL, SOURCE, TRACK, SEQUENCE, CLIP, TIMECODE, TAPE = 0x36, 0x37, 0x3B, 0x0F, 0x11, 0x14, 0x2E


@dataclass(slots=True)
class LocalSet:
    """A set of header metadata: its kind (the label's byte 14) and its values by local tag."""

    kind: int
    label: bytes
    values: dict[int, bytes]

    @property
    def instance(self) -> bytes:
        """What other sets name it by."""
        return self.values[0x3C0A]

    def refers_to(self) -> list[bytes]:
        """Return the instances that it owns."""
        found = [self.values[tag] for tag in (0x4803, 0x4701) if tag in self.values]
        for tag in (0x4403, 0x1001):
            batch = self.values.get(tag, bytes(8))
            found += [batch[at : at + 16] for at in range(8, len(batch), 16)]
        return found

    def packed(self) -> bytes:
        """Return it as it stands in a file."""
        body = b"".join(
            tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for tag, value in self.values.items()
        )
        return self.label + b"\x83" + len(body).to_bytes(3, "big") + body


def local_sets(data: bytes) -> list[LocalSet]:
    """Return the sets of header metadata in their order."""
    return [
        LocalSet(key[14], key, dict(_tags(value))) for key, value in klvs(data) if key.startswith(SET) and key[13] == 1
    ]


def klvs(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield label and value of each item."""
    at = 0
    while at + 17 <= len(data):
        begin = value_at(data, at)
        length = _length(data, at)
        yield data[at : at + 16], data[begin : begin + length]
        at = begin + length


def value_at(data: bytes | bytearray, at: int) -> int:
    """Return where the value of the item at a place begins."""
    first = data[at + 16]
    return at + 17 + (first & 0x7F if first & 0x80 else 0)


def _length(data: bytes, at: int) -> int:
    first = data[at + 16]
    return int.from_bytes(data[at + 17 : value_at(data, at)], "big") if first & 0x80 else first


def _tags(value: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(value):
        size = int.from_bytes(value[at + 2 : at + 4], "big")
        yield int.from_bytes(value[at : at + 2], "big"), value[at + 4 : at + 4 + size]
        at += 4 + size


def field_of(pack: bytes, offset: int, size: int) -> bytes:
    """Return a field of a partition pack, by its offset in the pack's value."""
    at = value_at(pack, 0) + offset
    return pack[at : at + size]


def batch_of(value: bytes) -> list[bytes]:
    """Return the instances that a batch names."""
    return [value[at : at + 16] for at in range(8, len(value), 16)]
