"""The desk that every page is made at: where the production stands by its status, and how a template becomes an answer.

The status is what the service left last; it is read again only when it changed. The database is opened to be read, and
closed, with each page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from daemon.clock import Clock
from daemon.config import Config
from daemon.errors import ConfigError, NearsetError
from daemon.overseeing import Shown
from daemon.reading import reading
from daemon.status import Snapshot
from daemon.statusfile import read_status, seen_status, silent_seconds
from daemon.store import Store
from daemon.web import words
from daemon.web.access import Role


@dataclass(slots=True)
class Desk:
    """What all pages of a production share."""

    config: Config
    clock: Clock
    _templates: Environment = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _mark: tuple[int, int] | None = None
    _status: Snapshot | None = None

    def __post_init__(self) -> None:
        loader = PackageLoader("daemon.web", "templates")
        self._templates = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.filters.update(words.FILTERS)

    def status(self) -> Snapshot | None:
        """Return what the service said last; None where it never ran."""
        with self._lock:
            mark = seen_status(self.config.production_state)
            if mark != self._mark or self._status is None:
                try:
                    self._status = read_status(self.config.production_state)
                except ConfigError:
                    self._status = None
                self._mark = mark
            return self._status

    def silent_seconds(self, spoke_at: str) -> float:
        """Return for how long the service, which spoke then (ISO 8601), has said nothing; 0 while it speaks."""
        return silent_seconds(spoke_at, self.clock.utc())

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the production's database to read it."""
        with reading(self.config) as store:
            yield store

    def page(self, request: Request, name: str, store: Store, **shown: Any) -> Response:
        """Return a page, with what stands on all of them: banners, counts, the way about."""
        status = self.status()
        frame = {
            "status": status,
            "silent_seconds": self.silent_seconds(status.at) if status else 0.0,
            "paused": store.pauses(),
            "counts": {str(which): count for which, count in store.clip_counts().items()},
        }
        return self._answer(request, f"{name}.html", HTTPStatus.OK, at=name, **frame, **shown)

    def bare(self, request: Request, name: str, code: HTTPStatus = HTTPStatus.OK, **shown: Any) -> Response:
        """Return a page, or part of one, that stands alone."""
        return self._answer(request, f"{name}.html", code, **shown)

    def refusal(self, request: Request, error: NearsetError, code: HTTPStatus) -> Response:
        """Return what happened, why and how to mend it: a page of its own, or a line where htmx asked."""
        name = "said" if request.method == "POST" else "trouble"
        return self.bare(request, name, code, error=error, said="")

    def _answer(self, request: Request, name: str, code: HTTPStatus, **shown: Any) -> Response:
        role = getattr(request.state, "role", None)
        of_all = {
            "production": self.config.production,
            "may_change": role is Role.OPERATOR,
            "has_login": getattr(request.state, "has_login", False),
            "here": f"{request.url.path}{'?' if request.url.query else ''}{request.url.query}",
            "lists": list(Shown),
        }
        return HTMLResponse(self._templates.get_template(name).render(shown | of_all), code)
