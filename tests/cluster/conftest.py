"""Two boxes beside a head, all on this machine, for the stories that need Ray's real processes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "service"), str(Path(__file__).parents[1] / "media")]

from cart import Cart

from bench.boxes import Boxes, boxes


@pytest.fixture(autouse=True)
def short_aaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AAF's name for the AAF: a real one takes a quarter of a second, and these stories are about something else."""
    monkeypatch.setattr("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode())


@pytest.fixture
def cart(folder: Path) -> Cart:
    """A production of its own, in memory where there is room."""
    return Cart(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Boxes]:
    """A head, and two boxes that take the production TEST; in a folder with a short path, for sockets lie in it."""
    place = Path(tempfile.mkdtemp(prefix="ns-"))
    with boxes(place, ["box2", "box3"], "TEST") as made:
        yield made
    shutil.rmtree(place, ignore_errors=True)
