"""A cart with a recorder beside its cameras."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / name) for name in ("service", "media"))]


@pytest.fixture(scope="session")
def samples() -> Path:
    """The shared samples' folder."""
    beside = Path(__file__).parents[3] / "shared" / "samples"
    folder = Path(os.environ.get("NEARSET_SAMPLES", beside))
    if not folder.is_dir():
        pytest.skip("the shared samples are not here; set NEARSET_SAMPLES to their folder")
    return folder
