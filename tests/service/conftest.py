from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "media")]

from cart import Cart

_MEMORY = Path("/dev/shm")


@pytest.fixture
def cart() -> Iterator[Cart]:
    """A production of its own, nothing offloaded yet; in memory where there is room, since every step is flushed."""
    folder = Path(tempfile.mkdtemp(prefix="cart-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
    yield Cart(folder)
    shutil.rmtree(folder, ignore_errors=True)
