from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "service")]

from cart import Cart
from dailies import Taught, Tutor, approved

from daemon.stages import refine


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


@pytest.fixture(scope="session")
def _taught_once() -> Iterator[Taught]:
    with Taught.by([()]) as made:
        yield made


@pytest.fixture
def taught(_taught_once: Taught) -> Iterator[tuple[Cart, Tutor]]:
    """A production whose model learned from one card of two clips, and who taught it."""
    with _taught_once.again() as made:
        yield made
