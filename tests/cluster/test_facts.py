"""What a machine says of itself decides what work it gets, and whether any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon import config as configuration
from daemon.cluster import facts
from daemon.cluster.facts import Means, Versions

HERE = Versions("0.1.0", "3.11.7", "2.60.0", "a" * 64)
ALL = {"openvino": "", "eager": "", "eager-cuda": "no GPU", "tensorrt": "not installed", "tensorrt-rtx": "no GPU"}
BOX = Means(16, 64 << 30, engines=ALL)


def config(folder: Path, words: str):
    (folder / "config.yaml").write_text(
        "production: {code: SHOW}\noffload: {roots: [offload]}\ndelivery: {root: delivery}\nstate: {root: state}\n"
        + words
    )
    return configuration.load(folder / "config.yaml")


def test_the_same_versions_go_together():
    assert facts.differs(HERE, HERE) == ""
    assert facts.differs(facts.versions(), facts.versions()) == ""


@pytest.mark.parametrize("part", ["nearset", "python", "ray", "network"])
def test_any_other_version_is_told_with_both(part):
    told = facts.differs(HERE, replace(HERE, **{part: "other"}))
    assert told.startswith(f"{part} other there, ")
    assert getattr(HERE, part)[:12] in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", ""),
        ("engine: identity\n", ""),
        ("engine: eager-cuda\n", "engine eager-cuda: no GPU"),
        ("engine: eager-cuda\ngpu: {instead: openvino}\n", ""),
        ("engine: tensorrt\ngpu: {instead: none}\n", "engine tensorrt: not installed"),
    ],
)
def test_a_box_renders_where_it_can_run_the_engine(words, told, tmp_path):
    assert facts.unfit_for_render(config(tmp_path, words), BOX) == told


def test_a_box_whose_codecs_do_not_open_does_not_render(tmp_path):
    told = facts.unfit_for_render(config(tmp_path, ""), replace(BOX, codecs=("dnxhd: not built in",)))
    assert told == "codec dnxhd: not built in"


def test_an_engine_that_an_older_box_does_not_know_is_told(tmp_path):
    assert "not known there" in facts.unfit_for_render(config(tmp_path, ""), replace(BOX, engines={}))
