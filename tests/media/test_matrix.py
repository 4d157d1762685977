"""A spread of the matrix's cells: every rate, every audio layout and every start, on every preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.matrix import RATES, SOUNDS, STARTS, Shot, judged, shots, spread
from engines.media.preset import PRESETS

SPREAD = spread(len(RATES))


def test_the_spread_knows_every_rate_sound_and_start() -> None:
    assert {shot.rate for shot in SPREAD} == set(RATES)
    assert {(shot.sounds, shot.bits) for shot in SPREAD} == set(SOUNDS)
    assert {shot.start for shot in SPREAD} == set(STARTS)
    assert len(shots()) == 8 * 7 * 3


@pytest.mark.parametrize("shot", SPREAD, ids=lambda shot: shot.name)
def test_every_preset_keeps_the_contract(tmp_path: Path, shot: Shot) -> None:
    assert judged(shot, tmp_path) == dict.fromkeys(PRESETS, "")
