"""A production whose machine is looked at: nothing offloaded, nothing made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from machine import configured

from daemon.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("cards", "delivery"):
        (tmp_path / name).mkdir()
    return configured(tmp_path)
