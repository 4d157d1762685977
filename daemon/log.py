"""Logs: one line per unit of work, on stderr; JSON with a journald priority, or plain colours on a terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from daemon.journal import Journal

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure(
    level: str = "info", form: str = "auto", stream: TextIO | None = None, journal: Journal | None = None
) -> None:
    """Set up logging for the process; `form` is auto, json or console. A journal keeps each line, too."""
    target = stream or sys.stderr
    terminal = target.isatty()
    as_json = form == "json" or (form == "auto" and not terminal)
    renderer: Any = _journal_line if as_json else structlog.dev.ConsoleRenderer(colors=_colours(terminal))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _printable,
            *([_kept_in(journal)] if journal else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )


def get() -> Any:
    """Return the process's logger."""
    return structlog.get_logger()


def _colours(terminal: bool) -> bool:  # noqa: FBT001 - a fact, not a switch
    return terminal and not os.environ.get("NO_COLOR")


def _printable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters: clip names come from cards, and a card must not write on a terminal."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _escaped(value)
    return event


def _kept_in(journal: Journal) -> Any:
    """Return a step that keeps each event in a journal and hands it on."""

    def keep(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        journal.note(event)
        return event

    return keep


def _escaped(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _journal_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Return a line as journald reads it: `<priority>` and JSON. Source: sd-daemon(3)."""
    line = structlog.processors.JSONRenderer(default=str)(_logger, _method, event)
    prefix = f"<{_PRIORITIES.get(event.get('level', 'info'), 6)}>" if os.environ.get("JOURNAL_STREAM") else ""
    return f"{prefix}{line if isinstance(line, str) else line.decode()}"
