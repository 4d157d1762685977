"""Standing: where a card stands, in one word, read off how its clips stand. Pure; the words are in `states.py`."""

from __future__ import annotations

from daemon.rows import Tally
from daemon.slate import Vendor
from daemon.states import SETTLED_STATES, STOPPED_STATES, CardState, ClipState

_COMING = frozenset({ClipState.DISCOVERED, ClipState.QUIET})
_UNPROXIED = frozenset({ClipState.MANIFESTED, ClipState.VERIFIED, ClipState.READY, ClipState.PROBED})


def standing_of(tally: Tally) -> CardState:
    """Return where a card stands: the first word that not all of its clips are past.

    A card is released once its roll is written, no job of it is left, nothing is left to be learned from it, and no
    clip waits for a person, since each of these reads it again. A sound roll is read for every camera clip of its
    day, and is never released.
    """
    there = {state for state, count in tally.states.items() if count}
    if not there or there & _COMING:
        return CardState.COPYING
    if there & _UNPROXIED or (there & STOPPED_STATES and not tally.plain):
        return CardState.VERIFYING
    if not there <= SETTLED_STATES:
        return CardState.PROXIED
    is_written = tally.card.complete or ClipState.DELIVERED not in there
    if not is_written or tally.card.turnover_due:
        return CardState.ENHANCED
    is_read = tally.under_way or tally.unsampled or there & STOPPED_STATES or tally.card.vendor is Vendor.SOUND
    return CardState.DELIVERED if is_read else CardState.RELEASED
