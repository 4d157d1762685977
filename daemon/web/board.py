"""The board: cards with one state each, lists of clips, and the queue with why each thing waits. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from daemon.overseeing import Shown
from daemon.pipeline import pausable
from daemon.queue import places
from daemon.rows import Listed, Tally
from daemon.standing import standing_of
from daemon.states import STOPPED_STATES, CardState, ClipState
from daemon.status import CardStatus, Snapshot
from daemon.store import Store
from daemon.web.desk import Desk

ROWS = 100
"""Clips on one page: as many as a person looks through before asking for something narrower."""
_QUEUED = 200
_REASONS = 3
_ASIDE = frozenset({ClipState.FILED, ClipState.DUPLICATE})
_MOST_SKIPPED = 1_000_000
_STEPS = tuple(state for state in CardState if state is not CardState.RELEASED)


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card as the board shows it: its clips counted without what is only filed, and why it waits."""

    tally: Tally
    state: CardState
    clips: int
    stopped: int
    why: str
    waits: tuple[Waits, ...]
    fix: str


@dataclass(frozen=True, slots=True)
class Waits:
    """Clips of a roll that stand before the queue for one reason."""

    roll: str
    first: str
    clips: int
    why: str

    @property
    def others(self) -> str:
        """How many more than the first; a name is shown by itself, since it may be written from right to left."""
        return f" and {self.clips - 1} more" if self.clips > 1 else ""


@dataclass(frozen=True, slots=True)
class Board:
    """Pages of many cards and clips."""

    desk: Desk

    def cards(self, request: Request) -> Response:
        """Return all cards, and what is under way."""
        with self.desk.store() as store:
            status = self.desk.status()
            unsampled = store.unsampled_cards() if self.desk.config.production.training else {}
            said = {card.path: card for card in status.cards} if status else {}
            shown = [_shown(tally, said.get(tally.card.path)) for tally in store.tallies(unsampled)]
            waits = _waits(*(status.cards if status else ()))
            return self.desk.page(request, "cards", store, cards=shown, steps=_STEPS, step_of=_STEPS.index, waits=waits)

    def clips(self, request: Request) -> Response:
        """Return a window of a list of clips, as the address asks."""
        asked = request.query_params
        shown = Shown(asked["show"]) if asked.get("show") in set(Shown) else Shown.ALL
        card = int(asked["card"]) if _is_number(asked.get("card", "")) else None
        text, first = asked.get("text", "")[:100], asked.get("from", "")
        skip = min(int(first), _MOST_SKIPPED) if _is_number(first) else 0
        with self.desk.store() as store:
            clips, count = store.listed(shown, text, card, ROWS, skip)
            rolls = {one.id: one.roll for one in store.cards()} if card is not None else {}
            return self.desk.page(
                request,
                "clips",
                store,
                clips=clips,
                why=_reasons(clips, self.desk.status()),
                stopped=STOPPED_STATES,
                count=count,
                skip=skip,
                rows=ROWS,
                shown=shown,
                card=card,
                roll=rolls.get(card or 0, ""),
                text=text,
            )

    def queue(self, request: Request) -> Response:
        """Return what is under way, what comes next and why, and what waits before that."""
        with self.desk.store() as store:
            status = self.desk.status()
            found = places(store.queue(_QUEUED), status.roots_away if status else {})
            return self.desk.page(
                request,
                "queue",
                store,
                places=sorted(found, key=lambda place: (place.lane, place.number)),
                queued=store.queued(),
                waits=_waits(*(status.cards if status else ())),
                stages=_stages(store),
            )


def _stages(store: Store) -> list[tuple[str, int]]:
    """Return each stage that can be paused, with how many jobs wait in it."""
    waiting = store.queued_by_stage()
    return [(stage, waiting.get(stage, 0)) for stage in pausable()]


def _shown(tally: Tally, said: CardStatus | None) -> ShownCard:
    clips = sum(count for state, count in tally.states.items() if state not in _ASIDE)
    stopped = sum(tally.states.get(state, 0) for state in STOPPED_STATES)
    why, fix = (said.why, said.fix) if said else ("", "")
    return ShownCard(tally, standing_of(tally), clips, stopped, why, tuple(_waits(said)[:_REASONS]), fix)


def _reasons(clips: list[Listed], status: Snapshot | None) -> dict[int, str]:
    """Return why clips that did not stop wait, as the service says."""
    wanted = {(clip.card_path, clip.name): clip.id for clip in clips if not clip.trouble.code}
    paths = {path for path, _ in wanted}
    return {
        wanted[card.path, clip.name]: clip.why
        for card in (status.cards if status else ())
        if card.path in paths
        for clip in card.clips
        if clip.why and (card.path, clip.name) in wanted
    }


def _waits(*cards: CardStatus | None) -> list[Waits]:
    """Return why clips stand before the queue, by roll and reason; a reason that names its clip counts as one."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for card in cards:
        for clip in card.clips if card else ():
            if card and clip.why and not clip.fix:  # what stopped has a fix, and is told elsewhere
                found.setdefault((card.roll, clip.why.replace(clip.name, "")), []).append((clip.name, clip.why))
    return [Waits(roll, told[0][0], len(told), told[0][1]) for (roll, _), told in found.items()]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - fits what SQLite counts with
