"""The recipe's limits: over one a clip is blended back once, or delivered plain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.fidelity import over, restrained
from daemon.limits import LimitsWords
from daemon.turnover import report
from engines.media.departure import Departure, Fidelity

LIMITS = LimitsWords(luma=6.0, edge=0.25)


def went(**figures: float) -> Fidelity:
    return Fidelity(Departure(), Departure(**figures), 24, 24)


def test_the_report_gains_and_loses_in_percent_and_never_minus_nothing() -> None:
    said = report._fidelity_text(went(edge=-0.004, temporal=-0.126))
    assert said.endswith("edges +0%, motion -13%")


def test_within_the_limits_nothing_is_held_back() -> None:
    assert restrained("k", went(luma=6.0, edge=-0.25), LIMITS, 1.0) is None


def test_a_clip_is_blended_back_by_the_figure_that_is_furthest_over() -> None:
    held = restrained("k", went(luma=9.0, edge=-0.5), LIMITS, 1.0)
    assert held is not None
    assert held.share == 0.45
    assert held.note == (
        "blended back to 45% of the enhancement: it went luma 9 (limit 6), edge -0.5 (limit 0.25) from the source"
    )


@pytest.mark.parametrize(
    ("found", "limits", "share"),
    [
        (went(luma=9.0), LIMITS, 0.6),  # it was blended back already
        (went(luma=100.0), LIMITS, 1.0),  # nothing worth a file would be left
        (went(luma=7.0), LimitsWords(luma=6.0, over="plain"), 1.0),
        (went(luma=0.1), LimitsWords(luma=0.0), 1.0),
    ],
)
def test_what_cannot_be_blended_back_is_delivered_plain(found: Fidelity, limits: LimitsWords, share: float) -> None:
    held = restrained("k", found, limits, share)
    assert held is not None
    assert held.share == 0
    assert held.note.startswith("delivered plain: it went luma")


@given(st.floats(-1, 100), st.floats(0, 100))
def test_a_figure_is_over_exactly_where_it_is_larger_than_its_limit(value: float, limit: float) -> None:
    assert bool(over(Departure(edge=value), LimitsWords(edge=limit))) == (abs(value) > limit)
