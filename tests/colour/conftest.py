from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("media", "service")]

from cart import Cart


@pytest.fixture
def cart(folder: Path) -> Cart:
    """A production of its own, in memory where there is room."""
    return Cart(folder)
