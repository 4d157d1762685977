"""For every test: what a property needs, it gets; a busy machine fails none by the clock."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import structlog
from hypothesis import settings

from daemon.hashing import hash_bytes

os.environ["OMP_NUM_THREADS"] = "1"
"""Of torch, before it is loaded, and of all children: two workers whose threads wait for each other's in circles took
three times the processor time (2026-11-27)."""
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
_MEMORY = Path("/dev/shm")
_SHORT_AAF = {"cluster", "colour", "fidelity", "learning", "light", "notices", "service", "sound", "targets"}
"""Folders of stories that an AAF's name will do for."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own; in memory where there is room, since every step of a production is flushed."""
    made = Path(tempfile.mkdtemp(prefix="nearset-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def cart(folder: Path) -> Any:
    """A production on a cart, nothing offloaded yet; for the folders that can import `cart`."""
    from cart import Cart

    return Cart(folder)


@pytest.fixture
def real_aaf() -> None:
    """Asked for by the stories that look into an AAF."""


@pytest.fixture(autouse=True)
def short_aaf(request: pytest.FixtureRequest) -> Iterator[None]:
    """An AAF's name for the AAF: a real one takes a quarter of a second, and most stories are about something else.

    Not by the story's own monkeypatch: one that undoes what it changed would have real ones from then on.
    """
    if request.path.parent.name not in _SHORT_AAF or "real_aaf" in request.fixturenames:
        yield
        return
    with mock.patch("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode()):
        yield


@pytest.fixture(autouse=True, scope="session")
def _noise_once() -> Iterator[None]:
    """The same pictures' noise is measured once: stories have the same few clips, whose motion is found finely."""
    from engines.model import noise

    measure, found = noise.estimate, {}

    def estimate(pictures: Sequence[Any]) -> noise.NoiseProfile:
        planes = [plane for picture in pictures for plane in (picture.y, picture.cb, picture.cr)]
        key = hash_bytes("xxh128", b"".join(repr(plane.shape).encode() + plane.tobytes() for plane in planes))
        if key not in found:
            found[key] = measure(pictures)
        return found[key]

    with ExitStack() as patches:
        for module in (noise, *(sys.modules.get(f"engines.model.{name}") for name in ("prints", "replay"))):
            if module:  # those that are loaded later take it from the first
                patches.enter_context(mock.patch.object(module, "estimate", estimate))
        yield


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Calls nearset as a shell does: words in; exit code, stdout and stderr out."""
    from daemon import cli

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nearset", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A command sets up the log of its process, which is all tests' process here."""
    yield
    structlog.reset_defaults()
