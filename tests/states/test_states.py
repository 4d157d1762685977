from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import daemon
import engines
from daemon.errors import NearsetError, StateError
from daemon.slate import ClipKind, FoundCard, FoundClip, Trouble, Vendor
from daemon.states import (
    CLIP_TABLE,
    GATE_STATES,
    JOB_TABLE,
    SETTLED_STATES,
    ClipEvent,
    ClipState,
    JobEvent,
    JobState,
    fire,
)
from daemon.store import Store
from daemon.verdicts import VERDICTS, Verdict

AT = "2026-03-02T18:00:00+00:00"
_NOT_OF_JOBS = {
    "nearset",
    "config",
    "recipe",
    "state",
    "card",
    "card.bad_manifest",
    "notice",
    "engine",
    "media",
    "page",
    "cluster",
    "purge",
    "queue",
    "root.away",
    "state.away",
}
"""Told before a job is queued, or roots of branches that nothing raises; an away root parks jobs by itself."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "nearset.sqlite")
    yield opened
    opened.close()


def a_clip(store: Store, name: str = "A001C001") -> int:
    found = FoundClip(name, ClipKind.MOVIE, (f"{name}.mov",))
    card = store.add_card("/offload", FoundCard("A001", "A001", Vendor.PLAIN, (found,)), "A001", AT)
    return store.add_clip(card, found, AT)


def a_job(store: Store, clip: int, key: str = "key", lane: str = "render", priority: int = 20) -> bool:
    return store.add_job(key=key, clip=clip, stage="render", lane=lane, priority=priority, task="{}")


@given(st.lists(st.sampled_from(ClipEvent)))
def test_whatever_happens_a_clip_is_in_a_state_of_the_table_and_what_is_not_allowed_changes_nothing(
    events: list[ClipEvent],
) -> None:
    state = ClipState.DISCOVERED
    for event in events:
        before = {one: dict(row) for one, row in CLIP_TABLE.items()}
        if event in CLIP_TABLE[state]:
            state = fire(CLIP_TABLE, state, event)
        else:
            with pytest.raises(StateError, match=str(event)):
                fire(CLIP_TABLE, state, event)
        assert before == CLIP_TABLE
        assert state in CLIP_TABLE


@given(events=st.lists(st.sampled_from(ClipEvent), max_size=30))
def test_the_database_refuses_what_the_table_refuses(
    events: list[ClipEvent],
) -> None:
    store = Store(Path(":memory:"))
    try:
        clip = a_clip(store)
        for event in events:
            before = store.clip(clip)
            if event in CLIP_TABLE[before.state]:
                assert store.happen(clip, event, AT) is CLIP_TABLE[before.state][event]
            else:
                with pytest.raises(StateError):
                    store.happen(clip, event, AT)
                assert store.clip(clip) == before
    finally:
        store.close()


def reachable(table: dict, start: object) -> set:
    seen, todo = {start}, [start]
    while todo:
        new = set(table[todo.pop()].values()) - seen
        seen |= new
        todo += new
    return seen


def test_every_state_can_be_reached_and_none_is_forgotten() -> None:
    assert reachable(CLIP_TABLE, ClipState.DISCOVERED) == set(ClipState) == set(CLIP_TABLE)
    assert reachable(JOB_TABLE, JobState.QUEUED) == set(JobState) == set(JOB_TABLE)
    assert {event for row in CLIP_TABLE.values() for event in row} == set(ClipEvent)
    assert {event for row in JOB_TABLE.values() for event in row} == set(JobEvent)


def test_nothing_is_a_dead_end_a_person_can_always_try_again() -> None:
    for state in ClipState:
        assert ClipState.DELIVERED in reachable(CLIP_TABLE, state)
    for state in SETTLED_STATES - {ClipState.DELIVERED}:
        assert CLIP_TABLE[state][ClipEvent.RETRIED] is ClipState.DISCOVERED


def test_what_is_delivered_moves_only_by_a_revision_by_more_of_it_or_into_a_persons_hands() -> None:
    assert CLIP_TABLE[ClipState.DELIVERED] == {
        ClipEvent.REVISED: ClipState.READY,
        ClipEvent.EXTENDED: ClipState.DISCOVERED,
        ClipEvent.HOLD: ClipState.HELD,
    }


def test_the_gate_is_passed_by_its_steps_alone() -> None:
    steps = [ClipState.DISCOVERED, ClipState.QUIET, ClipState.MANIFESTED, ClipState.VERIFIED, ClipState.READY]
    for state in ClipState:
        for event, after in CLIP_TABLE[state].items():
            if after in steps[1:] and event is not ClipEvent.REVISED:
                assert steps[steps.index(after) - 1] is state, (state, event)
    assert frozenset(steps[:-1]) == GATE_STATES


def test_a_job_is_claimed_once_and_by_priority(store: Store) -> None:
    clip = a_clip(store)
    a_job(store, clip, "enhanced", priority=40)
    a_job(store, clip, "plain", priority=20)
    first = store.claim("render", "token-1", 0, 60, ())
    second = store.claim("render", "token-2", 0, 60, ())
    assert first
    assert second
    assert (first.key, second.key) == ("plain", "enhanced")
    assert store.claim("render", "token-3", 0, 60, ()) is None
    assert store.claim("custody", "token-3", 0, 60, ()) is None


def test_a_stale_token_holds_nothing_and_extends_nothing(store: Store) -> None:
    clip = a_clip(store)
    a_job(store, clip)
    old = store.claim("render", "old", 0, 60, ())
    assert old
    store.finish(old.id, JobEvent.STUMBLED)
    new = store.claim("render", "new", 1, 60, ())
    assert new
    assert new.id == old.id
    assert new.attempt == 2
    assert not store.holds(old.id, "old")
    assert store.holds(new.id, "new")
    store.extend(old.id, "old", 1e9)
    assert [job.id for job in store.expired(100)] == [new.id]
    store.extend(new.id, "new", 1e9)
    assert store.expired(100) == []
    assert [job.id for job in store.expired(None)] == [new.id]


def test_a_job_waits_for_its_time_and_for_its_root(store: Store) -> None:
    clip = a_clip(store)
    a_job(store, clip)
    claimed = store.claim("render", "one", 0, 60, ())
    assert claimed
    store.finish(claimed.id, JobEvent.STUMBLED, not_before=30)
    assert store.claim("render", "two", 29, 60, ()) is None
    assert store.claim("render", "two", 30, 60, ["/offload"]) is None
    assert store.claim("render", "two", 30, 60, ["/other"])


def test_a_job_is_queued_once_and_again_only_when_it_has_ended(store: Store) -> None:
    clip = a_clip(store)
    assert a_job(store, clip)
    assert not a_job(store, clip)
    job = store.claim("render", "token", 0, 60, ())
    assert job
    assert not a_job(store, clip)
    store.finish(job.id, JobEvent.GIVEN_UP, trouble=Trouble("worker.died", "it died", "", ""))
    assert a_job(store, clip)
    (queued,) = store.jobs(JobState.QUEUED)
    assert (queued.id, queued.attempt, queued.trouble.code) == (job.id, 0, "")


def test_a_clip_that_goes_back_drops_its_jobs(store: Store) -> None:
    clip, other = a_clip(store), a_clip(store, "A001C002")
    a_job(store, clip, "one")
    a_job(store, other, "two")
    leased = store.claim("render", "token", 0, 60, ())
    assert leased
    store.happen(clip, ClipEvent.CHANGED, AT)
    assert store.job(leased.id).state is JobState.DROPPED
    assert not store.holds(leased.id, "token")
    assert [job.key for job in store.jobs(JobState.QUEUED)] == ["two"]


def test_an_error_takes_back_everything_of_its_transaction(store: Store) -> None:
    clip = a_clip(store)

    def spoil() -> None:
        with store.transaction():
            store.set_clip(clip, identity="half")
            a_job(store, clip)
            with store.transaction():
                store.happen(clip, ClipEvent.SETTLED, AT)
            store.happen(clip, ClipEvent.PROBED, AT)

    with pytest.raises(StateError):
        spoil()
    assert store.clip(clip).identity == ""
    assert store.clip(clip).state is ClipState.DISCOVERED
    assert store.jobs() == []


def test_a_database_is_migrated_once_and_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "nearset.sqlite"
    first = Store(path)
    clip = a_clip(first)
    first.happen(clip, ClipEvent.SETTLED, AT)
    first.close()
    again = Store(path)
    assert again.clip(clip).state is ClipState.QUIET
    names = [row["name"] for row in again._db.execute("select name from migrations")]
    again.close()
    scripts = sorted(entry.name for entry in (Path(daemon.__file__).parent / "migrations").glob("*.sql"))
    assert names == scripts


def test_a_reader_writes_nothing(tmp_path: Path, store: Store) -> None:
    import sqlite3

    clip = a_clip(store)
    reader = Store(tmp_path / "nearset.sqlite", read_only=True)
    try:
        assert reader.clip(clip).name == "A001C001"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.set_clip(clip, identity="mine")
    finally:
        reader.close()


def test_a_reader_in_the_midst_of_a_list_keeps_nobody_from_writing(tmp_path: Path, store: Store) -> None:
    clip = a_clip(store)
    reader = Store(tmp_path / "nearset.sqlite", read_only=True)
    try:
        rows = reader._db.execute("select name, reel from clips")
        store._db.execute("pragma busy_timeout = 0")
        store.set_clip(clip, reel="A001")
        assert [row["reel"] for row in rows] == [""], "it goes on reading what was there when it began"
    finally:
        reader.close()


def branches(root: type[NearsetError]) -> Iterator[type[NearsetError]]:
    yield root
    for child in root.__subclasses__():
        yield from branches(child)


def test_every_error_that_a_job_can_end_in_has_a_verdict() -> None:
    codes = {error.code for error in branches(NearsetError) if error.__module__ in {"daemon.errors", "engines.errors"}}
    assert codes - VERDICTS.keys() <= _NOT_OF_JOBS
    assert VERDICTS.keys() <= codes
    assert set(VERDICTS.values()) == set(Verdict)


def test_every_verdict_can_be_carried_out_wherever_a_job_may_end() -> None:
    from daemon.service import _EVENTS

    for state in (ClipState.READY, ClipState.PROBED, ClipState.PROXIED):
        assert set(_EVENTS.values()) <= CLIP_TABLE[state].keys()
    assert set(_EVENTS.values()) - {ClipEvent.CANNOT_DECODE} <= CLIP_TABLE[ClipState.MANIFESTED].keys()


def test_every_error_has_a_code_of_its_own_that_continues_its_parents() -> None:
    errors = list(branches(NearsetError))
    ours = [error for error in errors if error.__module__ in {"daemon.errors", "engines.errors"}]
    assert len({error.code for error in ours}) == len(ours)


def test_the_control_process_loads_no_media_and_no_network() -> None:
    code = (
        "import sys, daemon.cli, daemon.service, daemon.pipeline, daemon.executor, daemon.watch, daemon.statusfile\n"
        "import daemon.children, daemon.crew, daemon.lanes, daemon.running, daemon.turns, daemon.worker\n"
        "import daemon.cluster.fleet\n"
        "daemon.pipeline.stages()\n"
        "print([name for name in ('torch', 'av', 'openvino', 'onnx', 'tensorrt', 'PyOpenColorIO', 'ray')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_publish_gives_names_to_files_in_a_delivery() -> None:
    """No other module of the daemon links, renames or removes beneath a delivery folder."""
    touching = set()
    for path in Path(daemon.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {"link", "rename", "renameat2"}:
                touching.add(path.name)
    assert touching == {"publish.py"}
    assert Path(engines.__file__).is_file()
