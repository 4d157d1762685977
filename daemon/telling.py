"""Telling: the log says why a card still waits and why a clip stopped, once for each reason.

What is told comes from the store and from `production.waiting`; a restart tells it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.log import get
from daemon.production import Moment, Production
from daemon.queue import banner
from daemon.slate import Trouble
from daemon.states import GATE_STATES, SETTLED_STATES, ClipState
from daemon.store import Card, Clip

_PAUSED_SECONDS = 600.0
"""Between two reminders that something is paused: a pause that nobody remembers costs a night."""
_JUMP_SECONDS = 2.0
"""What a clock may go otherwise between two turns; one that is kept by a time server is drawn far more slowly."""


@dataclass(slots=True)
class Teller:
    """Remembers what was told: troubles by clip, what a card waits for, and what it lacks."""

    _troubles: dict[int, Trouble] = field(default_factory=dict)
    _waits: dict[int, str] = field(default_factory=dict)
    _missing: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _reminded: float = float("-inf")
    _began: float | None = None

    def tell(self, production: Production, now: Moment) -> None:
        """Tell what is new, and now and again what is paused."""
        if now.monotonic - self._reminded >= _PAUSED_SECONDS and (told := banner(production.store.pauses())):
            self._reminded = now.monotonic
            get().warning("queue.paused", banner=told)
        stopped = production.store.clips(states=SETTLED_STATES - {ClipState.DELIVERED, ClipState.FILED})
        for clip in stopped:
            self._tell_clip(production, clip)
        self._troubles = {clip.id: clip.trouble for clip in stopped}
        waiting: dict[int, list[Clip]] = {}
        for clip in production.store.clips(states=GATE_STATES):
            if clip.id in production.waiting:
                waiting.setdefault(clip.card, []).append(clip)
        for card, clips in waiting.items():
            self._tell_card(production, card, clips)
        for place in production.store.cards():
            self._tell_missing(place)
        self._waits = {card: production.waiting[clips[0].id] for card, clips in waiting.items()}

    def tell_clock(self, now: Moment) -> bool:
        """Tell that the machine's clock did not go as time does, and return whether it did not."""
        began, self._began = self._began, now.utc_seconds - now.monotonic
        jumped = began is not None and abs(self._began - began) > _JUMP_SECONDS
        if began is not None and jumped:
            get().warning(
                "clock.jumped",
                seconds=round(self._began - began, 1),
                why="somebody set the clock, or the machine slept",
                fix="let it be kept by a time server: `nearset doctor`",
            )
        return jumped

    def _tell_clip(self, production: Production, clip: Clip) -> None:
        told, trouble = self._troubles.get(clip.id), clip.trouble
        if trouble.code and trouble != told:
            say = get().info if clip.state is ClipState.DUPLICATE else get().warning
            say(
                "clip.stopped",
                clip=clip.name,
                roll=production.store.card(clip.card).roll,
                state=clip.state,
                code=trouble.code,
                what=trouble.what,
                why=trouble.why,
                fix=trouble.fix,
            )

    def _tell_card(self, production: Production, card: int, clips: list[Clip]) -> None:
        why = production.waiting[clips[0].id]
        if why != self._waits.get(card):
            get().info(
                "card.waits", card=production.store.card(card).path, clips=len(clips), first=clips[0].name, why=why
            )

    def _tell_missing(self, card: Card) -> None:
        if card.missing and card.missing != self._missing.get(card.id):
            get().warning("card.lacks", card=card.path, clips=list(card.missing), why="its own index names them")
        self._missing[card.id] = card.missing
