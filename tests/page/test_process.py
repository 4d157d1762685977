"""The page's process: apart from the service, sealed, sure of its feet; and the pulse that has pages read again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

import pytest
from cart import Cart
from premises import address, free_port
from structlog.testing import capture_logs

from daemon.errors import PageError
from daemon.reading import reading
from daemon.requests import Request, Wish, ask
from daemon.statusfile import write_status
from daemon.web import keeping
from daemon.web.desk import Desk
from daemon.web.keeping import Keeper
from daemon.web.pulse import Pulse
from daemon.web.serving import listen, served_by

NEARSET = [sys.executable, "-c", "from daemon.cli import main; main()"]


async def first(beats: AsyncIterator[str], count: int) -> list[str]:
    return [await anext(beats) for _ in range(count)]


def test_a_page_hears_at_once_where_things_stand_and_then_only_what_moved(empty_cart: Cart) -> None:
    empty_cart.card("A001C001.mov")
    with empty_cart.shift() as shift:
        shift.drive()
        state = empty_cart.config.production_state

        def say() -> None:
            write_status(state, shift.service.snapshot(shift.now()))

        say()
        pulse = Pulse(Desk(empty_cart.config, empty_cart.clock), beat_seconds=0)

        async def story() -> None:
            beats = pulse.beats()
            retry, event = await first(beats, 2)
            assert retry.startswith("retry:")
            assert event.startswith("event: moved\n")
            empty_cart.clock.advance(1)
            say()  # another time, and nothing else
            assert (await anext(beats)).startswith(":"), "a word that keeps the line open"
            shift.production.store.pause("render", shift.now().iso)
            moved = await anext(beats)
            assert moved.startswith("event: moved")
            assert moved != event
            empty_cart.clock.advance(60)
            assert (await anext(beats)).startswith("event: moved"), "the service fell silent"

        asyncio.run(story())


def test_the_control_process_loads_no_web_server_and_the_page_no_media_and_no_network() -> None:
    code = (
        "import sys, daemon.cli, daemon.service, daemon.web.keeping\n"
        "print([name for name in ('starlette', 'uvicorn', 'anyio') if name in sys.modules])\n"
        "import daemon.web.serving\n"
        "print([name for name in ('torch', 'av', 'openvino', 'onnx', 'tensorrt', 'PyOpenColorIO', 's3fs')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]


SEALED = """
import os, sys, urllib.request
from pathlib import Path
began = os.nice(0)
import daemon.web.serving as serving
from daemon.egress import seal

class Server:
    def __init__(self, config): self.config = config
    def run(self, sockets):
        import socket
        for family in (socket.AF_INET, socket.AF_INET6):
            try: socket.socket(family); print("opened")
            except PermissionError: print("refused")
        print(sockets[0].getsockname()[0], os.nice(0) >= began + 5)

serving.uvicorn.Server = Server
serving.serve(Path(sys.argv[1]))
"""


def test_once_it_listens_the_page_can_open_no_connection(empty_cart: Cart) -> None:
    empty_cart.words["page"] = {"port": free_port()}
    assert empty_cart.config.page.is_local
    path = empty_cart.folder / "config.yaml"
    done = subprocess.run(
        [sys.executable, "-c", SEALED, path], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout.splitlines() == ["refused", "refused", "127.0.0.1 True"], done.stderr


def test_an_address_that_is_taken_is_told_and_costs_the_service_nothing(empty_cart: Cart) -> None:
    empty_cart.words["page"] = {"port": free_port()}
    page = empty_cart.config.page
    with listen(page), pytest.raises(PageError, match="cannot be served at"):
        listen(page)


def test_a_certificate_that_is_none_is_told(empty_cart: Cart) -> None:
    (empty_cart.folder / "page.pem").write_text("none")
    empty_cart.words["page"] = {"certificate": "page.pem", "key": "page.pem"}
    with pytest.raises(PageError, match="certificate cannot be used"):
        served_by(empty_cart.config.page, None)


class Page:
    """A page that ended as soon as it began."""

    exitcode = 2
    begun: int = 0

    def __init__(self, **_: object) -> None: ...

    def start(self) -> None:
        Page.begun += 1

    def is_alive(self) -> bool:
        return False

    def join(self) -> None: ...


def test_a_page_that_keeps_ending_is_begun_again_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    Page.begun = 0
    monkeypatch.setattr(keeping, "_SPAWN", type("Context", (), {"Process": Page}))
    keeper = Keeper(Path("config.yaml"))
    begun = []
    with capture_logs() as told:
        for second in range(80):
            keeper.keep(float(second))
            begun.append(Page.begun)
    assert [begun[at] for at in (0, 4, 6, 17, 38, 79)] == [1, 1, 2, 3, 4, 5]
    assert told[0]["event"] == "page.ended"
    assert told[0]["code"] == 2


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def heard(log: IO[str], event: str) -> dict[str, Any]:
    """Read a service's log until it tells of an event."""
    told = (json.loads(line) for line in log if line.startswith("{"))
    return next(line for line in told if line["event"] == event)


def test_run_serves_the_page_beside_itself_and_takes_it_along_when_it_ends(empty_cart: Cart) -> None:
    empty_cart.words["page"] = {"port": free_port()}
    config = empty_cart.config
    run = [*NEARSET, "run", "-c", empty_cart.folder / "config.yaml"]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr
        try:
            url = heard(service.stderr, "page.served")["url"]
            assert url == f"{address(config)}/"
            assert "No card yet" in fetched(url)
            ask(config.production_state, Request(Wish.PAUSE, "render"))
            heard(service.stderr, "stage.paused")
            assert "render since" in fetched(url)
        finally:
            service.terminate()
            service.communicate(timeout=60)
    with pytest.raises(URLError):
        fetched(url)
    with reading(config) as store:
        assert "render" in store.pauses()
