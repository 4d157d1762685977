"""Serving: the page's own process. It opens its socket, gives up for good the means to open another, and answers.

Listening is no egress: what comes in is answered, and nothing can go out by itself.
"""

from __future__ import annotations

import os
import resource
import socket
import ssl
from pathlib import Path

import uvicorn

from daemon import config as configuration
from daemon import egress
from daemon.clock import SystemClock
from daemon.errors import PageError
from daemon.log import configure, get
from daemon.web.access import access_of
from daemon.web.guard import places_of
from daemon.web.section import PageSection
from daemon.web.site import site

_MEMORY_BYTES = 2 << 30
_OPEN_FILES = 512
_CONNECTIONS = 200
_NICENESS = 5
"""The page yields to all work on media."""


def serve(path: Path) -> None:
    """Serve the page of a configuration's production until told to stop.

    Raises:
        ConfigError: a token cannot be used. PageError: the address or the certificate cannot be. EgressError.
    """
    settings = configuration.load(path)
    configure(settings.log.level, settings.log.format)
    page = settings.page
    app = site(settings, access_of(page), SystemClock(), lambda: server.should_exit)
    server = uvicorn.Server(served_by(page, app))
    listener = listen(page)
    with listener, egress.kept_to(()):
        egress.seal()
        os.nice(_NICENESS)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
        scheme = "https" if page.certificate else "http"
        get().info("page.served", url=f"{scheme}://{min(places_of(page))}/", bind=page.bind, port=page.port)
        server.run(sockets=[listener])


def listen(page: PageSection) -> socket.socket:
    """Return the socket that the page listens on.

    Raises:
        PageError: the address is taken, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in page.bind else socket.AF_INET
    try:
        return socket.create_server((page.bind, page.port), family=family)
    except OSError as error:
        raise PageError(
            f"the page cannot be served at {page.bind} port {page.port}",
            why=error.strerror or str(error),
            fix="give page.port another number, or page.bind an address of this machine; the service goes on without",
        ) from error


def served_by(page: PageSection, app: object) -> uvicorn.Config:
    """Return how the server runs: HTTP/1.1 alone, no word of what it is, few connections, a quick end.

    Raises:
        PageError: certificate and key cannot be used.
    """
    config = uvicorn.Config(
        app,  # type: ignore[arg-type] # Starlette is an ASGI application
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16384,
        ssl_certfile=str(page.certificate) if page.certificate else None,
        ssl_keyfile=str(page.key) if page.key else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise PageError(
            "the page's certificate cannot be used",
            why=f"{page.certificate} with {page.key}: {error}",
            fix="name a PEM chain and its key, not encrypted, under page.certificate and page.key",
        ) from error
    return config
