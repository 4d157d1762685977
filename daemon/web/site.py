"""The site: every address of the page, what answers it, and what becomes of an error. Starlette, behind the guard."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from http import HTTPStatus
from importlib import resources
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from daemon.clock import Clock
from daemon.config import Config
from daemon.errors import ConfigError, ModelError, NearsetError, PageError, refused_by_system
from daemon.web.access import SESSION_SECONDS, Access
from daemon.web.asking import Asking
from daemon.web.board import Board
from daemon.web.closeup import CloseUp
from daemon.web.desk import Desk
from daemon.web.guard import COOKIE, LOGIN, LOGOUT, Guard
from daemon.web.pulse import Pulse

_LARGEST_POST = 4096
_STATIC = {"own": ("daemon.web", "static"), "vendor": ("daemon.web", "vendor"), "slider": ("daemon.turnover", "vendor")}
"""Folders that are served as they are, by the name that they have there."""


def site(config: Config, access: Access, clock: Clock, is_ending: Callable[[], bool] = lambda: False) -> Guard:
    """Return the page of a production, behind its guard; `is_ending` says that its server is about to stop."""
    desk = Desk(config, clock)
    board, near, asking = Board(desk), CloseUp(desk), Asking(desk)
    door = _Door(desk, access)
    routes = [
        Route("/", board.cards),
        Route("/clips", board.clips),
        Route("/clips/{clip:int}", near.clip),
        Route("/clips/{clip:int}/stills/{name}", near.still),
        Route("/clips/{clip:int}/{wish}", asking.of_clip, methods=["POST"]),
        Route("/cards/{card:int}/{wish}", asking.of_card, methods=["POST"]),
        Route("/queue", board.queue),
        Route("/stages/{stage}/{wish}", asking.of_stage, methods=["POST"]),
        Route("/model", near.model),
        Route("/models/{digest}/stills", near.model_picture),
        Route("/models/{digest}/{wish}", asking.of_model, methods=["POST"]),
        Route("/events", Pulse(desk, is_ending).answer),
        Route(LOGIN, door.show),
        Route(LOGIN, door.open, methods=["POST"]),
        Route(LOGOUT, door.close, methods=["POST"]),
        *(Mount(f"/static/{name}", StaticFiles(directory=_folder(*place))) for name, place in _STATIC.items()),
    ]
    told = _Told(desk)
    handlers = {
        NearsetError: told.error,
        OSError: told.refused,
        sqlite3.Error: told.busy,
        HTTPStatus.NOT_FOUND.value: told.nothing,
    }
    pages = Starlette(routes=routes, exception_handlers=handlers, max_body_size=_LARGEST_POST)
    return Guard(pages, config.page, access, lambda: clock.utc().timestamp())


def _folder(package: str, name: str) -> str:
    return str(resources.files(package) / name)


class _Told:
    """What a person reads where a page cannot be made."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def error(self, request: Request, error: Exception) -> Response:
        """Tell what happened, why and how to mend it."""
        assert isinstance(error, NearsetError)
        away = HTTPStatus.SERVICE_UNAVAILABLE
        code = away if isinstance(error, ConfigError) else HTTPStatus.NOT_FOUND
        if request.method == "POST" and not isinstance(error, PageError | ModelError):
            code = HTTPStatus.BAD_REQUEST
        return self._desk.refusal(request, error, code)

    def busy(self, request: Request, error: Exception) -> Response:
        """Tell that the database could not be read now: it is being written, or a crash left it to be taken up."""
        told = PageError(
            "the production cannot be read just now",
            why=f"its database answers: {error}",
            fix="nothing to do while nearset runs; if it stopped, start it: it takes up what a crash left",
        )
        return self._desk.refusal(request, told, HTTPStatus.SERVICE_UNAVAILABLE)

    def refused(self, request: Request, error: Exception) -> Response:
        """Tell of a file that the system refused, such as a request on a volume that is full."""
        assert isinstance(error, OSError)
        return self._desk.refusal(request, refused_by_system(error), HTTPStatus.SERVICE_UNAVAILABLE)

    def nothing(self, request: Request, _error: Exception) -> Response:
        """Tell that there is no such page."""
        told = PageError("there is no such page", why="nothing has that address", fix="go by the names at the top")
        return self._desk.refusal(request, told, HTTPStatus.NOT_FOUND)


class _Door:
    """Logging in and out."""

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk, self._access = desk, access

    def show(self, request: Request) -> Response:
        """Return the page that asks for a token."""
        return self._desk.bare(request, "login", refused=False)

    async def open(self, request: Request) -> Response:
        """Begin a session where the token opens one."""
        words = parse_qs((await request.body()).decode("utf-8", "replace"))
        role = self._access.role_of(words.get("token", [""])[0])
        if role is None:
            return self._desk.bare(request, "login", HTTPStatus.FORBIDDEN, refused=True)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        now = self._desk.clock.utc().timestamp()
        answer.set_cookie(
            COOKIE,
            self._access.begin(role, now),
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="strict",
            secure=self._desk.config.page.certificate is not None,
        )
        return answer

    def close(self, _request: Request) -> Response:
        """End the session in this browser."""
        answer = Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": LOGIN})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer
