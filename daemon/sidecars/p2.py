"""P2's clip metadata (`CONTENTS/CLIP/0001AB.XML`): which clip it is, and which ones it goes on from and into.

Bytes to dataclass, nothing else. A recording that the camera split, in a card or over two, is a shot whose clips name
each other. Source: fields as Adobe's XMP Toolkit reads them (P2_Support.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.sidecars import xml

_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class P2Clip:
    """One clip's global id, and those of the clips before and after it in its shot; empty where there is none."""

    global_id: str
    previous_id: str
    next_id: str


def parse(data: bytes, source: str) -> P2Clip:
    """Return what a clip's XML says of its place in a shot.

    Raises:
        SidecarError: it is no XML that is safe to read.
    """
    root = xml.parse(data, _LIMIT_BYTES, source=source)
    content = xml.child(root, "ClipContent")
    if content is None:
        return P2Clip("", "", "")
    relation = xml.child(content, "Relation")
    connection = None if relation is None else xml.child(relation, "Connection")
    return P2Clip(xml.text(content, "GlobalClipID"), _named(connection, "Previous"), _named(connection, "Next"))


def _named(connection: xml.Element | None, neighbour: str) -> str:
    found = None if connection is None else xml.child(connection, neighbour)
    return "" if found is None else xml.text(found, "GlobalClipID")
