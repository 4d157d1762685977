"""Where a card stands, in one word, whatever its clips do."""

from __future__ import annotations

import pytest

from daemon.rows import Card, Tally
from daemon.slate import Vendor
from daemon.standing import standing_of
from daemon.states import STOPPED_STATES, CardState, ClipState

C, K = ClipState, CardState


def tally(
    states: dict[ClipState, int],
    *,
    plain: int = 0,
    complete: bool = False,
    due: bool = False,
    under_way: int = 0,
    unsampled: int = 0,
    vendor: Vendor = Vendor.ARRI,
) -> Tally:
    card = Card(1, "/o", "A001", "A001", vendor, "20260302", "", (), (), due, complete)
    return Tally(card, states, 0, plain, 0, under_way, unsampled)


@pytest.mark.parametrize(
    ("of", "state"),
    [
        (tally({}), K.COPYING),
        (tally({C.DISCOVERED: 1, C.DELIVERED: 5}, plain=5), K.COPYING),
        (tally({C.QUIET: 3}), K.COPYING),
        (tally({C.MANIFESTED: 1, C.PROXIED: 2}, plain=2), K.VERIFYING),
        (tally({C.PROBED: 1, C.DELIVERED: 2}, plain=2), K.VERIFYING),
        (tally({C.HELD: 3}), K.VERIFYING),
        (tally({C.PROXIED: 3}, plain=3), K.PROXIED),
        (tally({C.PROXIED: 1, C.DELIVERED: 2, C.HELD: 1}, plain=3), K.PROXIED),
        (tally({C.DELIVERED: 3}, plain=3), K.ENHANCED),
        (tally({C.DELIVERED: 3}, plain=3, complete=True, due=True), K.ENHANCED),
        (tally({C.DELIVERED: 3}, plain=3, complete=True, under_way=1), K.DELIVERED),
        (tally({C.DELIVERED: 3}, plain=3, complete=True, unsampled=1), K.DELIVERED),
        (tally({C.DELIVERED: 3, C.UNDECODABLE: 1}, plain=3, complete=True), K.DELIVERED),
        (tally({C.FAILED: 1}, plain=1), K.DELIVERED),
        (tally({C.FILED: 4}, vendor=Vendor.SOUND), K.DELIVERED),
        (tally({C.DELIVERED: 3, C.FILED: 1}, plain=3, complete=True), K.RELEASED),
        (tally({C.DUPLICATE: 3}), K.RELEASED),
    ],
)
def test_a_card_stands_where_the_last_of_its_clips_stands(of: Tally, state: CardState) -> None:
    assert standing_of(of) is state


@pytest.mark.parametrize("state", sorted(STOPPED_STATES))
def test_a_card_of_which_a_clip_waits_for_a_person_is_not_released(state: ClipState) -> None:
    assert standing_of(tally({C.DELIVERED: 3, state: 1}, plain=3, complete=True)) is not K.RELEASED
