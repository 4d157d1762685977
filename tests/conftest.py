"""For every test: what a property needs, it gets; a busy machine fails none by the clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A command sets up the log of its process, which is all tests' process here."""
    yield
    structlog.reset_defaults()
