"""A small part of the fault campaign; `make faults` runs all of it."""

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
    assert [fault for trial in told.values() for fault in trial["faults"]] == []
    return dict(told)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_killed_with_several_presets_a_proxy_is_all_its_files_or_none() -> None:
    presets = "avid-dnxhr-lb-opatom,h264-review"
    told = campaign("--only", "kills", "--count", "6", "--seed", "2", "--presets", presets)["kills"]
    assert told["cases"] >= 6
    assert int(told["figures"]["points"]) >= 300


@pytest.mark.timeout(300)  # some 10 seconds alone; a machine that is busy otherwise may take long
def test_killed_at_ten_points_nothing_is_lost_doubled_or_half_published() -> None:
    told = campaign("--only", "kills", "--count", "10")["kills"]
    assert told["cases"] >= 10
    assert int(told["figures"]["points"]) >= 200
    assert {"commit", "fsync", "twice", "a child", "above children"} <= told["runs"].keys()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_tiny_spread_of_every_other_fault_finds_none_and_catches_every_deliberate_break() -> None:
    names = ["cuts", "refusals", "finds", "copies", "flaps", "corruptions", "sidecars", "media"]
    told = campaign("--quick", "--only", ",".join(names))
    assert list(told) == names
    for name, trial in told.items():
        assert trial["refused"] or trial["cases"] > 0, name
        assert trial["refused"] or trial["controls"], name
