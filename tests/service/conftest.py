from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "media")]

from cart import Cart


@pytest.fixture
def real_aaf() -> None:
    """Asked for by the stories that look into an AAF."""


@pytest.fixture(autouse=True)
def short_aaf(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An AAF's name for the AAF: a real one takes a quarter of a second, and most stories are about something else."""
    if "real_aaf" not in request.fixturenames:
        monkeypatch.setattr("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode())


@pytest.fixture
def cart(folder: Path) -> Cart:
    """A production of its own, nothing offloaded yet; in memory where there is room, since every step is flushed."""
    return Cart(folder)
