"""CMX 3600 EDL: the grades in its comments, and the clips they belong to. Bytes to grades, nothing else.

Source: the EDLs of grading systems, `*ASC_SOP (...)(...)(...)` and `*ASC_SAT n` below an event, with or without a
colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.errors import SidecarError
from daemon.sidecars.cdl import Correction, from_words

_EVENT = re.compile(r"^\d{3,6}\s+(\S{1,64})\s+.*?(\d\d:\d\d:\d\d[:;]\d\d)\s+(\d\d:\d\d:\d\d[:;]\d\d)\s+\d\d:", re.ASCII)
_COMMENT = re.compile(r"^\*\s*(ASC_SOP|ASC_SAT|FROM CLIP NAME)\s*:?\s*(.*)$", re.IGNORECASE)


@dataclass(slots=True)
class _Event:
    reel: str
    start: str
    words: dict[str, str]


def parse(data: bytes, *, source: str = "the EDL") -> tuple[Correction, ...]:
    """Return the grades of an EDL's events, in order; none where it carries none.

    Raises:
        SidecarError: it has no events, or a grade in it makes no sense.
    """
    events: list[_Event] = []
    for line in data.decode("utf-8", "replace").splitlines():
        if event := _EVENT.match(line.strip()):
            events.append(_Event(event[1], event[2], {}))
        elif events and (comment := _COMMENT.match(line.strip())):
            events[-1].words.setdefault(comment[1].upper(), comment[2].strip())
    if not events:
        raise SidecarError(f"{source} is no EDL", why="it has no events", fix="export it again, as CMX 3600")
    return tuple(_correction(event, source) for event in events if {"ASC_SOP", "ASC_SAT"} & event.words.keys())


def _correction(event: _Event, source: str) -> Correction:
    cdl = from_words(event.words.get("ASC_SOP", ""), event.words.get("ASC_SAT", ""), source)
    return Correction(event.words.get("FROM CLIP NAME", ""), cdl, event.reel, event.start)
