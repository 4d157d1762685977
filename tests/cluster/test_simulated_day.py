"""The simulated day: nobody rests while work waits, one GPU takes the sum of the work, the order is the service's."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.clusterday import GPUS, RELIEF, STORAGE, Line, costs, shoot_day
from bench.curve import Curve, Panel, figure
from bench.simday import Clip, Costs, Day, Done, Kept, Outcome, Ranked, Work, busy, filmed, ranks, simulate
from daemon.stages import refine

AT_ONCE = 1e12
FREE = Costs(
    hash_bytes_a_second=AT_ONCE,
    probe_seconds=0.0,
    plain_seconds=1.0,
    enhanced_seconds=8.0,
    proxy_bytes_a_frame=0.0,
    storage_bytes_a_second=AT_ONCE,
    dispatch_seconds=0.0,
    turn_seconds=0.0,
    turn_seconds_a_clip=0.0,
    turn_seconds_a_job=0.0,
)
"""A frame a second plain, eight enhanced; all else costs nothing (a byte a picosecond)."""
PLAIN_ALONE = replace(FREE, enhanced_seconds=0.0)


@st.composite
def days(draw: st.DrawFn, *, circled: bool = True) -> Day:
    times = sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=12)))
    return Day(
        tuple(
            Clip(number, number // 3, float(time), draw(st.integers(1, 30)), 1, circled and draw(st.booleans()))
            for number, time in enumerate(times)
        )
    )


def rendered(outcome: Outcome) -> list[Done]:
    return [it for it in outcome.done if it.work in {Work.PLAIN, Work.ENHANCED}]


@given(days(), st.integers(1, 5))
def test_no_gpu_rests_while_a_rendering_waits(day: Day, gpus: int) -> None:
    done = rendered(simulate(day, gpus, FREE))
    for one in done:
        waited = one.begun - one.queued
        others = [(max(it.begun, one.queued), min(it.ended, one.begun)) for it in done]
        working = sum(max(ends - begins, 0.0) for begins, ends in others)
        assert working == pytest.approx(gpus * waited, abs=1e-6)


@given(days())
def test_one_gpu_takes_the_sum_of_what_its_work_takes(day: Day) -> None:
    at_once = day.within(0)
    taken = simulate(at_once, 1, FREE).ends
    assert taken == pytest.approx(sum(9.0 * clip.frames for clip in day.clips), abs=1e-6)


@given(days(), st.integers(1, 5))
def test_every_clip_goes_its_way_once_and_in_order(day: Day, gpus: int) -> None:
    outcome = simulate(day, gpus, costs(STORAGE["10 GbE"]))
    assert len(outcome.done) == 4 * len(day.clips)
    for clip in day.clips:
        way = [it for it in outcome.done if it.clip is clip]
        assert [it.work for it in way] == list(Work)
        assert way[0].queued >= clip.arrives
        assert all(one.heard <= then.begun for one, then in pairwise(way))


@given(days(circled=False), st.integers(1, 5))
def test_one_gpu_more_is_never_later_where_all_work_is_alike(day: Day, gpus: int) -> None:
    few, more = (simulate(day, number, PLAIN_ALONE).until(Work.PLAIN) for number in (gpus, gpus + 1))
    assert more <= few + 1e-6


@given(days(), st.integers(1, 5))
def test_a_day_lies_within_grahams_bounds(day: Day, gpus: int) -> None:
    """All hands at work or the last clip's own way going on: no list schedule without idle hands does worse."""
    all_work = sum(9.0 * clip.frames for clip in day.clips) / gpus
    one_way = max(clip.arrives + 9.0 * clip.frames for clip in day.clips)
    taken = simulate(day, gpus, FREE).ends
    assert max(all_work, one_way) - 1e-6 <= taken <= all_work + one_way + 1e-6


