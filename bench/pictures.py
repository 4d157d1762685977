"""Pictures of the page, for the docs: a production in the midst of its day, in a browser.

    python -m bench.pictures FOLDER [PRODUCTION]

The production is made anew in a temporary folder, which takes minutes, or in PRODUCTION, where it stays. Needs Chromium
and its driver (Debian: chromium, chromium-driver).
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.support.ui import WebDriverWait

from bench.halfday import HalfDay, half_day
from daemon.clock import SystemClock
from daemon.config import Config
from daemon.web.access import Access
from daemon.web.site import site

_SWITCHES = (
    "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-component-update disable-sync hide-scrollbars"
)
_MOST_BYTES = 150_000
_WIDE, _SMALL, _PHONE = (1920, 1080), (1280, 720), (390, 844)


@contextmanager
def served(config: Config) -> Iterator[str]:
    """The page of a production, in a thread."""
    page = site(config, Access({}), SystemClock(), lambda: server.should_exit)
    server = uvicorn.Server(uvicorn.Config(page, log_config=None, lifespan="off", ws="none"))
    listener = socket.create_server((config.page.bind, config.page.port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://{config.page.bind}:{config.page.port}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """A Chromium without a window and without a past."""
    options, home = webdriver.ChromeOptions(), tempfile.mkdtemp(prefix="chromium-")
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*_SWITCHES.split(), f"user-data-dir={home}"):
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options=options, service=Driver(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(home, ignore_errors=True)


def picture(driver: Any, url: str, size: tuple[int, int], ready: str, keys: str = "") -> Image.Image:
    """Return a page as it is seen, once a script says that it is ready."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == _PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get(url)
    WebDriverWait(driver, 60).until(lambda _: driver.execute_script(f"return {ready}"))
    if keys:
        webdriver.ActionChains(driver).send_keys(keys).perform()
    return Image.open(BytesIO(driver.get_screenshot_as_png())).convert("RGB")


def keep(seen: Image.Image, path: Path) -> None:
    """Keep a picture as a JPEG of the best quality that is small enough."""
    for quality in (90, 80, 70, 60, 50, 40):
        seen.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size < _MOST_BYTES:
            return
    raise ValueError(f"{path} is too large")


def photograph(day: HalfDay, folder: Path) -> None:
    """Take the pictures."""
    store = day.service.production.store
    clip = next(clip.id for clip in store.clips() if clip.name.startswith("A001C003"))
    there, drawn = "document.readyState === 'complete'", "document.getElementById('scopes').dataset.drawn"
    shots: dict[str, tuple[str, tuple[int, int], str, str]] = {
        "cards": ("/", _WIDE, there, "jjj"),
        "clip": (f"/clips/{clip}", (1600, 1480), drawn, ""),
        "queue": ("/queue", _SMALL, there, ""),
        "model": ("/model", (1920, 1300), there, ""),
        "stopped": ("/clips?show=stopped", _SMALL, there, "j"),
        "keys": ("/clips", _SMALL, there, "?"),
        "phone": ("/", _PHONE, there, ""),
    }
    with served(day.service.production.config) as address, browser() as driver:
        for name, (path, size, ready, keys) in shots.items():
            day.turn()  # the service goes on
            keep(picture(driver, f"{address}{path}", size, ready, keys), folder / f"page-{name}.jpg")


def main() -> None:
    """Make the production and take its pictures."""
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as made:
        place = Path([*sys.argv, made][2]).resolve()
        with half_day(place, port=8099) as day:
            photograph(day, folder)


if __name__ == "__main__":
    main()
