"""The command line: data on stdout, the rest on stderr, exit codes that tell."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from footage import footage

from daemon import cli, log
from daemon.display import Progress
from daemon.status import Snapshot, WorkStatus
from daemon.statusfile import read_status, write_status

CONFIG = """\
production: {code: SHOW, recipe: recipe.yaml}
offload: {roots: [cards]}
delivery: {root: delivery}
state: {root: state}
"""


ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def snapshot(work: WorkStatus, *, eta: float) -> Snapshot:
    return Snapshot("SHOW", "2026-03-02T18:00:00+00:00", (), (work,), 3, {}, eta)


@pytest.fixture
def nearset(monkeypatch, command, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command


@pytest.fixture
def production(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "recipe.yaml").write_text("clips:\n  A001*: {restore: {strength: 0.5}}\n")
    (tmp_path / "cards").mkdir()


def test_init_writes_a_commented_configuration_once(nearset, tmp_path):
    assert nearset("init")[0] == 0
    first = (tmp_path / "config.yaml").read_text()
    assert "«set this»" in first
    (tmp_path / "config.yaml").write_text("mine")
    code, _, err = nearset("init")
    assert code == 2
    assert "config.yaml has 1 fault" in err
    assert (tmp_path / "config.yaml").read_text() == "mine"


@pytest.mark.usefixtures("production")
def test_init_again_makes_the_certificates_that_deliveries_are_signed_with_and_keeps_them(nearset, tmp_path):
    code, out, err = nearset("init")
    assert (code, out) == (0, "")
    (key,) = tmp_path.rglob("key.pem")
    before = key.read_bytes()
    assert "root.pem" in err
    assert "SHA-256" in err
    assert nearset("init")[0] == 0
    assert key.read_bytes() == before


def test_a_path_that_is_not_to_be_had_is_told_and_no_traceback_is_shown(nearset, production, tmp_path):
    (tmp_path / "state").write_text("a file where a folder is needed")
    for words in (("init", "nowhere/config.yaml"), ("retry", "A001*"), ("verify", ".", "--root", "nowhere.pem")):
        code, out, err = nearset(*words)
        assert (code, out, err.count("\n")) == (2, "", 3), words
        assert err.startswith("nearset: a file or folder cannot be used\n  why: ")
    assert "No such file or directory (nowhere.pem)" in err


def test_a_configuration_that_is_there_and_cannot_be_read_is_not_to_be_written_anew(nearset, tmp_path):
    (tmp_path / "config.yaml").mkdir()
    code, _, err = nearset("config", "check")
    assert code == 2
    assert "why: Is a directory" in err
    assert "nearset init" not in err


def test_config_check_tells_every_fault_and_exits_2(nearset, tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG.replace("roots", "rots"))
    code, out, err = nearset("config", "check")
    assert (code, out) == (2, "")
    assert "offload.rots: unknown key; did you mean roots?" in err
    assert "fix:" in err


def test_config_check_is_quiet_on_stdout_when_all_is_good(nearset, production):
    code, out, err = nearset("config", "check")
    assert (code, out) == (0, "")
    assert "is good" in err


def test_the_schema_is_json(nearset):
    code, out, _ = nearset("config", "schema")
    assert code == 0
    assert "offload" in json.loads(out)["properties"]


def test_recipe_show_tells_each_word_and_its_line(nearset, production):
    code, out, _ = nearset("recipe", "show", "A001C003", "--json")
    assert code == 0
    assert json.loads(out)["restore.strength"] == {"value": "0.5", "from": "recipe.yaml:2:21 clips.A001*"}


def test_a_status_before_the_first_run_says_what_to_do(nearset, production):
    code, _, err = nearset("status")
    assert code == 2
    assert "nearset run" in err


def test_a_status_that_a_service_left_which_runs_no_more_says_so(nearset, production, tmp_path):
    assert nearset("once")[0] == 0
    left = read_status(tmp_path / "state" / "SHOW")
    write_status(tmp_path / "state" / "SHOW", replace(left, at="2026-03-02T18:00:00+00:00"))
    told = nearset("status")[1].splitlines()
    assert told[1] == "nearset is not running, and this is how it stood then; `nearset run` starts it"


def test_retry_leaves_a_request_for_the_service(nearset, production, tmp_path):
    assert nearset("retry", "A001*")[0] == 0
    (request,) = (tmp_path / "state" / "SHOW" / "requests").glob("*.json")
    assert json.loads(request.read_text()) == {"wish": "retry", "subject": "A001*"}


def test_a_marker_is_written_once_and_said(nearset, production, tmp_path):
    _, first, _ = nearset("mark", tmp_path / "cards")
    _, again, _ = nearset("mark", tmp_path / "cards")
    assert first == again
    assert (tmp_path / "cards" / ".nearset-root").read_text() == first


def test_an_unknown_command_is_a_usage_error(nearset):
    code, _, err = nearset("rnu")
    assert code == 2
    assert "run" in err


def test_once_with_nothing_there_is_done_at_once(nearset, production):
    code, out, _ = nearset("once", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["production"], told["cards"]) == ("SHOW", [])


def test_a_plan_of_an_empty_folder_plans_nothing(nearset, production, tmp_path):
    code, out, _ = nearset("plan", tmp_path / "cards", "--json")
    told = json.loads(out)
    assert (code, told["clips"]) == (0, [])
    assert (told["total"]["slow_seconds"], told["total"]["needed_bytes"], told["total"]["fits"]) == (0, 0, True)


def test_a_plan_of_a_folder_without_cards_says_so_in_place_of_a_minute(nearset, production, tmp_path):
    (tmp_path / "cards" / "notes.txt").write_text("no card")
    code, out, _ = nearset("plan", "cards")
    assert (code, out) == (0, "nothing beneath cards is a clip of a card that is known here; nothing would be made\n")


def test_a_plan_says_what_would_be_made_and_writes_nothing(nearset, production, tmp_path):
    roll = tmp_path / "cards" / "A001"
    roll.mkdir()
    (roll / "A001C001.mov").write_bytes(footage(1))
    (roll / "A001C002.mov").write_bytes(footage(2, interlaced=True, codec="prores_ks"))
    (roll / "A001C003.mov").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    (roll / "A001C004.R3D").write_bytes(b"RED2" + bytes(64))
    (tmp_path / "recipe.yaml").write_text("defaults: {proxy: {codec: prores_proxy}}\n")
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = nearset("plan", tmp_path / "cards", "--json")
    told = json.loads(out)
    first, second, third, fourth = told["clips"]
    assert code == 0
    assert (first["proxy"], first["note"]) == ("128x96 prores_proxy", "")
    assert first["enhanced_bytes"] == first["plain_bytes"] > 0
    assert (second["enhanced_bytes"], second["note"][:26]) == (0, "not enhanced: interlaced, ")
    assert "which no camera's container does" in third["note"]
    assert fourth["note"] == "camera raw: not decoded here"
    assert told["total"]["needed_bytes"] == sum(clip["plain_bytes"] + clip["enhanced_bytes"] for clip in told["clips"])
    assert told["total"]["basis"].startswith("nothing was rendered here yet")
    assert 0 < told["total"]["quick_seconds"] < told["total"]["slow_seconds"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_plan_of_a_folder_that_is_not_there_says_so(nearset, production, tmp_path):
    code, out, err = nearset("plan", tmp_path / "nowhere")
    assert (code, out) == (2, "")
    assert "No such file or directory" in err


def test_recipe_show_knows_the_roll_of_a_clip_that_the_service_knows(nearset, production, tmp_path):
    (tmp_path / "recipe.yaml").write_text("rolls: {A001: {restore: {strength: 0.25}}}\n")
    for roll, clip in (("A001", "C001"), ("A001", "C002"), ("B001", "C002")):
        (tmp_path / "cards" / roll).mkdir(exist_ok=True)
        (tmp_path / "cards" / roll / f"{clip}.R3D").write_bytes(f"{roll}{clip}".encode())
    (tmp_path / "config.yaml").write_text(CONFIG.replace("[cards]", "[cards], settle_seconds: 0"))
    assert nearset("once")[0] == 3
    told = json.loads(nearset("recipe", "show", "C001", "--json")[1])
    assert told["restore.strength"]["value"] == "0.25"
    _, _, err = nearset("recipe", "show", "C002")
    assert "A001, B001: name one with --roll" in err


def test_a_log_line_goes_above_the_progress_and_an_eta_that_nobody_knows_is_not_told(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    before = sys.stderr
    sys.stderr = screen
    try:
        with Progress() as progress:
            progress.show(snapshot(WorkStatus("A001C001", "render", 0, 0, 0.0, None), eta=0.0))
            log.configure("info", "auto")
            log.get().info("clip.found", clip="A001C001")
            progress.show(snapshot(WorkStatus("A001C001", "render", 25, 100, 5.0, 15.0), eta=3723.0))
    finally:
        sys.stderr = before
        structlog.reset_defaults()
    told = ANSI.sub("", screen.getvalue())
    assert "clip.found" in told
    lines = [line for line in told.replace("\r", "\n").splitlines() if "clip.found" in line]
    assert all("jobs wait" not in line for line in lines)
    first, _, later = told.partition("clip.found")
    assert "ETA" not in first
    assert "25 %" in later
    assert "5.0 frames/s" in later
    assert "ETA 0:15" in later
    assert "ETA 1:02:03" in later


@pytest.fixture
def a_production_with_engines(nearset, production):
    pytest.importorskip("tensorrt_rtx")
    return nearset


def test_plans_are_built_listed_and_cleared_without_a_gpu(a_production_with_engines, tmp_path):
    nearset = a_production_with_engines
    words = ("--backend", "tensorrt-rtx", "--sm", "89", "--size", "96x64", "--json")
    code, out, _ = nearset("engine", "build", *words)
    (built,) = json.loads(out)
    assert code == 0
    assert (built["size"], built["sm"], built["renewal"], built["refused"]) == ("96x64", "89", "rebuild", "")
    path = tmp_path / "state" / "SHOW" / "engines" / built["path"].rpartition("/")[2]
    assert path.stat().st_size == built["bytes"]
    assert built["seconds"] > 0
    (again,) = json.loads(nearset("engine", "build", *words)[1])
    assert (again["path"], again["seconds"]) == (built["path"], 0)
    path.write_bytes(path.read_bytes()[:-1])
    (listed,) = json.loads(nearset("engine", "list", "--json")[1])
    assert "cut short" in listed["refused"]
    (mended,) = json.loads(nearset("engine", "build", *words)[1])
    assert "cut short" in mended["refused"]
    assert mended["seconds"] > 0
    assert "removed 1 plan" in nearset("engine", "clear")[2]
    assert json.loads(nearset("engine", "list", "--json")[1]) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--backend", "openvino"), "builds no plans"),
        (("--backend", "tensorrt-rtx", "--sm", "90"), "knows 75, 80, 86, 89, 120, 121"),
        (("--backend", "tensorrt-rtx", "--sm", "89", "--size", "big"), "no raster"),
    ],
)
def test_a_plan_that_cannot_be_built_is_told_and_exits_2(a_production_with_engines, words, said):
    code, out, err = a_production_with_engines("engine", "build", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_every_engine_here_is_timed_and_the_others_are_explained(nearset, production):
    code, out, _ = nearset("engine", "bench", "--size", "64x48", "--frames", "2", "--json")
    rows = {row["engine"]: row for row in json.loads(out)}
    assert code == 0
    assert set(rows) == {"native", "openvino", "eager", "eager-cuda", "tensorrt", "tensorrt-rtx"}
    assert rows["openvino"]["fps"] > 0
    assert all(bool(row["fps"]) != bool(row["missing"]) for row in rows.values())


def test_the_doctor_says_what_runs_what_is_missing_and_how_to_get_it(nearset, tmp_path):
    code, out, _ = nearset("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(out)}
    assert code == 0
    assert found["engine auto"]["needed"]
    assert found["engine openvino"]["state"] == "good"
    assert {"GPU", "tensorrt", "tensorrt_rtx_cu13", "pycuda"} <= set(found)
    assert all(bool(finding["fix"]) == (finding["state"] == "missing") for finding in found.values())


def test_the_doctor_says_where_a_kernel_keeps_nobody_to_his_folders(nearset, monkeypatch):
    monkeypatch.setattr("daemon.landlock.version", lambda: 0)
    code, out, _ = nearset("doctor", "--json")
    (landlock,) = [finding for finding in json.loads(out) if finding["name"] == "Landlock"]
    assert (code, landlock["state"], landlock["needed"]) == (0, "missing", False)
    assert "lsm=landlock" in landlock["fix"]


def test_the_doctor_exits_3_where_the_engine_that_is_asked_for_cannot_run(nearset, production, tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text(CONFIG + "engine: tensorrt\n")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    code, out, _ = nearset("doctor")
    assert code == 3
    assert "nearset[gpu]" in out.replace("\n", "")


def test_the_bench_of_a_gpu_measures_nothing_without_one_and_says_so():
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has a GPU")
    root = Path(cli.__file__).parents[1]
    done = subprocess.run([sys.executable, "-m", "bench.gpu"], check=False, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert "nothing measured: no GPU can be used here" in done.stderr
