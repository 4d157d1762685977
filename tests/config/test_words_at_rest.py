"""Words of light and of the assists: at rest they ask for nothing, turned for something, and bad ones are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from daemon import config as configuration
from daemon import recipe
from daemon.assists import assists
from daemon.errors import RecipeError
from daemon.recipe import RecipeBook, Words
from daemon.stages.assist import asked_for
from engines.media.essence import Essence

Book = Callable[[str], RecipeBook]
WINDOW = "windows: [{at: [60, 40], size: [20, 20], stops: %s}]"
WIRE = "shapes: [{line: [[0, 40], [127, 40]], width: 5}], strength: %s"
DIALS = {
    **{f"relight: {{{dial}_stops: %s}}": 0.5 for dial in ("exposure", "key", "fill", "ratio", "practicals", "tint")},
    **{f"relight: {{{dial}: %s}}": 0.2 for dial in ("key_tint_stops", "ambient_tint_stops")},
    **{f"relight: {{{part}warmth_kelvin: %s}}": 200 for part in ("", "key_", "ambient_")},
    f"relight: {{{WINDOW}}}": -1,
    "flicker: {strength: %s, mains_hz: 50}": 1,
    f"remove: {{{WIRE}}}": 0.5,
    "stabilise: {strength: %s, zoom: 1.2}": 0.5,
    "reframe: {roll_degrees: %s}": 2,
}
"""Each dial, with a value that turns it; 0 is its rest."""


@pytest.fixture
def book(tmp_path: Path) -> Book:
    config = tmp_path / "config.yaml"
    config.write_text(
        "production: {code: S}\noffload: {roots: [cards]}\ndelivery: {root: d}\nstate: {root: s}\n", encoding="utf-8"
    )

    def make(text: str) -> RecipeBook:
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        return recipe.load(path, configuration.load(config))

    return make


def asks(book: RecipeBook) -> bool:
    """Whether a recipe asks for anything beside restoration, in the enhanced twin or beside it."""
    words = book.words(clip="A001C001", roll="A001")
    return bool(assists(words, ESSENCE, book.folder) or not words.light.is_off or asked_for(words))


ESSENCE = cast("Essence", SimpleNamespace(width=128, height=96))


@pytest.mark.parametrize("dial", DIALS)
def test_a_dial_at_rest_asks_for_nothing_and_turned_for_something(book: Book, dial: str) -> None:
    assert not asks(book(f"defaults: {{{dial % 0}}}\n"))
    assert asks(book(f"defaults: {{{dial % DIALS[dial]}}}\n"))


@pytest.mark.parametrize(
    ("rest", "turned"),
    [
        ("reframe: {zoom: 1, centre: [64, 48]}", "reframe: {centre: [60, 48]}"),
        ("matte: {key: null, form: exr, edges: 0, spill: 0}", "matte: {key: plate}"),
        ("plate: {enabled: false, takes: 'A*'}", "plate: {enabled: true}"),
        ("comp: {over: null, loop: true, scale: 2}", "comp: {over: B001C001}"),
        ("relight: {match: null}", "relight: {match: B001C001}"),
    ],
)
def test_a_word_at_rest_asks_for_nothing_and_another_for_something(book: Book, rest: str, turned: str) -> None:
    assert not asks(book(f"defaults: {{{rest}}}\n"))
    assert asks(book(f"defaults: {{{turned}}}\n"))


def test_no_dial_of_light_or_of_the_twins_is_left_out_above() -> None:
    told = " ".join([*DIALS, "zoom centre match", "at size feather stops tint_stops warmth_kelvin shape track"])
    for section in ("relight", "flicker", "remove", "stabilise", "reframe"):
        for dial in type(getattr(Words(), section)).model_fields:
            part = dial.removesuffix("_stops")
            assert part in told or dial == "beat_hz", f"{section}.{dial} has no rest above"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("relight: {key_stop: 1}", "unknown key"),
        ("relight: {key_stops: 3.5}", "less than or equal to 3"),
        ("relight: {windows: [{at: [60], size: [20, 20]}]}", "relight.windows"),
        ("flicker: {strength: 1, mains_hz: 55}", "50 or 60"),
        ("limits: {stops: -1}", "greater than or equal to 0"),
        ("limits: {protect: [faces]}", "skin"),
        ("stabilise: {zoom: 0.9}", "greater than or equal to 1"),
        ("reframe: {centre: [12]}", "a point such as"),
        ("reframe: {roll_degrees: 90}", "less than or equal to 15"),
        ("matte: {key: magenta}", "green"),
        ("matte: {key: green, form: dpx}", "prores4444"),
        ("matte: {key: green, edges: -0.1}", "greater than or equal to 0"),
        ("matte: {key: green, garbage: [{painted: rig.png}]}", "the painted mask rig.png is not there; put it there"),
        ("matte: {key: green, keep: [{box: [[0, 0]]}]}", "box needs 2 points"),
        ("plate: {enable: true}", "unknown key"),
        ("comp: {over: sea.png}", "the plate sea.png is not there; put it there, or name a clip"),
        ("comp: {over: B001C001, sync: clap}", "timecode"),
        ("comp: {over: B001C001, scale: 0}", "greater than or equal to 0.1"),
    ],
)
def test_a_bad_word_is_told_with_its_line_what_is_wrong_and_what_is_needed(book: Book, written: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        book(f"clips:\n  A001C001:\n    {written}\n")
    assert "recipe.yaml:3:" in refused.value.why
    assert said in refused.value.why
    assert "the last good recipe stays in force" in refused.value.fix
