from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def samples() -> Path:
    """The shared samples; stories that need real footage are skipped where they are absent."""
    beside = Path(__file__).parents[2].parent / "shared" / "samples"
    folder = Path(os.environ.get("NEARSET_SAMPLES", beside))
    if not folder.is_dir():
        pytest.skip("the shared samples are not here; set NEARSET_SAMPLES to their folder")
    return folder