def test_the_day_of_the_bench_gets_no_longer_with_more_gpus() -> None:
    day = shoot_day()
    ends = [simulate(day, gpus, costs(STORAGE["10 GbE"])).ends for gpus in (1, 4, 16, 64)]
    assert ends == sorted(ends, reverse=True)
    assert min(ends) > day.last_byte


def test_the_order_is_plain_before_enhanced_circled_first_and_probing_before_hashing() -> None:
    order = sorted(ranks(), key=lambda job: ranks()[job])
    assert order == [
        (work, circled) for work in (Work.PROBE, Work.HASH, Work.PLAIN, Work.ENHANCED) for circled in (True, False)
    ]
    assert Work.ENHANCED.value[2] < refine.PRIORITY


@settings(max_examples=10)
@given(days(), st.integers(1, 3))
def test_the_queue_of_the_simulation_gives_what_the_services_own_queue_gives(day: Day, gpus: int) -> None:
    quick, kept = (simulate(day, gpus, FREE, queue) for queue in (Ranked(), Kept(day)))
    assert quick.done == kept.done


def test_a_day_is_the_same_by_its_seed_and_another_by_another() -> None:
    assert shoot_day() == shoot_day()
    day = shoot_day()
    assert len(day.clips) == 4000
    assert len({clip.card for clip in day.clips}) == 200
    assert day.last_byte == 36000.0
    one, other = (
        filmed(
            cards=3,
            clips_a_card=2,
            hours=1,
            at_wrap=1,
            mean_seconds=40,
            rate=24.0,
            bytes_a_frame=1.0,
            circled=0.5,
            seed=seed,
        )
        for seed in (1, 2)
    )
    assert one != other


def test_who_is_in_the_way_is_the_one_whose_relief_shortens_the_day_most() -> None:
    day = Day(tuple(Clip(number, number, 0.0, 10, 1000) for number in range(60)))
    slow = {
        "GPUs": FREE,
        "storage": replace(FREE, storage_bytes_a_second=2.0),
        "head": replace(FREE, turn_seconds_a_job=100.0),
        "dispatch": replace(FREE, dispatch_seconds=100.0),
    }
    for name, cost in slow.items():
        outcome = simulate(day, 4, cost)
        relieved = {each: simulate(*relieve(day, 4, cost)).ends for each, relieve in RELIEF.items()}
        seen = Line(outcome, 0.0, relieved)
        assert seen.bottlenecks[0] == name
        assert 0.4 < seen.gained(name) <= 0.5 + 1e-9
        shares = outcome.shares()
        assert max(shares, key=lambda each: shares[each]) == name
        assert all(share <= 1 + 1e-9 for share in shares.values())


def test_a_server_counts_what_it_did_since_a_time() -> None:
    assert busy([(0.0, 2.0), (5.0, 9.0)], 1.0) == 5.0
    assert busy([(0.0, 2.0)], 3.0) == 0.0


def test_a_curve_goes_down_where_its_figures_do_and_each_point_has_the_sign_of_its_word() -> None:
    points = tuple((float(gpus), 100.0 / gpus) for gpus in GPUS)
    words = ("GPUs",) * 3 + ("storage",) * 4
    panel = Panel("A & B", "hours", (Curve("10 GbE", "#123456", points, words),))
    root = ET.fromstring(figure((panel,), "GPUs", ("GPUs", "storage"), "made up"))
    space = "{http://www.w3.org/2000/svg}"
    assert {"A & B", "10 GbE", "storage", "64", "made up"} <= {found.text for found in root.iter(f"{space}text")}
    (line,) = root.iter(f"{space}polyline")
    places = [tuple(map(float, place.split(","))) for place in line.attrib["points"].split()]
    assert places == sorted(places)
    assert [down for _, down in places] == sorted(down for _, down in places)
    discs, squares = (
        [it for it in root.iter(f"{space}{kind}") if it.get("fill") == "#123456"] for kind in ("circle", "rect")
    )
    assert (len(discs), len(squares)) == (3, 4)
