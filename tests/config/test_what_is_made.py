"""What presets and the recipe's words make of a clip: rasters, framing, burn-ins, notes; pure, no media."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import config as configuration
from daemon import recipe
from daemon.config import Config
from daemon.errors import ConfigError, RecipeError, SidecarError
from daemon.presets import Specs, specs_for
from daemon.recipe import Words
from daemon.sidecars import fdl
from engines.media.essence import AudioTrack, CodeRange, Essence, FieldOrder, TimecodeSource
from engines.media.preset import PRESETS, Fit, Place, Preset, ProxyCodec
from engines.media.proxy import Rect, Wanted, spec_of, working_of

CLIP = "A001C001"


def config_of(folder: Path, *, presets: list[str] | None = None, more: str = "") -> Config:
    path = folder / "config.yaml"
    path.write_text(
        "production: {code: S}\noffload: {roots: [offload]}\nstate: {root: s}\n"
        f"delivery: {{root: d{f', presets: {json.dumps(presets)}' if presets is not None else ''}}}\n{more}"
    )
    return configuration.load(path)


UHD = Essence(
    container="mov",
    codec="prores",
    profile="",
    width=3840,
    height=2160,
    pixel_aspect=Fraction(1),
    pixel_format="yuv422p10le",
    bits=10,
    frames=100,
    rate=Fraction(24),
    variable_rate=False,
    field_order=FieldOrder.PROGRESSIVE,
    rotation_degrees=0,
    code_range=CodeRange.LEGAL,
    matrix="bt709",
    primaries="bt709",
    transfer="bt709",
    start_frame=86400,
    drop_frame=False,
    timecode_source=TimecodeSource.TMCD,
    reel="A001",
    camera="",
    created="",
    audio=(AudioTrack(0, "pcm_s24le", 1, 48000, 24, 200000, "mono", lossless=True),),
)
FDL = {
    "version": {"major": 1, "minor": 0},
    "default_framing_intent": "WIDE",
    "framing_intents": [{"id": "SQUARE", "label": "1-1"}, {"id": "WIDE", "label": "2-1"}],
    "contexts": [
        {
            "canvases": [
                {
                    "dimensions": {"width": 7680, "height": 4320},
                    "anamorphic_squeeze": 1.0,
                    "framing_decisions": [
                        {
                            "framing_intent_id": "SQUARE",
                            "dimensions": {"width": 4000, "height": 4000},
                            "anchor_point": {"x": 1840, "y": 160},
                        },
                        {
                            "framing_intent_id": "WIDE",
                            "dimensions": {"width": 7680, "height": 3840},
                            "anchor_point": {"x": 0, "y": 240},
                        },
                    ],
                }
            ]
        }
    ],
}


def specs(essence: Essence = UHD, **words: object) -> Specs:
    return specs_for(essence, Words.model_validate(words), "A001C001", "A001", {"roll": "A001", "production": "SHOW"})


def presets(*names: str) -> dict[str, object]:
    return {"presets": list(names)}


def test_without_presets_the_codec_and_width_of_the_recipe_are_one() -> None:
    made = specs(proxy={"codec": ProxyCodec.PRORES_LT, "width": 1280})
    assert [(it.codec, it.width, it.height, it.preset) for it in made.proxies] == [("prores_lt", 1280, 720, "")]
    assert made.working == made.proxies[0]


def test_a_clip_is_enhanced_at_the_least_raster_that_serves_all_presets() -> None:
    assert (specs(proxy=presets("prores-proxy-mov", "h264-review")).working.width) == 1920
    made = specs(replace(UHD, width=1920, height=1080), proxy=presets("prores-proxy-mov", "avid-dnxhd36-op1a"))
    assert (made.working.width, made.proxies[0].width, made.proxies[1].width) == (1920, 960, 1920)


def test_a_framing_decision_cuts_what_frames_and_draws_lines_where_words_are_burnt_in(tmp_path: Path) -> None:
    (tmp_path / "show.fdl").write_text(json.dumps(FDL))
    (tmp_path / "recipe.yaml").write_text(
        f"defaults: {{framing: {{fdl: show.fdl}}}}\nclips: {{{CLIP}: {{framing: {{intent: 1-1}}}}}}\n"
    )
    config = config_of(tmp_path, presets=["prores-proxy-mov", "avid-dnxhd36-op1a", "h264-review"])
    book = recipe.load(tmp_path / "recipe.yaml", config)
    editor, avid, review = specs_for(UHD, book.words(clip="B001C001", roll="B001"), "B001C001", "B001").proxies
    assert editor.placement is None
    assert avid.placement
    assert avid.placement.seen == Rect(0, 120, 3840, 1920)
    assert avid.placement.placed == Rect(0, 60, 1920, 960)
    assert review.placement is None
    assert review.burn_in
    assert review.burn_in.framed == (0, Fraction(1, 18), 1, Fraction(8, 9))
    square = specs_for(UHD, book.words(clip=CLIP, roll="A001"), CLIP, "A001").proxies[1].placement
    assert square
    assert square.placed == Rect(420, 0, 1080, 1080)


def test_the_recipe_fills_a_raster_by_cropping_where_it_says_so() -> None:
    wide = replace(UHD, width=4096, height=1716)
    barred = specs(wide, proxy=presets("avid-dnxhd36-op1a")).proxies[0]
    assert barred.area == Rect(0, 138, 1920, 804)
    full = specs(wide, proxy=presets("avid-dnxhd36-op1a"), framing={"fit": "crop"}).proxies[0]
    assert full.placement
    assert (full.area, full.placement.seen) == (Rect(0, 0, 1920, 1080), Rect(522, 0, 3050, 1716))


def test_a_clip_of_another_shape_is_not_framed_and_that_is_said(tmp_path: Path) -> None:
    canvases = [{"width": 4448.0, "height": 3096.0, "decisions": []}]
    made = specs(proxy=presets("avid-dnxhd36-op1a"), framing={"canvases": canvases})
    assert made.notes == ("not framed: the FDL has no decision on 3840x2160",)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: told.pop("contexts"), "KeyError"),
        (lambda told: told["contexts"][0]["canvases"][0]["dimensions"].update(width=-1), "does not lie within"),
        (lambda told: told["contexts"][0]["canvases"][0]["framing_decisions"][0]["anchor_point"].update(x=9e9), "lie"),
        (lambda told: told["contexts"][0]["canvases"][0].update(framing_decisions=[]), "no framing decision"),
        (lambda told: told["contexts"][0]["canvases"][0].update(anamorphic_squeeze="2"), "no number"),
    ],
)
def test_an_fdl_that_makes_no_sense_is_refused(change: object, why: str) -> None:
    told = json.loads(json.dumps(FDL))
    change(told)  # type: ignore[operator]
    with pytest.raises(SidecarError, match=why):
        fdl.parse(json.dumps(told).encode())
    with pytest.raises(SidecarError):
        fdl.parse(b"[" * 100_000)


def test_an_fdl_that_is_not_there_or_on_a_card_is_a_fault_of_its_line(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    for path, why in (("none.fdl", "No such file"), ("offload/show.fdl", "inside an offload")):
        (tmp_path / "recipe.yaml").write_text(f"defaults: {{framing: {{fdl: {path}}}}}\n")
        with pytest.raises(RecipeError, match=why):
            recipe.load(tmp_path / "recipe.yaml", config)


def test_burn_ins_say_what_the_templates_ask_for() -> None:
    made = specs(
        proxy=presets("h264-review"),
        burn_in={"top_left": "{clip} {production}", "bottom_right": "", "recipient": "Director", "frame_lines": [2.39]},
    )
    burnt = made.proxies[0].burn_in
    assert burnt
    assert dict(burnt.words)[Place.TOP_LEFT] == "A001C001 SHOW"
    assert dict(burnt.words)[Place.BOTTOM] == "{timecode}"
    assert Place.BOTTOM_RIGHT not in dict(burnt.words)
    assert (burnt.watermark, burnt.frame_lines) == ("Director", (Fraction("2.39"),))


def test_a_template_of_unknown_words_is_a_fault() -> None:
    for text in ("{clip.__class__}", "{nobody}", "{", "{clip"):
        with pytest.raises(ValueError, match="words in braces are"):
            Words.model_validate({"burn_in": {"top": text}})


def test_a_codec_beside_presets_is_a_fault_of_its_line(tmp_path: Path) -> None:
    config = config_of(tmp_path, presets=["prores-proxy-mov"])
    (tmp_path / "recipe.yaml").write_text("rolls: {B*: {proxy: {codec: prores_hq}}}\n")
    with pytest.raises(RecipeError, match=r"recipe.yaml:1:\d+: rolls.B\*.proxy.codec: delivery.presets says"):
        recipe.load(tmp_path / "recipe.yaml", config)
    with pytest.raises(ConfigError, match=r"delivery\.presets says what proxies are"):
        config_of(tmp_path, presets=["prores-proxy-mov"], more="proxy: {codec: h264}\n")
    for names in ([], ["nobody"], ["h264-review", "h264-review"]):
        with pytest.raises(ConfigError, match=r"delivery\.presets"):
            config_of(tmp_path, presets=names)


def test_a_turned_clip_is_turned_where_a_preset_cannot_carry_the_tag() -> None:
    turned = replace(UHD, rotation_degrees=90)
    assert specs(turned, proxy=presets("prores-proxy-mov")).proxies[0].height == 1080
    made = specs(turned, proxy=presets("prores-proxy-mov", "h264-review"))
    assert [(it.width, it.height) for it in made.proxies] == [(1080, 1920)] * 2
    assert "rotation baked: a preset cannot carry it as a tag" in made.notes


SIDES = st.integers(32, 5000)


@given(width=SIDES, height=SIDES, squeeze=st.sampled_from([Fraction(1), Fraction(4, 3), Fraction(2)]))
def test_a_picture_of_any_shape_fits_hd(width: int, height: int, squeeze: Fraction) -> None:
    essence = replace(UHD, width=width, height=height, pixel_aspect=squeeze)
    for fit in Fit:
        preset = Preset("any", ProxyCodec.DNXHR_LB, raster=(1920, 1080), fit=fit)
        spec = spec_of(essence, preset, Wanted("A001C001", "A001"))
        area, working = spec.area, working_of(essence, [spec])
        assert 0 <= area.x <= area.x + area.width <= 1920
        assert 0 <= area.y <= area.y + area.height <= 1080
        assert not (area.x % 2 or area.width % 2)
        assert fit is Fit.LETTERBOX or (area.width, area.height) == (1920, 1080)
        assert working.width <= max(width, 2)
        if spec.placement:
            seen = spec.placement.seen
            assert seen.x + seen.width <= width
            assert seen.y + seen.height <= height


def test_every_preset_is_named_as_it_is_listed() -> None:
    assert [preset.name for preset in PRESETS.values()] == list(PRESETS)
    holding = [name for name, preset in PRESETS.items() if preset.guide_mix]
    assert holding == [name for name in PRESETS if name.endswith("-guide")], "Premiere refuses another audio layout"
