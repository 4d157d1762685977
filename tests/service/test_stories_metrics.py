"""Figures of a day on the cart, in a file that node_exporter reads, and a dashboard of just these."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from cart import Cart, trouble
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from daemon.errors import ConfigError
from daemon.metrics import Tally, Textfile, exposition
from daemon.outcomes import Ending, Outcome
from daemon.slate import Trouble

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
Figures = dict[str, dict[tuple[str, ...], float]]


def read(text: bytes) -> Figures:
    """Figures by name, each by its labels but the production."""
    found: Figures = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            assert sample.labels["production"] == "TEST"
            labels = tuple(value for label, value in sample.labels.items() if label != "production")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_a_day_in_figures(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    cart.card("B001C001.mov", roll="B001", first_seed=7)
    cart.words["workers"] = {"retry_seconds": 0, "attempts": 2}
    lost = trouble("engine.device_lost")
    cart.hands.befall("probe", trouble("worker.died"))
    cart.hands.befall("render", lost, lost)
    with cart.shift() as shift:
        shift.drive()
        seen = read(exposition(shift.service.snapshot(shift.now()), shift.service.tally, shift.now()))
        assert seen["nearset_clips"][("delivered",)] == 2
        assert seen["nearset_clips"][("failed",)] == 1
        assert sum(seen["nearset_cards"].values()) == 2
        assert seen["nearset_gpu_lost_total"] == {(): 2}
        assert seen["nearset_retries_total"] == {("probe",): 1, ("render",): 1}
        assert seen["nearset_jobs_total"][("done", "render")] == 4
        assert seen["nearset_jobs_total"][("given up", "render")] == 1
        assert seen["nearset_stage_frames_total"][("render",)] > 0
        assert seen["nearset_stage_bytes_total"][("manifest",)] > 0
        assert seen["nearset_stage_seconds_total"][("render",)] > 0
        assert seen["nearset_volume_free_bytes"][("delivery",)] > 0
        assert seen["nearset_seen_timestamp_seconds"] == {(): shift.now().utc_seconds}


def test_the_file_is_whole_readable_and_written_now_and_again(cart: Cart) -> None:
    cart.words["metrics"] = {"textfile": "nearset_TEST.prom"}
    path = cart.config.metrics.textfile
    assert path is not None
    with cart.shift() as shift:
        shift.drive()
        textfile = Textfile(path)
        for _ in range(3):
            textfile.look(shift.service.snapshot(shift.now()), shift.service.tally, shift.now())
            first = path.read_bytes()
        shift.tick(6)
        textfile.look(shift.service.snapshot(shift.now()), shift.service.tally, shift.now())
    assert path.read_bytes() != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [it.name for it in cart.folder.iterdir() if "prom" in it.name] == [path.name]


def test_a_folder_that_is_not_there_is_told_once_and_stops_nothing(cart: Cart) -> None:
    textfile = Textfile(cart.folder / "gone" / "nearset.prom")
    with cart.shift() as shift, capture_logs() as told:
        for _ in range(4):
            textfile.look(shift.service.snapshot(shift.now()), shift.service.tally, shift.now())
            shift.tick(6)
    assert [line["event"] for line in told].count("metrics.not_written") == 1


@pytest.mark.parametrize(
    ("textfile", "why"), [("figures.txt", "ends in .prom"), ("offload/nearset.prom", "it would break a seal")]
)
def test_a_file_that_nobody_reads_or_that_lies_on_a_card_is_a_fault(cart: Cart, textfile: str, why: str) -> None:
    cart.words["metrics"] = {"textfile": textfile}
    with pytest.raises(ConfigError) as caught:
        assert cart.config
    assert why in caught.value.why


def test_what_the_gate_said_of_weights_is_counted() -> None:
    tally = Tally()
    for passed in (True, False, False):
        tally.note(Outcome("refine", "C001", "A001", Ending.DONE, 1, 9.0, said={"passed": passed}))
    tally.note(
        Outcome("render", "C001", "A001", Ending.GIVEN_UP, 1, 9.0, trouble=Trouble("engine.gpu_missing", "", "", ""))
    )
    assert tally.verdicts == {"passed": 1, "refused": 2}
    assert tally.gpu_lost == 1


def test_the_dashboard_shows_every_figure_and_none_that_is_not_there(cart: Cart) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    shown = {name for panel in panels for it in panel["targets"] for name in re.findall(r"nearset_\w+", it["expr"])}
    with cart.shift() as shift:
        text = exposition(shift.service.snapshot(shift.now()), Tally(), shift.now()).decode()
    told = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    assert shown == {name for name, kind in told if kind in {"gauge", "counter"}}
