"""Whoever looks after the cart, at the command line: what was told of a clip, and a day that others look on at."""

from __future__ import annotations

import json
from pathlib import Path

from footage import footage

from daemon.capacity import Volume
from daemon.display import show_status
from daemon.status import Snapshot

CONFIG = """\
production: {code: SHOW}
offload: {roots: [cards], require_manifest: false, settle_seconds: 0}
delivery: {root: delivery, keep_free_gib: 0}
state: {root: state}
proxy: {codec: prores_proxy}
engine: identity
metrics: {textfile: nearset.prom}
"""


def test_a_day_is_kept_in_the_log_and_in_figures_and_asked_for_by_clip(nearset):
    for number in (1, 2):
        Path(f"cards/A001/A001C00{number}.mov").write_bytes(footage(number))
    Path("cards/A001/A001C003.mov").write_bytes(b"damaged" * 50)
    assert nearset("once")[0] == 3
    code, out, _ = nearset("logs", "A001C001", "--json")
    told = json.loads(out)
    assert code == 0
    assert [(clip["roll"], clip["state"]) for clip in told["clips"]] == [("A001", "delivered")]
    stages = [line["stage"] for line in told["lines"] if line["event"] == "job.ended"]
    assert stages == ["manifest", "probe", "render", "render"]
    assert {line.get("clip", "A001C001") for line in told["lines"]} == {"A001C001"}
    assert "roll.complete" in [line["event"] for line in told["lines"]]
    code, out, _ = nearset("logs", "A001/*3")
    assert code == 0
    assert "A001 A001C003 is held: A001C003.mov is not a movie that is read here" in out
    assert "[media.unreadable]" in out
    assert 'nearset_clips{production="SHOW",state="delivered"} 2.0' in Path("nearset.prom").read_text()
    for words in (("retry",), ("queue", "first")):
        assert "no clip" not in nearset(*words, "A001C00[12]")[2]
        assert "no clip that is known by now is called a001*" in nearset(*words, "a001*")[2]


def test_a_clip_that_nobody_knows_ends_with_2(nearset):
    assert nearset("logs", "A001C001")[0] == 2
    assert nearset("once")[0] == 0
    code, out, err = nearset("logs", "Z999")
    assert (code, out) == (2, "")
    assert "no clip or roll here is called Z999" in err


def test_a_log_that_is_not_kept_is_not_there(nearset):
    Path("config.yaml").write_text(f"{CONFIG}log: {{keep_mib: 0}}\n")
    Path("cards/A001/A001C004.R3D").write_bytes(b"RED2" + bytes(64))
    assert nearset("once")[0] == 0
    told = json.loads(nearset("logs", "A001C004", "--json")[1])
    assert (told["lines"], told["clips"][0]["state"]) == ([], "undecodable")


def test_nobody_is_told_where_a_destination_cannot_be_had(nearset):
    Path("config.yaml").write_text(f"{CONFIG}notify: {{urls: ['env:NEARSET_NOBODY']}}\n")
    assert nearset("config", "check")[0] == 0
    code, _, err = nearset("once")
    assert code == 2
    assert "the environment has no NEARSET_NOBODY" in err


def test_a_status_says_first_what_a_person_should_see_to(capsys):
    low = Volume("delivery", "/d", 9 << 30, 1 << 30, 2 << 30, 4 << 30)
    fine = Volume("state", "/s", 9 << 30, 5 << 30, 1 << 30, 0)
    show_status(
        Snapshot(
            "SHOW",
            "2026-03-02T18:00:00+00:00",
            (),
            (),
            0,
            {"/offload": "it is not mounted"},
            no_room="deliveries wait for room: why; fix",
            volumes=(low, fine),
            gpu_lost="it fell off the bus",
            workers_away="the worker unit gives no children: it is stopped; start it",
        )
    )
    told = capsys.readouterr().out.splitlines()[1:6]
    assert told == [
        "root away: /offload: it is not mounted",
        "workers away: the worker unit gives no children: it is stopped; start it",
        "disk low: delivery: 1.0 GiB free, 4.0 GiB needed, 2.0 GiB stay free",
        "GPU lost: it fell off the bus; `nearset doctor` tells more",
        "deliveries wait for room: why; fix",
    ]
