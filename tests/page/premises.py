"""A production that has something to show at every page, whoever looks at it, and a browser to look with."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cart import Cart, seal
from footage import footage
from starlette.testclient import TestClient

from daemon import models
from daemon.config import Config
from daemon.requests import Request, Wish, ask, take_requests
from daemon.slate import Refined
from daemon.statusfile import write_status
from daemon.web.access import Access, Role
from daemon.web.site import site

HOSTILE = "<img src=x onerror=alert(1)>"
QUOTES = "x' onmouseover='alert(1)\" y"
TOKENS = {Role.OPERATOR: b"o" * 40, Role.VIEWER: b"v" * 40}
OPEN = Access({})


def dressed(folder: Path) -> Cart:
    """Cards delivered, held, waiting and under way; a model promoted and one refused; learning paused."""
    cart = Cart(
        folder, words={"production": {"code": "TEST", "title": "The <b>Harbour</b>"}, "page": {"port": free_port()}}
    )
    cart.card("A001C001.mov", "A001C002.mov")
    hostile = cart.roll(f"B001 {HOSTILE}")
    good = {f"{HOSTILE}.mov": footage(7), f"{QUOTES}.mov": footage(8)}
    cart.put(hostile, good)
    seal(hostile, good)
    cart.put(hostile, {f"{QUOTES}.mov": footage(9)})
    (cart.roll("C001") / "C001C001.mov").write_bytes(footage(11))
    with cart.shift() as shift:
        shift.drive()
        for digest, passed in (("a" * 64, True), ("b" * 64, False)):
            cart.config.models.mkdir(exist_ok=True)
            (cart.config.models / f"{digest}.safetensors").write_bytes(b"weights")
            scores = {"mean_db": 31.0 if passed else 20.0, "base_mean_db": 30.0}
            reasons = () if passed else ("canaries come out at 20.00 dB, allowed is 30.00 to inf",)
            made = Refined(digest, passed, reasons, scores, 60, 12.0, (0.3, 0.2, 0.1))
            models.enter(shift.production, "lite", "", 1, made, shift.now())
        ask(cart.config.production_state, Request(Wish.PAUSE, "refine"))
        cart.card("D001C001.mov", roll="D001", first_seed=20)
        while "leased" not in {str(job.state) for job in shift.production.store.jobs()}:
            shift.tick()
        write_status(cart.config.production_state, shift.service.snapshot(shift.now()))
    return cart


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


def address(config: Config) -> str:
    return f"http://127.0.0.1:{config.page.port}"


def desk_of(cart: Cart, access: Access = OPEN) -> TestClient:
    return TestClient(site(cart.config, access, cart.clock), base_url=address(cart.config), follow_redirects=False)


@dataclass
class Reader:
    """Somebody who reads pages and presses buttons, with a browser's manners."""

    client: TestClient

    def reads(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def presses(self, path: str, **headers: str) -> Any:
        sent = {"Origin": str(self.client.base_url).rstrip("/"), "HX-Request": "true"} | headers
        return self.client.post(path, headers={name: value for name, value in sent.items() if value})


def asked(cart: Cart) -> list[tuple[str, str]]:
    """What was left for the service, taken."""
    return [(str(request.wish), request.subject) for request in take_requests(cart.config.production_state)]


def clip_id(cart: Cart, name: str) -> int:
    from daemon.reading import reading

    with reading(cart.config) as store:
        return next(clip.id for clip in store.clips() if clip.name == name)


@contextmanager
def served(cart: Cart, access: Access = OPEN) -> Iterator[str]:
    """The page over a real socket."""
    page = site(cart.config, access, cart.clock, lambda: server.should_exit)
    server = uvicorn.Server(uvicorn.Config(page, log_config=None, lifespan="off", ws="none"))
    listener = socket.create_server(("127.0.0.1", cart.config.page.port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield address(cart.config)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def copied(cart: Cart, folder: Path) -> Cart:
    """The same production in another folder and at another port, to be changed."""
    shutil.copytree(cart.folder, folder)
    return Cart(folder, words=cart.words | {"page": {"port": free_port()}}, clock=cart.clock)


_SWITCHES = (
    "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-component-update disable-sync hide-scrollbars window-size=1280,800"
)


@dataclass
class Browser:
    """A Chromium, and what can be done with it in words."""

    driver: Any

    @classmethod
    @contextmanager
    def found(cls) -> Iterator[Browser]:
        """Start one; the test is skipped where there is none."""
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if not (chromium and driver):
            pytest.skip("no Chromium with its driver here (Debian: chromium, chromium-driver)")
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        home = tempfile.mkdtemp(prefix="chromium-")
        for switch in (*_SWITCHES.split(), f"user-data-dir={home}"):
            options.add_argument(f"--{switch}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        made = webdriver.Chrome(options=options, service=Service(driver))
        try:
            yield cls(made)
        finally:
            made.quit()
            shutil.rmtree(home, ignore_errors=True)

    def opens(self, url: str) -> None:
        self.driver.get(url)

    def types(self, keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def runs(self, script: str) -> Any:
        return self.driver.execute_script(f"return {script}")

    def waits(self, script: str, seconds: float = 15) -> Any:
        """Wait until the page is there and a script's value is true, and return that."""
        whole = f"document.readyState === 'complete' && ({script})"
        return self.until(lambda: self.runs(whole), seconds)

    def until(self, done: Callable[[], Any], seconds: float = 15) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: done())

    def complaints(self) -> list[str]:
        """What the console says: errors, refusals by the policy; not that an open page is led to the login (401)."""
        said = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [line for line in said if "status of 401" not in line]
