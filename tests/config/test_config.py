"""The configuration: every fault is told with its place, all at once; folders never overlap."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from daemon import config as configuration
from daemon.errors import ConfigError
from daemon.example import example
from daemon.places import claims, clashes

MINIMAL = """\
production: {code: SHOW}
offload: {roots: [cards]}
delivery: {root: delivery}
state: {root: state}
"""


def load(folder: Path, text: str):
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return configuration.load(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [line.strip() for line in caught.value.why.strip().splitlines()]


def test_four_values_are_enough(tmp_path):
    config = load(tmp_path, MINIMAL)
    assert config.offload.roots[0].path == tmp_path / "cards"
    assert config.production_state == tmp_path / "state" / "SHOW"
    assert config.production_delivery == tmp_path / "delivery" / "SHOW"
    assert config.offload.require_manifest
    assert config.production.day_starts == time(6)
    assert config.engine == "auto"


def test_all_faults_are_told_at_once_with_line_and_column(tmp_path):
    text = """\
production:
  code: SHOW
offload:
  roots: [cards]
  settle_secnds: 3
delivery: {root: delivery}
proxy:
  codec: dnx
  width: 961
"""
    found = faults(tmp_path, text)
    assert found[1].startswith("config.yaml:5:3: offload.settle_secnds: unknown key; did you mean settle_seconds?")
    assert any(line.startswith("config.yaml:8:3: proxy.codec: one of dnxhr_lb") for line in found)
    assert any(line.startswith("config.yaml:9:3: proxy.width:") for line in found)
    assert any(line.endswith("state: is missing") for line in found)
    assert len(found) == 4


def test_a_trap_a_typo_and_an_overlap_are_told_together_and_each_once(tmp_path):
    text = """\
