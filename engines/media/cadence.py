"""The rate of a clip from its presentation times: constant to within a twentieth of a frame, or variable.

A declared rate is taken where the times bear it out, since short clips fit several rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

STANDARD_RATES = tuple(
    Fraction(number, denominator)
    for number, denominator in (
        (24000, 1001),
        (24, 1),
        (25, 1),
        (30000, 1001),
        (30, 1),
        (48000, 1001),
        (48, 1),
        (50, 1),
        (60000, 1001),
        (60, 1),
        (100, 1),
        (120000, 1001),
        (120, 1),
    )
)
_TOLERANCE_FRAMES = Fraction(1, 20)
"""Jitter that still counts as constant; phones stamp to a millisecond or so."""


def cadence(times: Sequence[Fraction], declared: Iterable[Fraction | None], tick: Fraction) -> tuple[Fraction, bool]:
    """Return the frame rate and whether it is variable (then it is the average).

    `times` are presentation times in seconds, ascending; `tick` is their unit.
    """
    given = [rate for rate in declared if rate]
    candidates = [rate for rate in map(snapped, given) if rate in STANDARD_RATES]
    if len(times) < 2:  # noqa: PLR2004 - one frame has no distance to another
        return (candidates[0] if candidates else Fraction(25)), False
    span = times[-1] - times[0]
    measured = Fraction(len(times) - 1) / span if span > 0 else Fraction(25)
    candidates += sorted(STANDARD_RATES, key=lambda rate: abs(rate - measured))[:2]
    candidates += [*given, measured.limit_denominator(1001)]
    for rate in filter(None, candidates):  # two frames that a damaged file puts days apart round to none a second
        if _fits(times, rate, tick):
            return rate, False
    return measured.limit_denominator(100_000) or measured, True


def snapped(rate: Fraction) -> Fraction:
    """Return the standard rate within 0.02 % of this one, else the rate itself."""
    for standard in STANDARD_RATES:
        if abs(rate - standard) <= standard * Fraction(2, 10_000):
            return standard
    return rate


def _fits(times: Sequence[Fraction], rate: Fraction, tick: Fraction) -> bool:
    allowed = max(tick, _TOLERANCE_FRAMES / rate)
    return all(abs(time - times[0] - number / rate) <= allowed for number, time in enumerate(times))
