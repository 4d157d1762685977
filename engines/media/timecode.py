"""Timecode: a label on a frame count. Pure arithmetic on whole frames.

Source: SMPTE ST 12-1 (drop-frame: two labels are left out at each minute but every tenth, at 29.97; four at
59.94).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_LABEL = re.compile(r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{1,3})")


@dataclass(frozen=True, slots=True)
class Timecode:
    """A frame count since midnight that reads as a label at `rate`.

    `drop` is only for 29.97 and its doubles; at 23.976 it raises ValueError.
    """

    frame: int
    rate: Fraction
    drop: bool = False

    def __post_init__(self) -> None:
        if self.drop and not may_drop(self.rate):
            raise ValueError(f"drop-frame timecode does not exist at {self.rate} frames a second")

    @property
    def label(self) -> str:
        """HH:MM:SS:FF, with `;` before the frames where labels are dropped; wraps at midnight."""
        base = label_rate(self.rate)
        number = _with_dropped(self.frame, base) if self.drop else self.frame
        number %= base * 86400
        seconds, frames = divmod(number, base)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        digits = 3 if base > 100 else 2  # noqa: PLR2004 - frames 0-119 need three digits
        mark = ";" if self.drop else ":"
        return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:0{digits}}"

    def plus(self, frames: int) -> Timecode:
        """Return the timecode so many frames later, wrapped at midnight."""
        return Timecode((self.frame + frames) % frames_a_day(self.rate, drop=self.drop), self.rate, self.drop)

    @staticmethod
    def parse(label: str, rate: Fraction, *, drop: bool | None = None) -> Timecode:
        """Return the timecode that a label names; `drop` None takes it from the mark before the frames.

        Raises:
            ValueError: not a label, or one that drop-frame leaves out.
        """
        match = _LABEL.fullmatch(label.strip())
        if not match:
            raise ValueError(f"{label!r} is not a timecode of the form HH:MM:SS:FF")
        hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
        base = label_rate(rate)
        if hours > 23 or minutes > 59 or seconds > 59 or frames >= base:  # noqa: PLR2004 - a clock's limits
            raise ValueError(f"{label!r} does not exist at {rate} frames a second")
        drops = match[4] in ";," if drop is None else drop
        number = ((hours * 60 + minutes) * 60 + seconds) * base + frames
        if not drops:
            return Timecode(number, rate)
        dropped = base // 15
        if frames < dropped and seconds == 0 and minutes % 10:
            raise ValueError(f"{label!r} is a label that drop-frame leaves out")
        whole_minutes = hours * 60 + minutes
        return Timecode(number - dropped * (whole_minutes - whole_minutes // 10), rate, drop=True)


def label_rate(rate: Fraction) -> int:
    """Return how many labels a second the rate counts: 24 for 23.976."""
    return -(-rate.numerator // rate.denominator)


def may_drop(rate: Fraction) -> bool:
    """Return whether drop-frame exists at this rate: 30, 60 or 120 over 1.001."""
    return rate.denominator == 1001 and rate.numerator in {30000, 60000, 120000}  # noqa: PLR2004 - NTSC


def frames_a_day(rate: Fraction, *, drop: bool) -> int:
    """Return how many frames pass before the label is midnight again."""
    base = label_rate(rate)
    dropped = base // 15 * (1440 - 144) if drop else 0
    return base * 86400 - dropped


def _with_dropped(frame: int, base: int) -> int:
    """Return the label count of a drop-frame frame count."""
    dropped = base // 15
    ten_minutes = base * 600 - dropped * 9
    one_minute = base * 60 - dropped
    tens, rest = divmod(frame % (ten_minutes * 144), ten_minutes)
    extra = tens * 9 * dropped
    if rest >= base * 60:
        extra += dropped * (1 + (rest - base * 60) // one_minute)
    return frame % (ten_minutes * 144) + extra