production: {code: SHOW, title: no}
offload: {roots: [cards, {path: 7}], require_manifest: yes, scan: 3}
delivery: {root: cards/out}
state: {root: state}
"""
    found = faults(tmp_path, text)
    told = ("production.title", "require_manifest", "offload.scan", "roots.1.path", "delivery.root")
    assert all(len([line for line in found if key in line]) == 1 for key in told), found
    assert len(found) == len(told)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("production: {code: 0010}", "leading zero"),
        ("production: {code: no}", "yes or no"),
        ("production: {code: SHOW, day_starts: 12:30}", "base sixty"),
        ("production: {code: SHOW, title: 2026-11-24}", "a date"),
    ],
)
def test_words_that_yaml_would_turn_into_something_else_are_faults(tmp_path, line, word):
    (found,) = faults(tmp_path, MINIMAL.replace("production: {code: SHOW}", line))
    assert word in found
    assert "quotes" in found


def test_a_number_is_no_text_and_a_text_no_number(tmp_path):
    text = MINIMAL.replace("{roots: [cards]}", '{roots: [cards], settle_seconds: "ten", require_manifest: 1}')
    assert len(faults(tmp_path, text)) == 2


def test_a_key_that_stands_twice_is_a_fault(tmp_path):
    assert "stands here twice" in faults(tmp_path, MINIMAL + "state: {root: other}\n")[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{root: delivery}", "{root: cards}"),
        ("{root: delivery}", "{root: cards/out}"),
        ("{roots: [cards]}", "{roots: [cards, cards/inner]}"),
        ("{root: state}", "{root: delivery/state}"),
    ],
)
def test_folders_that_overlap_are_refused(tmp_path, before, after):
    assert "must lie apart" in faults(tmp_path, MINIMAL.replace(before, after))[0]


def test_folders_that_overlap_through_a_link_are_refused(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "cards")
    assert "must lie apart" in faults(tmp_path, MINIMAL.replace("{root: delivery}", "{root: elsewhere/out}"))[0]


def test_a_recipe_on_a_card_commands_nothing(tmp_path):
    text = MINIMAL.replace("{code: SHOW}", "{code: SHOW, recipe: cards/recipe.yaml}")
    assert "must not command the service" in faults(tmp_path, text)[0]


@pytest.mark.parametrize("word", ["show_lut: cards/A001/show.cube", "looks: [show, delivery/SHOW/20260302/A001/looks]"])
def test_a_look_on_a_card_or_in_a_delivery_is_not_the_shows(tmp_path, word):
    assert "must not command the service" in faults(tmp_path, f"{MINIMAL}\ncolour: {{{word}}}\n")[0]


def test_neighbours_share_no_offload_but_may_share_a_delivery_volume(tmp_path):
    config = load(tmp_path, MINIMAL)
    other = {"offload": [str(tmp_path / "cards" / "b")], "delivery": [str(tmp_path / "delivery")], "state": []}
    (found,) = clashes(config, {"OTHER": other})
    assert "production OTHER" in found


def test_an_alias_bomb_is_refused(tmp_path):
    bomb = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert "aliases" in faults(tmp_path, bomb)[0]


def test_ten_megabytes_are_refused(tmp_path):
    assert "larger than" in faults(tmp_path, "# " + "x" * 10_000_000)[0]


@pytest.mark.parametrize("text", ["{", "- a\n- b\n", "\x00", "a: " + "[" * 60 + "]" * 60, ""])
def test_what_is_no_configuration_is_a_fault_and_no_crash(tmp_path, text):
    assert faults(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="nearset init"):
        configuration.load(tmp_path / "none.yaml")


def test_the_example_is_the_one_beside_the_readme_and_it_loads(tmp_path):
    beside = Path(__file__).parents[2] / "config.example.yaml"
    assert beside.read_text(encoding="utf-8") == example()
    assert load(tmp_path, example()).production.code == "SHOW"


def test_the_schema_names_every_section():
    of_work = {"proxy", "enhance", "engine", "gpu", "refine", "model", "queue", "page", "executor", "cluster"}
    assert {
        "production",
        "offload",
        "delivery",
        "egress",
        "provenance",
        "state",
        "colour",
        "workers",
        "log",
        "notify",
        "metrics",
    } | of_work == set(configuration.schema()["properties"])


@pytest.mark.parametrize("word", ["1e3", "0x1F", "1_000", "True", ".inf", "2026-11-24 12:00:00", "9" * 5000, "-012"])
def test_further_words_that_yaml_reads_in_its_own_way_are_faults(tmp_path, word):
    (found,) = faults(tmp_path, MINIMAL.replace("{code: SHOW}", f"{{code: SHOW, title: {word}}}"))
    assert found.startswith("config.yaml:1:26: production.title: YAML reads ")
    assert load(tmp_path, MINIMAL.replace("{code: SHOW}", f'{{code: SHOW, title: "{word}"}}')).production.title == word


@pytest.mark.parametrize("value", ["true", '"10"', '"nan"', "-1", "3601"])
def test_seconds_are_a_number_in_range(tmp_path, value):
    (found,) = faults(tmp_path, MINIMAL.replace("{roots: [cards]}", f"{{roots: [cards], settle_seconds: {value}}}"))
    assert found.startswith("config.yaml:2:27: offload.settle_seconds:")


@pytest.mark.parametrize("value", ['""', '" "', "~", "3", '"a\\0b"', '"~nobody-of-that-name/x"', "loop/x"])
def test_a_path_that_leads_nowhere_is_a_fault_and_no_crash(tmp_path, value):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (found,) = faults(tmp_path, MINIMAL.replace("{root: delivery}", f"{{root: {value}}}"))
    assert found.startswith("config.yaml:3:12: delivery.root: a path ")


@pytest.mark.parametrize("value", ["1200", '"06:00+02:00"', '"25:00"'])
def test_a_day_starts_at_a_time_of_the_set(tmp_path, value):
    (found,) = faults(tmp_path, MINIMAL.replace("{code: SHOW}", f"{{code: SHOW, day_starts: {value}}}"))
    assert 'a time such as "06:00" is needed' in found


def test_a_missing_key_is_told_by_its_name_and_a_misplaced_one_by_its_home(tmp_path):
    text = MINIMAL.replace("{code: SHOW}", "{settle_seconds: 3}")
    assert sorted(faults(tmp_path, text)) == [
        "config.yaml:1:14: production.settle_seconds: unknown key; did you mean offload.settle_seconds?",
        "config.yaml:1:1: production.code: is missing",
    ]


def test_a_home_folder_and_a_root_with_its_own_watch_are_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = load(tmp_path, MINIMAL.replace("[cards]", "[~/cards, {path: nas, watch: poll}]"))
    assert [(root.path, root.watch) for root in config.offload.roots] == [
        (tmp_path / "home" / "cards", "auto"),
        (tmp_path / "nas", "poll"),
    ]


def test_a_link_that_a_card_could_change_is_no_recipe(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "good.yaml").touch()
    (tmp_path / "cards" / "recipe.yaml").symlink_to(tmp_path / "good.yaml")
    (tmp_path / "recipe.yaml").symlink_to(tmp_path / "cards" / "recipe.yaml")
    for recipe in ("recipe.yaml", "cards/recipe.yaml"):
        text = MINIMAL.replace("{code: SHOW}", f"{{code: SHOW, recipe: {recipe}}}")
        assert "must not command the service" in faults(tmp_path, text)[0]
    assert load(tmp_path, MINIMAL.replace("{code: SHOW}", "{code: SHOW, recipe: good.yaml}")).production.recipe


@pytest.mark.parametrize("folder", ["delivery/SHOW", "state"])
def test_what_nearset_made_never_stands_in_for_camera_raw(tmp_path, folder):
    text = MINIMAL.replace("[cards]", f"[cards], stand_ins: {{folders: [{folder}]}}")
    assert "stands in for nothing" in faults(tmp_path, text)[0]


def test_neighbours_nest_no_folders_and_differ_by_more_than_case(tmp_path):
    config = load(tmp_path, MINIMAL)
    nothing = {"offload": [], "delivery": [], "state": []}
    shared = nothing | {"delivery": [str(tmp_path / "delivery")]}
    assert clashes(config, {"OTHER": shared}) == []
    assert len(clashes(config, {"show": shared})) == 1
    assert len(clashes(config, {"OTHER": nothing | {"delivery": [str(tmp_path / "delivery" / "SHOW")]}})) == 1
    assert len(clashes(config, {"OTHER": nothing | {"delivery": [str(tmp_path / "cards" / "out")]}})) == 1
    assert clashes(config, {"SHOW2": claims(config)}) == [
        f"offload {tmp_path / 'cards'} overlaps with offload {tmp_path / 'cards'} of production SHOW2"
    ]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", ["[" * 900_000, "- " * 100_000, "{a: " * 100_000])
def test_deep_nesting_is_refused_before_it_costs_time(tmp_path, text):
    assert "nested deeper" in faults(tmp_path, text)[0]


def test_a_tag_asks_for_nothing_here(tmp_path):
    assert "tags" in faults(tmp_path, MINIMAL + "log: !!python/object/apply:os.getcwd []\n")[0]


def test_a_fault_never_writes_on_the_terminal(tmp_path):
    (found,) = faults(tmp_path, MINIMAL + '"a\\e[31m\\nb": 1\n')
    assert found == r"config.yaml:5:1: a\x1b[31m\nb: unknown key"
