"""A small part of the kill campaign; `make faults` runs all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def campaign(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--json", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == []
    return dict(told)


@pytest.mark.timeout(300)
def test_killed_with_several_presets_a_proxy_is_all_its_files_or_none() -> None:
    told = campaign("--points", "6", "--seed", "2", "--presets", "avid-dnxhr-lb-opatom,h264-review")
    assert told["kills"] >= 6
    assert told["points"] >= 300


@pytest.mark.timeout(300)  # some 20 seconds alone; a machine that is busy otherwise may take long
def test_killed_at_twenty_points_nothing_is_lost_doubled_or_half_published() -> None:
    told = campaign("--points", "20")
    assert told["kills"] >= 20
    assert told["points"] >= 200
    assert {"commit", "fsync", "twice", "a child", "above children"} <= told["runs"].keys()
