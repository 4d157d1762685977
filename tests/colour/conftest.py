from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("media", "service")]

from cart import Cart

_MEMORY = Path("/dev/shm")


@pytest.fixture
def cart() -> Iterator[Cart]:
    """A production of its own, in memory where there is room."""
    folder = Path(tempfile.mkdtemp(prefix="cart-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    yield Cart(folder)
    shutil.rmtree(folder, ignore_errors=True)
