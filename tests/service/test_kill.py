"""A small part of the kill campaign; `make faults` runs all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)  # some 20 seconds alone; a machine that is busy otherwise may take long
def test_killed_at_twenty_points_nothing_is_lost_doubled_or_half_published() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--points", "20", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert told["kills"] >= 20
    assert told["points"] >= 200
    assert {"commit", "fsync", "twice", "a child", "above children"} <= told["runs"].keys()
