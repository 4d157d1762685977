"""Berths on nodes, without Ray: a fleet of two boxes whose children are the other end of a pipe."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from multiprocessing.connection import Pipe
from pathlib import Path

import pytest

from bench.boxes import show
from daemon.again import Again
from daemon.berths import Berth, Node, NodeState
from daemon.cluster.ferry import _read, _write
from daemon.cluster.fleet import RayFleet
from daemon.cluster.nodefile import NodeFile
from daemon.errors import WorkersAway
from daemon.executor import LocalExecutor
from daemon.slate import Trouble
from daemon.worker import Limits

RENDER = frozenset({"render"})


class Line:
    """A child on a node: what it is told stands in `told`, and it answers when the test says so."""

    def __init__(self) -> None:
        self.pipe, self.far = Pipe()
        self.ended = False

    def end(self, *, dying: bool = False) -> str:
        del dying
        self.ended = True
        self.pipe.close()
        return "the node went away"

    def told(self) -> dict[str, str]:
        said: dict[str, str] = json.loads(self.far.recv_bytes())
        return said

    def answers(self, **words: object) -> None:
        self.far.send_bytes(json.dumps(words).encode())


@dataclass
class Boxes:
    """A fleet by hand."""

    names: list[str]
    lines: dict[str, Line] = field(default_factory=dict)
    taken_in: list[str] = field(default_factory=list)
    full: bool = False

    def keep(self, now: float) -> None:
        del now

    def berths(self) -> list[Berth]:
        return [
            Berth(name, "render", 0, RENDER, lambda name=name: self.hire(name), self.take_in) for name in self.names
        ]

    def hire(self, name: str) -> Line:
        self.lines[name] = Line()
        return self.lines[name]

    def take_in(self, token: str) -> None:
        if self.full:
            raise OSError(28, "No space left on device", "/nas")
        self.taken_in.append(token)

    def nodes(self) -> tuple[Node, ...]:
        return tuple(Node(name, NodeState.AT_WORK) for name in self.names)

    def close(self) -> None:
        self.names.clear()


@pytest.fixture
def boxes():
    return Boxes(["box2", "box3"])


@pytest.fixture
def executor(boxes):
    """A head that renders nothing itself."""
    made = LocalExecutor({"render": 0}, {"render": Limits(1 << 30)}, hung_seconds=60, fleet=boxes)
    made.open()
    yield made
    made.close()


def test_each_box_takes_a_task_and_its_answer_is_taken_in(executor, boxes):
    assert executor.free("render") == 2
    executor.start("render", 1, "first", "render", "{}", 0)
    executor.start("render", 2, "second", "render", "{}", 0)
    assert executor.free("render") == 0
    assert {it.node for it in executor.running()} == {"box2", "box3"}
    by_token = {line.told()["token"]: line for line in boxes.lines.values()}
    by_token["second"].answers(kind="result", result="{}")
    (report,) = executor.poll(1, 5)
    assert (report.job, report.result, report.trouble) == (2, "{}", None)
    assert report.node in {"box2", "box3"}
    assert boxes.taken_in == ["second"]


def test_learning_is_not_given_to_a_box(executor):
    assert executor.takes("render") == RENDER


def test_a_child_of_this_machine_takes_anything_and_comes_first(boxes):
    own = Line()
    head = LocalExecutor({"render": 1}, {"render": Limits(1 << 30)}, hung_seconds=60, fleet=boxes, spawn=lambda *_: own)
    head.open()
    assert head.free("render") == 3
    assert head.takes("render") is None
    head.start("render", 1, "token", "refine", "{}", 0)
    assert own.told()["stage"] == "refine"
    assert head.takes("render") == RENDER
    head.close()


def test_a_line_that_breaks_gives_its_job_back(executor, boxes):
    executor.start("render", 1, "first", "render", "{}", 0)
    (busy,) = (it.node for it in executor.running())
    boxes.names.remove(busy)
    boxes.lines[busy].far.close()
    reports = executor.poll(1, 5)
    (report,) = reports or executor.poll(1, 5)
    assert report.trouble
    assert report.trouble.code == "worker.away", "what the ferry did not say is no fault of the clip"
    assert report.node == busy
    assert executor.free("render") == 1
    assert boxes.taken_in == []


def test_a_box_that_drains_ends_what_it_began(executor, boxes):
    executor.start("render", 1, "first", "render", "{}", 0)
    (busy,) = (it.node for it in executor.running())
    boxes.names.clear()
    executor.poll(1, 0)
    assert executor.free("render") == 0
    assert [it.node for it in executor.running()] == [busy]
    boxes.lines[busy].answers(kind="result", result="{}")
    (report,) = executor.poll(2, 5)
    assert report.trouble is None
    executor.poll(3, 0)
    assert boxes.lines[busy].ended
    assert executor.free("render") == 0


def test_a_box_that_comes_back_is_given_work_again(executor, boxes):
    boxes.names.remove("box3")
    executor.poll(1, 0)
    assert executor.free("render") == 1
    boxes.names.append("box3")
    executor.poll(2, 0)
    assert executor.free("render") == 2


def test_a_box_that_hangs_is_given_up_and_what_it_says_later_is_not_heard(executor, boxes):
    executor.start("render", 1, "first", "render", "{}", 0)
    (busy,) = (it.node for it in executor.running())
    late = boxes.lines[busy]
    (report,) = executor.poll(61, 0)
    assert report.trouble
    assert report.trouble.code == "worker.hung"
    assert late.ended
    with pytest.raises(OSError):
        late.answers(kind="result", result="{}")
        late.far.recv_bytes()
    assert executor.poll(62, 0) == []
    assert boxes.taken_in == []


def test_a_volume_that_is_full_for_the_head_is_a_trouble_of_the_try(executor, boxes):
    boxes.full = True
    executor.start("render", 1, "first", "render", "{}", 0)
    (busy,) = (it.node for it in executor.running())
    boxes.lines[busy].answers(kind="result", result="{}")
    (report,) = executor.poll(1, 5)
    assert report.trouble
    assert report.trouble.code == "delivery"
    assert "No space left" in report.trouble.why


def test_a_ferry_that_is_away_leaves_the_other_berths_alone(executor, boxes, monkeypatch):
    def away(name: str) -> Line:
        raise WorkersAway("no line", why="the ferry is not there", fix="")

    boxes.names.append("box4")
    monkeypatch.setattr(boxes, "hire", away)
    executor.poll(1, 0)
    assert executor.free("render") == 2


def fleet(folder: Path) -> RayFleet:
    place = {"address": "10.0.0.1", "interface": "eno2", "network": "10.0.0.0/24"}
    return RayFleet(show(folder), NodeFile(name="head", token=str(folder / "token"), **place))


def test_what_a_try_staged_takes_the_place_of_what_a_try_before_left(tmp_path):
    nas = fleet(tmp_path)
    staging = nas.config.staging
    (staging / "second" / "frames").mkdir(parents=True)
    (staging / "second" / "a.proxy").write_text("whole")
    (staging / "second" / "frames" / "1.exr").write_text("whole")
    (staging / "first").mkdir()
    (staging / "first" / "a.proxy").write_text("half, of a box that is cut off")
    (staging / "frames").mkdir()
    (staging / "frames" / "0.exr").write_text("of a try before")
    nas._take_in("second")
    assert (staging / "a.proxy").read_text() == "whole"
    assert [path.name for path in (staging / "frames").iterdir()] == ["1.exr"]
    assert sorted(path.name for path in staging.iterdir()) == ["a.proxy", "first", "frames"]


def test_a_try_that_staged_nothing_is_taken_in_too(tmp_path):
    nas = fleet(tmp_path)
    nas.config.staging.mkdir(parents=True)
    (nas.config.staging / "a.proxy").write_text("of another try")
    nas._take_in("none")
    assert [path.name for path in nas.config.staging.iterdir()] == ["a.proxy"]


def test_what_ends_again_and_again_is_started_less_often():
    again = Again(2, 60)
    assert [again.after(1) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    assert again.after(61) == 2
    assert again.after(1) == 4


def test_an_unreadable_roster_offers_nothing(tmp_path):
    nas = fleet(tmp_path)
    nas._roster.parent.mkdir(parents=True)
    nas._roster.write_text('[{"name": "box2"')
    nas._read()
    assert nas.berths() == []


def test_only_boxes_at_work_have_berths(tmp_path):
    nas = fleet(tmp_path)
    lanes = (("custody", 2), ("render", 1))
    nas._nodes = tuple(Node(state, state, lanes=lanes) for state in NodeState)
    assert [(it.node, it.lane, it.number) for it in nas.berths()] == [
        ("at work", "custody", 0),
        ("at work", "custody", 1),
        ("at work", "render", 0),
    ]


def test_a_line_is_one_of_multiprocessings():
    """What the ferry reads and writes by hand is what Connection does."""
    one, other = Pipe()
    one.send_bytes(b"a task")
    written: list[bytes] = []

    class Written:
        def write(self, data: bytes) -> None:
            written.append(data)

        async def drain(self) -> None:
            """There is nobody to wait for."""

    async def spoken() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(os.read(other.fileno(), 1024))
        await _write(Written(), b"an answer")  # type: ignore[arg-type]
        return await _read(reader)

    assert asyncio.run(spoken()) == b"a task"
    os.write(other.fileno(), b"".join(written))
    assert one.recv_bytes() == b"an answer"


def test_a_job_that_a_node_had_not_begun_costs_no_try(cart):
    """A box that lost its power is given work for some seconds yet: that must not be what a clip fails of."""
    cart.card("A001C001.mov")
    away = Trouble("worker.away", "render on box2 was not begun", "the actor died", "it is tried again")
    cart.hands.befall("render", *[away] * 7)
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {"delivered"}
        assert not [job for job in shift.production.store.jobs() if job.attempt > 1]
    cart.assert_honest()
