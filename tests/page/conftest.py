from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "service")]

from cart import Cart
from premises import Browser, Reader, desk_of, dressed

_MEMORY = Path("/dev/shm")


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="page-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))


@pytest.fixture(scope="session")
def dressed_cart() -> Iterator[Cart]:
    """A production with cards at several stations, made once; nobody changes it."""
    folder = _folder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode())
        made = dressed(folder)
    yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def reader(dressed_cart: Cart) -> Reader:
    """Whoever sits at the cart and looks at the page of that production."""
    return Reader(desk_of(dressed_cart))


@pytest.fixture
def empty_cart() -> Iterator[Cart]:
    """A production of its own, nothing offloaded yet."""
    folder = _folder()
    yield Cart(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client_of() -> Callable[[Cart], TestClient]:
    """Opens a production's page over HTTP, as a program of this machine would."""
    return desk_of


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A Chromium without a window, begun anew: no page of before holds on to it. Where there is none, it is skipped."""
    with Browser.found() as found:
        yield found
