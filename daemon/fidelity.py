"""Fidelity: what becomes of an enhanced picture that went further from its source than the recipe allows.

It is never published. The clip is blended back toward its source, once, as far as its figures ask for; where that is
not enough, or the recipe says so, it is delivered plain. The figures are the engines' (`engines/media/departure.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from daemon.limits import LimitsWords
from engines.media.departure import Departure, Fidelity

_AIM = 0.9
"""Of a limit: where a blend aims, since figures do not follow it quite in proportion."""
_LEAST_SHARE = 0.1
"""Less of an enhancement than this is not worth a file."""


@dataclass(frozen=True, slots=True)
class Restraint:
    """How far a clip's enhancement is held back: `share` of it is left, 0-1, none at 0.

    `base` is the key of what would be made without it under the limits that it was decided by: under others it holds no
    more. `over` are the figures that went too far, as people read them, `found` those of the picture that was refused.
    """

    base: str
    share: float
    over: tuple[str, ...]
    found: Fidelity

    @property
    def note(self) -> str:
        """Say what was done, for marks, report and ALE."""
        done = f"blended back to {self.share:.0%} of the enhancement" if self.share else "delivered plain"
        return f"{done}: it went {', '.join(self.over)} from the source"


def over(found: Departure, limits: LimitsWords) -> dict[str, float]:
    """Return the figures that went over their limit, each with how many times; a limit of 0 allows no change at all."""
    figures = asdict(found)
    allowed = {word: getattr(limits, word) for word in figures}
    return {
        word: abs(value) / allowed[word] if allowed[word] else float("inf")
        for word, value in figures.items()
        if abs(value) > allowed[word]
    }


def restrained(base: str, found: Fidelity, limits: LimitsWords, share: float) -> Restraint | None:
    """Return how a clip is held back whose enhancement, of which `share` was used, gave these figures; None if not."""
    excess = over(found.worst, limits)
    if not excess:
        return None
    left = 0.0 if limits.over == "plain" or share < 1 else share * _AIM / max(excess.values())
    figures = asdict(found.worst)
    told = tuple(f"{word} {figures[word]:g} (limit {getattr(limits, word):g})" for word in excess)
    return Restraint(base, round(left, 2) if left >= _LEAST_SHARE else 0.0, told, found)
