"""Words: how times, sizes and shares are written on the page. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MINUTE, _HOUR = 60, 3600


def span(seconds: float) -> str:
    """Return a length of time as people say it: `40 s`, `12 min`, `3 h 20`."""
    if seconds < 1.5 * _MINUTE:
        return f"{max(round(seconds), 1)} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"{hours} h {minutes:02}"


def between(seconds: tuple[float, float]) -> str:
    """Return a range of time; empty where nothing is left."""
    least, most = seconds
    if most <= 0:
        return ""
    first, last = span(least), span(most)
    if first == last:
        return f"about {last}"
    number, _, unit = first.partition(" ")
    return f"{number}–{last}" if unit == last.partition(" ")[2] and " " not in unit else f"{first} – {last}"  # noqa: RUF001 - a dash between numbers


def size(count: float) -> str:
    """Return bytes as people say them, in powers of ten."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - powers of ten
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def day(text: str) -> str:
    """Return a shoot day as it is read: `2026-11-24`; what is none stays as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == len("YYYYMMDD") and text.isdigit() else text


def moment(text: str) -> str:
    """Return a moment as it is read: date and time to the second."""
    return text[:19].replace("T", " ")


FILTERS: dict[str, Callable[..., Any]] = {
    "span": span,
    "between": between,
    "size": size,
    "day": day,
    "moment": moment,
}
