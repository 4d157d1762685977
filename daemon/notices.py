"""Notices: what people away from the cart are told: cards done and failed, what needs a look, disk low, GPU lost.

News is what a status says and was not told yet. It is gathered for a moment and goes out as one message, however many
clips it is of, at most one a minute through each way. What cannot be sent is tried again for an hour, then let go; no
card waits for it. What was told is in the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from daemon.destinations import Event
from daemon.status import CardStatus, ClipStatus, Snapshot

_TITLES = {
    Event.CARD_DONE: "done",
    Event.CARD_FAILED: "failed",
    Event.NEEDS_A_LOOK: "needs a look",
    Event.DISK_LOW: "disk low",
    Event.GPU_LOST: "GPU lost",
}
_COUNTED = {Event.NEEDS_A_LOOK: "to look at"}
_NAMED, _MOST_LINES, _LINE_LETTERS = 3, 12, 300
"""Clips of a line that are named, lines of a message, and letters of a line: a chat takes 2000 letters."""
_HARMLESS = str.maketrans({"<": "(", ">": ")", "@": "(at)", "`": "'", "*": "+", "[": "(", "]": ")"})
"""Names come from cards: none calls a channel, links or formats in a chat."""


@dataclass(frozen=True, slots=True)
class News:
    """Something to be told. Once it was, `fact` is remembered under `subject`: another fact is news again.

    `roll` and `clip` are what it is of, empty for the machine.
    """

    event: Event
    subject: str
    fact: str
    roll: str
    clip: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: plain text."""

    title: str
    body: str


def news_of(seen: Snapshot) -> Iterator[News]:
    """Yield all that a status says that people may want to be told, told before or not."""
    for card in seen.cards:
        yield from _of_card(card)
    low = [f"{it.name}: {_gib(it.free_bytes)} free, {_gib(it.needed_bytes)} needed" for it in seen.volumes if it.is_low]
    if seen.no_room or low:
        why = seen.no_room or "; ".join(low)
        yield News(Event.DISK_LOW, "disk", "full" if seen.no_room else "low", "", "", why, "make room")
    if seen.gpu_lost:
        yield News(Event.GPU_LOST, "gpu", "lost", "", "", seen.gpu_lost, "nearset doctor")


def _of_card(card: CardStatus) -> Iterator[News]:
    place = f"{card.shoot_day} {card.path}"
    delivered = sum(clip.state == "delivered" for clip in card.clips)
    if card.complete:
        left = sum(clip.state not in {"delivered", "filed", "duplicate"} for clip in card.clips)
        why = f"{delivered} clip{'s' * (delivered != 1)}" + (f", {left} not delivered" if left else "")
        yield News(Event.CARD_DONE, f"done {place}", f"{delivered}", card.roll, "", why, "")
    if card.why:
        yield News(Event.CARD_FAILED, f"unwritten {place}", card.why, card.roll, "", card.why, card.fix)
    if card.missing:
        why = f"its own index names what is not there: {_names(card.missing)}"
        yield News(Event.NEEDS_A_LOOK, f"lacks {place}", why, card.roll, "", why, "offload it again")
    for clip in card.clips:
        if clip.state in _STOPPED:
            yield News(
                _STOPPED[clip.state], f"{place}/{clip.name}", clip.why, card.roll, clip.name, _reason(clip), clip.fix
            )


_STOPPED = {"failed": Event.CARD_FAILED, "held": Event.NEEDS_A_LOOK, "undecodable": Event.NEEDS_A_LOOK}


def _reason(clip: ClipStatus) -> str:
    """Return why a clip stopped without its own name, so that forty of one reason are one line."""
    return re.sub(rf"\b{re.escape(clip.name)}(\.\w+)?\b", "it", clip.why)


def composed(production: str, news: Iterable[News]) -> Message:
    """Return one message of all news: a line for each reason of each roll, those of one kind together."""
    ordered = sorted(news, key=lambda it: (list(Event).index(it.event), it.roll, it.why, it.fix))
    groups = [list(group) for _, group in groupby(ordered, key=lambda it: (it.event, it.roll, it.why, it.fix))]
    counts = {event: sum(it.event is event for it in ordered) for event in Event}
    title = ", ".join(f"{count} {_COUNTED.get(event, _TITLES[event])}" for event, count in counts.items() if count)
    lines = [_line(group) for group in groups[:_MOST_LINES]]
    if len(groups) > _MOST_LINES:
        lines.append(f"and {len(groups) - _MOST_LINES} more: nearset status")
    return Message(_clean(f"{production}: {title}"), "\n".join(lines))


def _line(group: list[News]) -> str:
    first, clips = group[0], [it.clip for it in group if it.clip]
    of = f"{len(clips)} clips ({_names(clips)})" if len(clips) > 1 else "".join(clips)
    told = ": ".join(filter(None, (_TITLES[first.event], " ".join(filter(None, (first.roll, of))), first.why)))
    return _clean(f"{told}. {first.fix}" if first.fix else told)


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def _clean(text: str) -> str:
    printable = "".join(sign if sign.isprintable() else " " for sign in text.translate(_HARMLESS))
    return printable if len(printable) <= _LINE_LETTERS else f"{printable[: _LINE_LETTERS - 1]}…"


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):.1f} GiB"


@dataclass(slots=True)
class Pending:
    """News of one way that was not told: when it goes out, and when it is let go. Seconds are monotonic."""

    gather_seconds: float = 30.0
    rest_seconds: float = 60.0
    longest_rest_seconds: float = 900.0
    patience_seconds: float = 3600.0
    news: tuple[News, ...] = ()
    _since: float = 0.0
    _not_before: float = float("-inf")
    _failures: int = field(default=0)

    def take(self, news: tuple[News, ...], now: float) -> None:
        """Take what is not told now."""
        if news and not self.news:
            self._since = now
        self.news = news

    def is_due(self, now: float) -> bool:
        """Return whether a message goes out now."""
        return bool(self.news) and now >= max(self._since + self.gather_seconds, self._not_before)

    def sent(self, now: float) -> None:
        """Rest after a message."""
        self._failures, self._not_before = 0, now + self.rest_seconds

    def failed(self, now: float) -> bool:
        """Rest after one that was not taken, longer each time; return whether it is to be let go."""
        self._not_before = now + min(self.rest_seconds * 2**self._failures, self.longest_rest_seconds)
        self._failures += 1
        lets_go = now - self._since >= self.patience_seconds
        self._since = now if lets_go else self._since  # what comes after has as long
        return lets_go
