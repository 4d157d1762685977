from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))


@pytest.fixture
def nearset(monkeypatch, command, tmp_path, request):
    """Calls nearset in a folder with one card and the story's own CONFIG."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(request.module.CONFIG)
    Path("cards/A001").mkdir(parents=True)
    return command
