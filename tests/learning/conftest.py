from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "service")]

from cart import Cart
from dailies import Tutor, approved

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
