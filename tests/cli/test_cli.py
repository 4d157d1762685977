"""The command line: data on stdout, the rest on stderr, exit codes that tell."""

from __future__ import annotations

import json
import sys

import pytest
import structlog

from daemon import cli

CONFIG = """\
production: {code: SHOW, recipe: recipe.yaml}
offload: {roots: [cards]}
delivery: {root: delivery}
state: {root: state}
"""


@pytest.fixture
def nearset(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["nearset", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    yield call
    structlog.reset_defaults()  # the log's stream was this test's, and is closed after it


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
    assert "left as it is" in err
    assert (tmp_path / "config.yaml").read_text() == "mine"


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
    assert (code, json.loads(out)) == (0, [])
