"""Spans: a recording that goes on on another roll becomes one clip, once both halves are here.

What goes on from what is said by the cards (`slate.Span`) and believed only where the timecode goes on, too: no card
makes another's clip longer by its word alone. A half waits so long as the configuration says, is then delivered in part
with a mark that says so, and is completed by a new revision when the other one comes. Both rolls lie in one offload
root. There is no work side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.states import ClipEvent, ClipState
from daemon.store import Clip
from engines.media.essence import Essence
from engines.media.timecode import frames_a_day

_DELIVERED = frozenset({ClipState.PROXIED, ClipState.DELIVERED})
_MADE = _DELIVERED | {ClipState.PROBED}
_HEADS = _MADE | {ClipState.FILED}
"""States of a clip that another may go on from; filed is one that is a part of a third itself."""
_ALIKE = ("codec", "width", "height", "rate", "drop_frame", "field_order", "pixel_format")
_MINUTE = 60


class Spans:
    """The plan side."""

    name = "spans"

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._refused: set[tuple[int, int]] = set()

    def plan(self, production: Production, now: Moment) -> None:
        """Join the halves that were probed, and let those that wait for another wait."""
        store = production.store
        probed = [clip for clip in store.clips(states=[ClipState.PROBED]) if clip.found.span]
        halves = _Halves.of(store.clips(states=_HEADS)) if probed else _Halves({}, {})
        for known in probed:
            clip = store.clip(known.id)
            production.waiting.pop(clip.id, None)
            if clip.state is ClipState.PROBED and not self._join(production, halves, clip, now):
                self._wait(production, store.clip(clip.id), now)

    def _join(self, production: Production, halves: _Halves, clip: Clip, now: Moment) -> bool:
        """Join a clip behind the one that it goes on from, and before one that was delivered without it.

        Returns whether it is made with another now, and not by itself.
        """
        span = clip.found.span
        assert span
        heads = halves.by_last.get(span.continues, []) if span.continues else []
        if any(self._joined(production, head, clip, now) for head in heads if _may_join(production, head, clip)):
            return True
        for tail in halves.by_continues.get(span.last, []):
            is_alone = tail.state in _DELIVERED and production.store.head(tail.id) == tail.id
            if is_alone and _may_join(production, clip, tail):
                self._joined(production, clip, tail, now)
        return False

    def _joined(self, production: Production, head: Clip, tail: Clip, now: Moment) -> bool:
        """Join two clips where the second goes on where the first ends; what does not is told once."""
        assert head.essence
        assert tail.essence
        store = production.store
        if len(store.parts(head.id)) > 1 or _goes_on(head.essence, tail.essence):
            _join(production, head, tail, now)
            return True
        if (head.id, tail.id) not in self._refused:
            self._refused.add((head.id, tail.id))
            why = "its timecode does not go on where that ends, or it is of another kind"
            get().warning("span.refused", clip=tail.name, after=head.name, why=why)
        return False

    def _wait(self, production: Production, clip: Clip, now: Moment) -> None:
        lacks = lacking(production, clip)
        minutes = production.config.offload.span_wait_minutes
        waited = now.utc_seconds - datetime.fromisoformat(clip.ready_at).timestamp()
        # A clock that was set back since has it ready in the future: then it waits no longer than that once more.
        if lacks and abs(waited) < minutes * _MINUTE and not production.store.proxies(clip.id):
            left = round(minutes - waited / _MINUTE)
            production.waiting[clip.id] = f"{lacks}: waits {left} more minutes for it, then is delivered in part"
            if clip.id not in self._told:
                self._told.add(clip.id)
                get().info("span.waits", clip=clip.name, why=lacks, minutes=minutes)


def lacking(production: Production, clip: Clip) -> str:
    """Return which half of its recording a clip lacks, empty where it is whole as far as its card knows."""
    if clip.found.span is None:
        return ""
    last = production.store.parts(clip.id)[-1].found.span
    lacks = ["beginning"] if clip.found.span.continues else []
    lacks += ["end"] if last and last.follows else []
    return f"its {' and '.join(lacks)} lies on another roll" if lacks else ""


def identity_of(production: Production, clip: Clip) -> str:
    """Return what names all bytes of a clip, those on other rolls too."""
    parts = production.store.parts(clip.id)
    return clip.identity if len(parts) == 1 else key_of("span", *(part.identity for part in parts))


@dataclass(frozen=True, slots=True)
class _Halves:
    """The clips with a span, by their last part and by the part that they go on from."""

    by_last: dict[str, list[Clip]]
    by_continues: dict[str, list[Clip]]

    @classmethod
    def of(cls, clips: Iterable[Clip]) -> _Halves:
        """Return those among clips that were probed."""
        found = cls({}, {})
        for clip in clips:
            if clip.essence and (span := clip.found.span):
                found.by_last.setdefault(span.last, []).append(clip)
                if span.continues:
                    found.by_continues.setdefault(span.continues, []).append(clip)
        return found


def _may_join(production: Production, head: Clip, tail: Clip) -> bool:
    """Return whether two clips lie on different rolls of one root, and neither is joined with another there."""
    store = production.store
    one, other = store.card(head.card), store.card(tail.card)
    if one.id == other.id or one.root != other.root:
        return False
    parts = store.parts(head.id)
    if len(parts) > 1:
        return parts[1].id == tail.id
    return store.head(tail.id) == tail.id != store.head(head.id)


def _join(production: Production, head: Clip, tail: Clip, now: Moment) -> None:
    """Make one of two clips: the first is made anew with both, the second is filed if it was not delivered."""
    store = production.store
    with store.transaction():
        if store.head(tail.id) == tail.id:
            store.join(head.id, tail.id)
        if tail.state is ClipState.PROBED:
            store.happen(tail.id, ClipEvent.JOINED, now.iso)
        first = store.clip(store.head(head.id))
        if first.state in _MADE | {ClipState.READY}:
            store.happen(first.id, ClipEvent.REVISED, now.iso)
    get().info("span.joined", clip=first.name, part=tail.name, roll=store.card(tail.card).roll)


def _goes_on(head: Essence, tail: Essence) -> bool:
    """Return whether one essence begins on the frame after another one's last, and is like it."""
    end = (head.start_frame + head.frames) % frames_a_day(head.rate, drop=head.drop_frame)
    return end == tail.start_frame and all(getattr(head, field) == getattr(tail, field) for field in _ALIKE)
