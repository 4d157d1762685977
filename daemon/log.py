"""Logs: one line per unit of work, on stderr and in the production's logbook.

On stderr JSON, or plain colours on a terminal, each with a priority where journald reads it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

import structlog

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_Event = MutableMapping[str, Any]


class Book(Protocol):
    """Where lines are kept beside stderr."""

    def write(self, line: str) -> None:
        """Keep a line of JSON; never raises."""

    def close(self) -> None:
        """Keep no more."""


_books: list[Book] = []


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for the process; `form` is auto, json or console."""
    target = stream or sys.stderr
    terminal = target.isatty()
    as_json = form == "json" or (form == "auto" and not terminal)
    renderer: Any = _json if as_json else structlog.dev.ConsoleRenderer(colors=_colours(terminal))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _printable,
            _kept,
            _for_journald(renderer),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )


def get() -> Any:
    """Return the process's logger."""
    return structlog.get_logger()


@contextmanager
def kept_in(book: Book) -> Iterator[None]:
    """Keep each line in a book, too, while inside; then it is closed."""
    _books.append(book)
    try:
        yield
    finally:
        _books.remove(book)
        book.close()


def _colours(terminal: bool) -> bool:  # noqa: FBT001 - a fact, not a switch
    return terminal and not os.environ.get("NO_COLOR")


def _printable(_logger: Any, _method: str, event: _Event) -> _Event:
    """Escape control characters: clip names come from cards, and a card must not write on a terminal."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = printable(value)
    return event


def printable(text: str) -> str:
    """Return a text in one line with nothing that moves a terminal's cursor, colours or direction of writing."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _kept(logger: Any, method: str, event: _Event) -> _Event:
    for book in _books:
        book.write(_json(logger, method, dict(event)))
    return event


def _json(logger: Any, method: str, event: _Event) -> str:
    line = structlog.processors.JSONRenderer(default=str)(logger, method, event)
    return line if isinstance(line, str) else line.decode()


def _for_journald(renderer: Callable[[Any, str, _Event], str]) -> Callable[[Any, str, _Event], str]:
    """Return the renderer with `<priority>` before each line where journald reads it. Source: sd-daemon(3)."""
    if not os.environ.get("JOURNAL_STREAM"):
        return renderer

    def rendered(logger: Any, method: str, event: _Event) -> str:
        priority = _PRIORITIES.get(event.get("level", "info"), _PRIORITIES["info"])
        return f"<{priority}>{renderer(logger, method, event)}"

    return rendered
