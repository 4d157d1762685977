"""The day with a GPU, as far as paper shows it: no step costs another its rows, and every cell has its place."""

from __future__ import annotations

import json
import sys
import time

import pytest

from bench.gpu import __main__ as day
from bench.gpu.parts import PARTS
from bench.gpu.steps import EAGER, lacking, run, steps
from bench.gpu.tables import _KERNELS, _MOTION, _STREAMS, read, tables
from engines.gpu.device import Gpu
from engines.kernels.twin import LAYOUTS
from engines.media.trials import STREAMS

PAPER = Gpu("Paper RTX", "89", "580.65 CUDA 13.0", 24 << 30)
HUNG = "import subprocess, sys, time; print('{\"a\": 1}'); subprocess.Popen(['sleep', '60']); time.sleep(60)"


def test_a_step_that_hangs_ends_with_all_that_it_started_and_its_rows_are_kept():
    told, began = [], time.monotonic()
    assert run([sys.executable, "-c", HUNG], 3, told.append) == "it took longer than 3 s"
    assert told == ['{"a": 1}']
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("print(1)", ""),
        ("raise SystemExit('no plan')", "exit code 1: no plan"),
        ("import os; os.abort()", "exit code -6: "),
    ],
    ids=["ends well", "fails", "crashes"],
)
def test_how_a_step_ended_is_told(code, why):
    assert run([sys.executable, "-c", code], 60, lambda _: None) == why


def test_what_is_worth_most_comes_first_and_torch_is_alone():
    names = [step.part for step in steps()]
    assert names[:3] == ["ground", "kernels", "engines"]
    assert names[-2:] == ["video", "motion"]
    assert list(dict.fromkeys(names)) == list(PARTS)
    assert [step.name for step in steps(["parity"], [EAGER])] == [f"parity {EAGER}"]
    assert set(lacking()) <= {need for step in steps() for need in step.needs}


def test_a_day_goes_on_after_a_step_that_fails_keeps_rows_as_they_come_and_ends_with_its_budget(
    monkeypatch, tmp_path, capsys
):
    seen = []

    def ran(words, seconds, tell):
        seen.append((words, seconds))
        part = words[words.index("--inside") + 1]
        if part == "kernels":
            tell('{"kernel": "look of a picture", "seconds": 2e-5, "share": 0.5, "off": 0.0}')
            return "exit code -11: "
        tell('{"copy_bytes_s": 3e12}' if part == "ground" else "warming up")
        return ""

    monkeypatch.setattr(day, "gpu", lambda: PAPER)
    monkeypatch.setattr(day, "lacking", lambda: {"cv2": "motion"})
    monkeypatch.setattr(day, "run", ran)
    words = ["--rows", str(tmp_path / "rows.jsonl"), "--seconds", "100"]
    parts = [word for part in ("ground", "kernels", "video", "motion") for word in ("--part", part)]
    monkeypatch.setattr(sys, "argv", ["bench.gpu", *words, *parts])
    assert day.main() == 1
    assert [most <= 100 for _, most in seen] == [True] * 3
    assert seen[1][0][-2:] == ["--copy_bytes_s", "3000000000000.0"]
    rows = read([tmp_path / "rows.jsonl"])
    assert {"step": "video", "said": "warming up"} in rows
    assert {"step": "motion", "not_run": "cv2 not here"} in rows
    told = capsys.readouterr().out
    assert "| Paper RTX (SM 89, driver 580.65 CUDA 13.0) | 3e+03 |" in told
    assert "| look of a picture | 20 | 0.5 | 0 |" in told
    assert "- kernels: failed: exit code -11" in told
    assert "- motion: not run: cv2 not here" in told


def test_without_time_no_step_is_begun_and_that_is_said(monkeypatch, capsys):
    monkeypatch.setattr(day, "gpu", lambda: PAPER)
    monkeypatch.setattr(day, "lacking", dict)
    monkeypatch.setattr(day, "run", None)
    monkeypatch.setattr(sys, "argv", ["bench.gpu", "--seconds", "5"])
    assert day.main() == 0
    assert "- ground: not run: no time was left" in capsys.readouterr().out


def test_rows_of_two_runs_make_one_table_and_a_line_that_was_cut_off_makes_none(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    name = {"step": "engines tensorrt", "size": "lite", "raster": "960x540"}
    one.write_text(json.dumps(name | {"build_s": 12.34}) + '\n{"step": "engi')
    other.write_text(json.dumps(name | {"plain_ms": 0.5}) + "\n")
    told = tables(read([one, other]))
    assert "| lite 960x540 | 12.3 |  |  | 0.5 |" in told
    assert told.count("| mid 3840x2160 |") == 2


def test_every_row_that_can_be_measured_has_its_line():
    assert list(_STREAMS) == [name for name, *_ in STREAMS]
    assert {f"packed_from_{layout.name}" for layout in LAYOUTS} <= set(_KERNELS)
    assert len(_MOTION) == 18
