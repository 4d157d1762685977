"""The guard before every page: whether a request is meant for us, comes from our own pages, and may do what it asks.

Host is checked, so that a name that somebody points here reads nothing; Origin and htmx's own header with each POST,
so that no other page can send one; the role, so that who may only look changes nothing. Every answer goes out with a
policy under which nothing but our own files runs, loads or frames it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.web.access import Access, Role
from daemon.web.section import PageSection

COOKIE = "nearset_page"
LOGIN, LOGOUT = "/login", "/logout"
_STATIC = "/static/"
_OPEN_TO_ALL = (LOGIN, _STATIC)
_LONGEST_PATH = 1024
"""Characters, some more than the longest name of a still has; Python reads no number of thousands of digits."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def places_of(page: PageSection) -> frozenset[str]:
    """Return what a browser may call the page: `host:port`, lower case; the port left out where it is the usual one."""
    address = ip_address(page.bind)
    literal = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IP version 6
    names = {name.lower() for name in page.names} | (set() if address.is_unspecified else {literal})
    if page.is_local:
        names |= {"localhost"}
    usual = 443 if page.certificate else 80
    bare = names if page.port == usual else set()
    return frozenset({f"{name}:{page.port}" for name in names} | bare)


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands before the pages; hands on `role` in the request's state."""

    app: ASGIApp
    page: PageSection
    access: Access
    utc_seconds: Callable[[], float]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not pass, let all others through; of other protocols only the server's own."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope)
        request.state.role = role = self.access.role_in(request.cookies.get(COOKIE, ""), self.utc_seconds())
        request.state.has_login = bool(self.access.tokens)
        refused = self._refused(request, role)
        await (refused or self.app)(scope, receive, _with_headers(send, request.url.path))

    def _refused(self, request: Request, role: Role | None) -> Response | None:
        """Return the answer to a request that may not pass; None for one that may."""
        if request.headers.get("host", "").lower() not in places_of(self.page):
            return PlainTextResponse("this page is not called by that name; see page.names\n", 421)
        if len(request.url.path) > _LONGEST_PATH:
            return PlainTextResponse("no address here is that long\n", 414)
        if request.method not in {"GET", "HEAD", "POST"}:
            return PlainTextResponse("that is not done here\n", 405)
        if request.method == "POST" and not self._is_ours(request):
            return PlainTextResponse("this was not sent by this page\n", 403)
        return None if request.url.path.startswith(_OPEN_TO_ALL) else _barred(request, role)

    def _is_ours(self, request: Request) -> bool:
        """Return whether a POST comes from one of our pages: its origin, and what no other page may add to one."""
        scheme = "https" if self.page.certificate else "http"
        origins = {f"{scheme}://{place}" for place in places_of(self.page)}
        is_htmx = request.headers.get("hx-request") == "true" or request.url.path == LOGIN
        return request.headers.get("origin", "").lower() in origins and is_htmx


def _barred(request: Request, role: Role | None) -> Response | None:
    """Return the answer to who may not do what he asks; whoever came in may look at everything."""
    if role is None:
        return _to_login(request)
    if request.method == "POST" and role is not Role.OPERATOR and request.url.path != LOGOUT:
        return PlainTextResponse("you may look at everything, and change nothing\n", 403)
    return None


def _to_login(request: Request) -> Response:
    """Return the way to the login; a page that is open already is led there by htmx."""
    if request.headers.get("hx-request"):
        return PlainTextResponse("", 401, headers={"HX-Redirect": LOGIN})
    return RedirectResponse(LOGIN, 303) if request.method != "POST" else PlainTextResponse("log in first\n", 401)


def _with_headers(send: Send, path: str) -> Send:
    """Return a way out that puts the policy on each answer; only our own files may be kept, and are asked for again."""
    kept = "no-cache" if path.startswith(_STATIC) else "no-store"

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers.setdefault("Cache-Control", kept)
        await send(message)

    return sending
