from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "service")]

from cart import Cart
from dailies import Tutor, approved

from daemon.stages import refine

_MEMORY = Path("/dev/shm")


@pytest.fixture(autouse=True)
def short_aaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AAF's name for the AAF: a real one takes a quarter of a second, and learning is about something else."""
    monkeypatch.setattr("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own; in memory where there is room, since every step is flushed."""
    made = Path(tempfile.mkdtemp(prefix="learning-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def cart(folder: Path) -> Cart:
    """A production that may be learned from, nothing offloaded yet."""
    return approved(folder)


@pytest.fixture
def tutor(monkeypatch: pytest.MonkeyPatch) -> Tutor:
    """Updates of the model that cost nothing."""
    made = Tutor()
    monkeypatch.setattr(refine, "work", made.work)
    return made
