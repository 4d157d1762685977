"""An AVCHD card's playlist (`PLAYLIST/00000.MPL`): its streams in order, and which go on from the one before.

Bytes to dataclass, nothing else. A recording that the camera split at a file's largest size goes on without a seam.
Source: the layout of a play item as libbluray reads it (mpls_parse.c): a length of 16 bits, five digits of the stream's
name, `M2TS`, 12 bits, then 4 of the connection condition; 5 and 6 are seamless.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from daemon.errors import SidecarError

_SEAMLESS = frozenset({5, 6})
_HEADER, _ITEM = struct.Struct(">4s4sI"), struct.Struct(">H5s4sH")


@dataclass(frozen=True, slots=True)
class PlayItem:
    """A stream by name (`00001`); `continues` where it goes on from the stream before it without a seam."""

    stream: str
    continues: bool


def parse(data: bytes, source: str) -> tuple[PlayItem, ...]:
    """Return a playlist's items in order.

    Raises:
        SidecarError: it is no playlist, or is cut short.
    """
    try:
        magic, _, at = _HEADER.unpack_from(data)
        (count,) = struct.unpack_from(">H", data, at + 6)
        items, at = [], at + 10
        for _ in range(count):
            length, stream, _, flags = _ITEM.unpack_from(data, at)
            items.append(PlayItem(stream.decode("ascii"), flags & 0xF in _SEAMLESS))
            at += 2 + length
    except (struct.error, UnicodeDecodeError) as error:
        raise _bad(source, str(error)) from error
    if magic != b"MPLS":
        raise _bad(source, f"it begins with {magic!r}")
    return tuple(items)


def _bad(source: str, why: str) -> SidecarError:
    return SidecarError(f"{source} is no playlist that can be read", why=why, fix="copy it again from the card")
