"""The recipe: the nearest word wins, every word tells where it was written."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import config as configuration
from daemon import recipe
from daemon.errors import RecipeError
from engines.media.essence import CodeRange
from engines.media.proxy import ProxyCodec, Rotation


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "production: {code: S}\noffload: {roots: [cards]}\ndelivery: {root: d}\nstate: {root: s}\n"
        "enhance: {restore: {strength: 0.9}}\n"
    )
    return configuration.load(path)


@pytest.fixture
def book(tmp_path, config):
    def make(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return recipe.load(path, config)

    return make


def test_without_a_recipe_the_configuration_speaks(config):
    words = recipe.load(None, config).words(clip="A001C001", roll="A001")
    assert (words.restore.strength, words.proxy.codec) == (0.9, ProxyCodec.DNXHR_LB)


def test_a_clips_word_beats_its_rolls_and_that_its_scenes(book):
    made = book(
        "defaults: {restore: {strength: 0.1}}\nscenes: {12A: {restore: {strength: 0.2}}}\n"
        "rolls: {A*: {restore: {strength: 0.3}}}\nclips: {A001C001*: {restore: {strength: 0.4}}}\n"
    )
    assert made.words(clip="A001C001", roll="A001", scene="12A").restore.strength == 0.4
    assert made.words(clip="A001C002", roll="A001", scene="12A").restore.strength == 0.3
    assert made.words(clip="B001C002", roll="B001", scene="12A").restore.strength == 0.2
    assert made.words(clip="B001C002", roll="B001", scene="13").restore.strength == 0.1


def test_the_more_exact_name_wins_wherever_it_stands(book):
    made = book(
        "clips:\n  A001C001: {restore: {strength: 0.5}}\n  A001*: {restore: {strength: 0.6}}\n"
        "  A*: {restore: {strength: 0.7}}\n"
    )
    assert made.words(clip="A001C001", roll="A001").restore.strength == 0.5
    assert made.words(clip="A001C009", roll="A001").restore.strength == 0.6
    assert made.words(clip="A002C009", roll="A002").restore.strength == 0.7


def test_words_add_up_over_entries(book):
    made = book("rolls: {A*: {proxy: {codec: prores_lt}}}\nclips: {A001*: {proxy: {width: 1280}}}\n")
    assert made.words(clip="A001C1", roll="A001").proxy == recipe.ProxyWords(codec="prores_lt", width=1280)


def test_what_the_source_says_wrong_can_be_put_right(book):
    made = book(
        'clips: {X: {source: {rate: "23.976", deinterlace: true, rotation: bake, code_range: full, reel: R1}}}\n'
    )
    source = made.words(clip="X", roll="A").source
    assert (source.rate, source.deinterlace, source.rotation) == (Fraction(24000, 1001), True, Rotation.BAKE)
    assert (source.code_range, source.reel) == (CodeRange.FULL, "R1")


def test_every_word_tells_where_it_was_written(book):
    told = {
        word: where
        for word, _, where in book("clips:\n  A*:\n    restore:\n      strength: 0\n").explain(clip="A1", roll="R")
    }
    assert told["restore.strength"] == "recipe.yaml:4:7 clips.A*"
    assert told["proxy.codec"] == "config"
    assert told["source.rate"] == "default"


def test_faults_are_told_with_their_lines_all_at_once(book):
    text = "defaults:\n  restore: {strenght: 1}\nclips:\n  A*:\n    source: {rate: fast, deinterlace: yes}\nrols: {}\n"
    with pytest.raises(RecipeError) as caught:
        book(text)
    lines = [line.strip() for line in caught.value.why.strip().splitlines()]
    assert lines[0].startswith("recipe.yaml:2:13: defaults.restore.strenght: unknown key; did you mean strength?")
    assert any(line.startswith("recipe.yaml:5:14: clips.A*.source.rate: a frame rate such as 25") for line in lines)
    assert any(line.startswith("recipe.yaml:6:1: rols: not a section") for line in lines)
    assert any(line.startswith("recipe.yaml:5:26: clips.A*.source.deinterlace: YAML reads yes") for line in lines)
    assert len(lines) == 4


@given(st.permutations(["restore: {strength: 0.5}", "proxy: {codec: h264}", "source: {deinterlace: true}"]))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_digest_does_not_mind_the_order_of_words(book, parts):
    made = book("defaults: {" + ", ".join(parts) + "}\n")
    other = book("defaults: {restore: {strength: 0.5}, proxy: {codec: h264}, source: {deinterlace: true}}\n")
    assert made.words(clip="A", roll="R").digest() == other.words(clip="A", roll="R").digest()


def test_a_digest_minds_a_changed_word(book):
    one = book("defaults: {restore: {strength: 0.5}}\n").words(clip="A", roll="R").digest()
    assert one != book("defaults: {restore: {strength: 0.51}}\n").words(clip="A", roll="R").digest()


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("24", Fraction(24)),
        ("24.0", Fraction(24)),
        ("23.98", Fraction(24000, 1001)),
        ("29.970", Fraction(30000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ('"25/2"', Fraction(25, 2)),
    ],
)
def test_a_rate_is_exact_however_it_is_written(book, written, exact):
    made = book(f"defaults: {{source: {{rate: {written}}}}}\n")
    assert made.words(clip="A", roll="R").source.rate == exact


@pytest.mark.timeout(10)
@pytest.mark.parametrize("written", ["23.97", "12.5", "0", "1001", "true", '"24/0"', '"1e99999999"', '"-24"', '"nan"'])
def test_a_rate_that_would_drift_or_is_none_is_refused(book, written):
    with pytest.raises(RecipeError, match="a frame rate such as 25"):
        book(f"defaults: {{source: {{rate: {written}}}}}\n")


def test_what_may_vary_in_a_pattern_is_no_exact_text(book):
    made = book('clips: {A00*: {restore: {strength: 0.1}}, "A[0-9][0-9]*": {restore: {strength: 0.2}}}\n')
    assert made.words(clip="A001", roll="A").restore.strength == 0.1


def test_sections_may_wait_for_their_words(book, config):
    words = book("defaults:\nclips:\n").words(clip="A", roll="R")
    assert words == recipe.load(None, config).words(clip="A", roll="R")


def test_ten_megabytes_of_recipe_are_refused(book):
    with pytest.raises(RecipeError, match="larger than"):
        book("# " + "x" * 10_000_000)


_STRENGTHS = st.dictionaries(
    st.sampled_from(["defaults", "scenes", "rolls", "clips"]), st.sampled_from([0.25, 0.5, 0.75]), min_size=1
)


@given(_STRENGTHS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_nearest_section_wins_and_explain_names_it(book, strengths):
    entries = {"scenes": "1*", "rolls": "A*", "clips": "A0*"}
    lines = [
        f"{section}: {{{entries[section]}: {{restore: {{strength: {value}}}}}}}"
        if section in entries
        else f"{section}: {{restore: {{strength: {value}}}}}"
        for section, value in strengths.items()
    ]
    made = book("\n".join(lines))
    clip = {"clip": "A001C001", "roll": "A001", "scene": "12"}
    nearest = max(strengths, key=["defaults", "scenes", "rolls", "clips"].index)
    assert made.words(**clip).restore.strength == strengths[nearest]
    (where,) = [where for word, _, where in made.explain(**clip) if word == "restore.strength"]
    assert f" {nearest}" in where


@given(st.permutations(range(9)), st.integers(1, 8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_longest_pattern_wins_in_any_order(book, order, kept):
    name = "A001C001"
    patterns = [name[:length] + "*" if length < len(name) else name for length in order]
    lines = [
        f'  "{pattern}": {{proxy: {{width: {100 + 2 * length}}}}}'
        for length, pattern in list(zip(order, patterns, strict=True))[:kept]
    ]
    made = book("clips:\n" + "\n".join(lines) + "\n")
    assert made.words(clip=name, roll="R").proxy.width == 100 + 2 * max(order[:kept])


def test_of_patterns_alike_the_later_line_wins(book):
    made = book("clips:\n  A?1: {proxy: {width: 100}}\n  A0?: {proxy: {width: 102}}\n")
    assert made.words(clip="A01", roll="R").proxy.width == 102
    assert made.words(clip="a01", roll="R").proxy.width is None


def test_a_digest_is_the_same_in_every_process_and_notation(book):
    one = book("defaults: {restore: {strength: 1}, source: {rate: 23.976}}\n").words(clip="A", roll="R")
    other = book('defaults: {restore: {strength: 1.0}, source: {rate: "24000/1001"}}\n').words(clip="A", roll="R")
    assert one.digest() == other.digest()
    code = "from daemon.recipe import Words; print(Words.model_validate_json(input(), strict=False).digest())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=one.model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    assert run.stdout.strip() == one.digest()


def test_a_wire_may_be_written_as_a_list_of_shapes(book):
    made = book("clips: {A001C002*: {remove: [{line: [[0, 121], [639, 121]], width: 7}]}}\n")
    (wire,) = made.words(clip="A001C002", roll="A001").remove.shapes
    assert (wire.line, wire.width, wire.follow) == (((0.0, 121.0), (639.0, 121.0)), 7, "picture")
    told = {word: where for word, _, where in made.explain(clip="A001C002", roll="A001")}
    assert told["remove.shapes"].startswith("recipe.yaml:1:")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("remove: [{line: [[0, 1]], width: 7}]", "line needs 2 points or more"),
        ("remove: [{line: [[0, 1], [2, 3]]}]", "a line needs a width"),
        ("remove: [{box: [[0, 1], [2, 3]], painted: rig.png}]", "exactly one of line, box, ellipse, outline"),
        ("remove: [{lien: [[0, 1], [2, 3]], width: 3}]", "unknown key"),
        ("remove: [{line: [[0], [2, 3]], width: 3}]", "points such as"),
        ("remove: {strength: 2}", "less than or equal to 1"),
        ("remove: [{painted: rig.png}]", "the painted mask rig.png is not there"),
        ("matte: {key: pink}", "'green', 'blue' or 'plate'"),
        ("comp: {over: harbour.png}", "the plate harbour.png is not there"),
        ("stabilise: {strength: -1}", "greater than or equal to 0"),
        ("reframe: {zoom: 9}", "less than or equal to 4"),
        ("reframe: {centre: 5}", "a point such as"),
    ],
)
def test_a_bad_word_of_an_assist_is_told_with_its_line_and_what_is_needed(book, written, said):
    with pytest.raises(RecipeError) as caught:
        book(f"defaults:\n  {written}\n")
    (told,) = [one for one in caught.value.why.splitlines() if said in one]
    assert told.strip().startswith("recipe.yaml:2:"), told
    assert caught.value.fix


@pytest.mark.parametrize("word", ["comp: {over: %s}", "remove: [{painted: %s}]"])
@pytest.mark.parametrize("name", ["../outside.png", "link.png"])
def test_a_picture_that_lies_outside_of_the_recipes_folder_is_refused_for_children_do_not_read_there(
    book, tmp_path, word, name
):
    (tmp_path.parent / "outside.png").write_bytes(b"a picture")
    (tmp_path / "link.png").symlink_to(tmp_path.parent / "outside.png")
    with pytest.raises(RecipeError, match="lies outside of"):
        book(f"defaults:\n  {word % name}\n")
