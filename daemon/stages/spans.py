"""Spans: a recording that goes on on another roll becomes one clip, once both halves are here.

What goes on from what is said by the cards (`slate.Span`) and believed only where the timecode goes on, too: no card
makes another's clip longer by its word alone. A half waits so long as the configuration says, is then delivered in part
with a mark that says so, and is completed by a new revision when the other one comes. Both rolls lie in one offload
root. There is no work side.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daemon.log import get
from daemon.production import Moment, Production, key_of
from daemon.states import ClipEvent, ClipState
from daemon.store import Clip
from engines.media.essence import Essence
from engines.media.timecode import frames_a_day

_MADE = frozenset({ClipState.PROBED, ClipState.PROXIED, ClipState.DELIVERED})
_HEADS = _MADE | {ClipState.FILED}
"""States of a clip that another may go on from; filed is one that is a part of a third itself."""
_ALIKE = ("codec", "width", "height", "rate", "drop_frame", "field_order", "pixel_format")
_MINUTE = 60


class Spans:
    """The plan side."""

    name = "spans"

    def __init__(self) -> None:
        self._told: set[int] = set()

    def plan(self, production: Production, now: Moment) -> None:
        """Join the halves that were probed, and let those that wait for another wait."""
        store = production.store
        for clip in store.clips(states=[ClipState.PROBED]):
            if clip.found.span is None:
                continue
            production.waiting.pop(clip.id, None)
            if not (_join_behind(production, clip, now) or _join_before(production, clip, now)):
                self._wait(production, store.clip(clip.id), now)

    def _wait(self, production: Production, clip: Clip, now: Moment) -> None:
        lacks = lacking(production, clip)
        minutes = production.config.offload.span_wait_minutes
        waited = now.utc_seconds - datetime.fromisoformat(clip.ready_at).timestamp()
        if lacks and waited < minutes * _MINUTE and not production.store.proxies(clip.id):
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


def _join_behind(production: Production, clip: Clip, now: Moment) -> bool:
    """Join a clip behind the one that it goes on from; return whether it is made with that now."""
    span = clip.found.span
    if span is None or not span.continues:
        return False
    heads = [
        head for head in _others(production, clip, _HEADS) if head.found.span and head.found.span.last == span.continues
    ]
    return any(_joined(production, head, clip, now) for head in heads)


def _join_before(production: Production, clip: Clip, now: Moment) -> bool:
    """Join a clip before one that goes on from it and was delivered alone; return False: it is to be made still."""
    span = clip.found.span
    if span is not None and len(production.store.parts(clip.id)) == 1:
        tails = _others(production, clip, _MADE - {ClipState.PROBED})
        for tail in (tail for tail in tails if tail.found.span and tail.found.span.continues == span.last):
            _joined(production, clip, tail, now)
    return False


def _others(production: Production, clip: Clip, states: frozenset[ClipState]) -> Iterator[Clip]:
    """Yield the clips of the other cards of a root that have a span, and were probed."""
    store = production.store
    cards = {card.id for card in store.cards() if card.root == store.card(clip.card).root} - {clip.card}
    for other in store.clips(states=states):
        if other.card in cards and other.found.span and other.essence:
            yield other


def _joined(production: Production, head: Clip, tail: Clip, now: Moment) -> bool:
    """Join two clips where the second goes on where the first ends; the first is made anew with both."""
    store = production.store
    assert head.essence
    assert tail.essence
    if store.head(head.id) == store.head(tail.id):
        known = True
    elif _goes_on(head.essence, tail.essence):
        known = False
    else:
        get().warning(
            "span.refused", clip=tail.name, after=head.name, why="its timecode does not go on where that ends"
        )
        return False
    with store.transaction():
        if not known:
            store.join(head.id, tail.id)
        if tail.state is ClipState.PROBED:
            store.happen(tail.id, ClipEvent.JOINED, now.iso)
        first = store.clip(store.head(head.id))
        if first.state in _MADE:
            store.happen(first.id, ClipEvent.REVISED, now.iso)
    get().info("span.joined", clip=first.name, part=tail.name, roll=store.card(tail.card).roll)
    return True


def _goes_on(head: Essence, tail: Essence) -> bool:
    """Return whether one essence begins on the frame after another one's last, and is like it."""
    end = (head.start_frame + head.frames) % frames_a_day(head.rate, drop=head.drop_frame)
    return end == tail.start_frame and all(getattr(head, field) == getattr(tail, field) for field in _ALIKE)
