"""`nearset model`: what a person sees of the production's model, and asks of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from cart import Cart
from dailies import Taught, Tutor
from onnx import numpy_helper
from typer.testing import CliRunner

from daemon import models
from daemon.cli import app
from daemon.errors import ConfigError, ModelError


@pytest.fixture(scope="module")
def _two() -> Iterator[Taught]:
    with Taught.by([(), ("it shifts colour by 0.0031, allowed is 0 to 0.001",)]) as made:
        yield made


@pytest.fixture
def two(_two: Taught) -> Iterator[Cart]:
    """A production with an active model and a refused one."""
    with _two.again() as (cart, _):
        yield cart


def said(cart: Cart, *words: str) -> str:
    done = CliRunner().invoke(
        app, ["model", *words, "--config", str(cart.folder / "config.yaml")], env={"COLUMNS": "200"}
    )
    if done.exception:
        raise done.exception
    return done.stdout


def digests(cart: Cart) -> list[str]:
    return [row["digest"] for row in json.loads(said(cart, "list", "--json"))]


def test_the_list_tells_what_became_of_each_and_why(two: Cart) -> None:
    rows = json.loads(said(two, "list", "--json"))
    assert [(row["state"], row["roll"], row["parent"] == "base") for row in rows] == [
        ("active", "A001", True),
        ("refused", "A002", False),
    ]
    assert rows[1]["reasons"] == ["it shifts colour by 0.0031, allowed is 0 to 0.001"]
    shown = said(two, "list")
    assert rows[0]["digest"][:12] in shown
    assert "+0.10 dB" in shown


def test_the_active_model_is_shown_with_its_clips_and_its_approval(two: Cart) -> None:
    shown = said(two, "show")
    assert digests(two)[0] in shown
    assert "Line producer, Deal memo 12" in shown
    assert {"A001/A001C001", "A001/A001C002"} <= set(shown.replace(",", " ").split())
    lineage = json.loads(said(two, "show", digests(two)[1][:12], "--json"))["lineage"]
    assert lineage["card"] == "A002"


def test_base_has_no_lineage_and_an_unknown_model_is_said(two: Cart) -> None:
    with two.shift() as shift:
        models.rollback(shift.production, "lite", shift.now())
    with pytest.raises(ModelError, match="base weights of lite are in use"):
        said(two, "show")
    with pytest.raises(ModelError, match="no model begins with 0123"):
        said(two, "promote", "0123")


def test_a_rollback_and_a_promotion_are_asked_for_and_done_at_the_next_tick(two: Cart) -> None:
    first = digests(two)[0]
    with two.shift() as shift:
        said(two, "rollback")
        shift.tick()
        assert models.active(shift.production.store, "lite") == ""
        said(two, "promote", first[:12])
        shift.tick()
        assert models.active(shift.production.store, "lite") == first


def test_an_export_is_the_weights_and_their_lineage_and_overwrites_nothing(two: Cart) -> None:
    active, refused = digests(two)
    there = two.folder / "elsewhere"
    told = [Path(line) for line in said(two, "export", active[:12], str(there)).split()]
    assert [path.name for path in told] == [f"{active}.safetensors", f"{active}.json"]
    assert hashlib.sha256(told[0].read_bytes()).hexdigest() == active
    assert json.loads(told[1].read_text())["reference"] == "Deal memo 12"
    with pytest.raises(ModelError, match="cannot be exported") as again:
        said(two, "export", active[:12], str(there))
    assert "is there already" in again.value.why
    with pytest.raises(ModelError) as gone:
        said(two, "export", refused[:12], str(there))
    assert "refused" in gone.value.why


def test_a_network_is_exported_as_onnx_for_a_raster(two: Cart) -> None:
    active = digests(two)[0]
    there = two.folder / "elsewhere"
    told = [Path(line) for line in said(two, "export", active, str(there), "--onnx", "128x90").split()]
    graph = onnx.load(told[-1])
    onnx.checker.check_model(graph)
    weights = models.own_weights(two.config.models / f"{active}.safetensors", "lite")
    found = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    assert found.keys() == weights.tensors.keys()
    assert all(np.array_equal(found[name], array) for name, array in weights.tensors.items())
    with pytest.raises(ModelError) as wrong:
        said(two, "export", active, str(there), "--onnx", "128")
    assert "128 is no raster" in wrong.value.why


def test_damaged_weights_are_not_exported(two: Cart) -> None:
    active = digests(two)[0]
    path = two.config.models / f"{active}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError) as damaged:
        said(two, "export", active, str(two.folder / "elsewhere"))
    assert "damaged" in damaged.value.why
    assert not (two.folder / "elsewhere").exists()


def test_before_the_first_run_there_is_nothing_to_show(cart: Cart) -> None:
    cart.config  # noqa: B018 - writes the file
    with pytest.raises(ConfigError, match="no state of production TEST"):
        said(cart, "list")


def test_a_production_without_a_model_of_its_own_says_so(cart: Cart, tutor: Tutor) -> None:
    cart.serve()
    assert "base weights are in use" in said(cart, "list")
    assert tutor.tasks == []
