"""EDL: the grades in a strange one's comments, and a stringout's picture as one of ours, where it can tell it truly.

An EDL has no rate and no date: it is a list of labels. Reels of more than eight characters make it a File32, which
Avid and Resolve read and which is the same list with wider columns. `why_not` says where there is none.
Source: CMX 3600 as readers take it; File32 as Avid's List Tool writes it; grading systems' `*ASC_SOP (...)(...)(...)`
and `*ASC_SAT n` below an event, with or without a colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from daemon.errors import SidecarError
from daemon.sidecars.cdl import Correction, of_row
from daemon.sidecars.stringout import Stringout, StringoutClip
from engines.media.timecode import frames_a_day, may_drop

_EVENT = re.compile(r"^\d{3,6}\s+(\S{1,64})\s+.*?(\d\d:\d\d:\d\d[:;]\d\d)\s+(\d\d:\d\d:\d\d[:;]\d\d)\s+\d\d:", re.ASCII)
_COMMENT = re.compile(r"^\*\s*(ASC_SOP|ASC_SAT|FROM CLIP NAME)\s*:?\s*(.*)$", re.IGNORECASE)
_REEL, _WIDE_REEL = 8, 32
_EVENTS, _WIDE_EVENTS = 999, 9999
_LABELS = 100
"""From so many labels a second on, frames need three digits, which no EDL has."""


@dataclass(slots=True)
class _Event:
    reel: str
    start: str
    words: dict[str, str]


def parse(data: bytes, *, source: str = "the EDL") -> tuple[Correction, ...]:
    """Return the grades of an EDL's events, in order; none where it carries none.

    Raises:
        SidecarError: it has no events.
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
    name, sop, sat = (event.words.get(word, "") for word in ("FROM CLIP NAME", "ASC_SOP", "ASC_SAT"))
    return of_row(name, sop, sat, source, reel=event.reel, start=event.start)


def why_not(stringout: Stringout) -> str:
    """Return why an EDL of this stringout would lie, empty where it would not."""
    crossing = [clip.name for clip in stringout.clips if stringout.crosses_midnight(clip)]
    lies = {
        "takes with and without drop-frame timecode are in it": len({clip.drop_frame for clip in stringout.clips}) > 1,
        "an EDL has no rate, and readers take its labels for drop-frame ones": may_drop(stringout.rate)
        and not stringout.drop_frame,
        f"an EDL has no label for {stringout.label_rate} frames a second": stringout.label_rate >= _LABELS,
        f"{''.join(crossing[:1])} crosses midnight, and its end would lie before its start": bool(crossing),
        "it is longer than a day": stringout.start.frame + stringout.frames
        >= frames_a_day(stringout.rate, drop=stringout.drop_frame),
        f"it has more than {_WIDE_EVENTS} events": len(stringout.clips) > _WIDE_EVENTS,
    }
    return next((why for why, is_true in lies.items() if is_true), "")


def compose(stringout: Stringout) -> bytes:
    """Return the stringout as `.edl`; only where `why_not` is empty."""
    wide = len(stringout.clips) > _EVENTS or any(len(clip.reel) > _REEL for clip in stringout.clips)
    mode = "DROP FRAME" if stringout.drop_frame else "NON-DROP FRAME"
    lines = [f"TITLE: {stringout.name}", f"FCM: {mode}", ""]
    for number, (at, clip) in enumerate(stringout.placed(), 1):
        lines += _cut(stringout, number, at, clip, wide=wide)
    return ("\r\n".join(lines) + "\r\n").encode()


def _cut(stringout: Stringout, number: int, at: int, clip: StringoutClip, *, wide: bool) -> list[str]:
    source, record = stringout.timecode(clip), stringout.start.plus(at)
    labels = (source, source.plus(clip.frames), record, record.plus(clip.frames))
    digits, width = (6, _WIDE_REEL) if wide else (3, _REEL)
    cut = f"{number:0{digits}}  {clip.reel:<{width}} V     C        {' '.join(label.label for label in labels)}"
    told = [("FROM CLIP NAME", clip.name), ("SOURCE FILE", clip.file_name)]
    grade = [f"* ASC_SOP {clip.asc_sop}", f"* ASC_SAT {clip.asc_sat}"] if clip.asc_sop else []
    return [cut, *(f"* {key}: {value}" for key, value in told), *grade, ""]
