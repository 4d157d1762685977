"""Learning is killed wherever it writes, and ends as if nothing had been."""

from __future__ import annotations

import os
import random
import shutil
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cart import Cart
from dailies import Tutor, assert_sound, models_of, samples_of, shoot

from bench.points import Points, begin, point
from daemon.stages import refine

_KILLS = 6


def forked(act: Callable[[], None]) -> int:
    """Do something in a process of its own and return its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except BaseException:  # noqa: BLE001 - the fork must not go on as a second test run
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def learn(cart: Cart, points: Points, told: Path | None = None) -> None:
    """Serve in a process whose every write is a point; its updates cost nothing, and each word of one is a point."""
    begin(points)
    tutor = Tutor()

    def work(text: str, progress: object) -> str:
        point("lessons")
        answer = tutor.work(text, progress)
        point("answer")
        return answer

    refine.work = work
    cart.serve()
    if told:
        told.write_text(str(len(points.seen)))


@pytest.fixture
def delivered(cart: Cart) -> Cart:
    """A production whose card is delivered, and that may be learned from only now."""
    training = cart.words["production"].pop("training")
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    cart.words["production"]["training"] = training
    return cart


def outcome(cart: Cart) -> tuple[list[str], set[str], set[str]]:
    with cart.shift() as shift:
        models = models_of(shift)
        clips = set(shift.clip_states())
    return [str(model.state) for model in models], {sample.digest for sample in samples_of(cart)}, clips


def test_killed_at_any_write_nothing_learned_is_lost_doubled_or_half_there(folder: Path, delivered: Cart) -> None:
    state, before = delivered.config.production_state, folder / "before"
    shutil.copytree(state, before)
    assert forked(lambda: learn(delivered, Points(), folder / "told")) == 0
    expected, total = outcome(delivered), int((folder / "told").read_text())
    assert (expected[0], expected[2]) == (["active"], {"delivered"})
    assert total > 60
    for number in random.Random(1).sample(range(1, total + 1), _KILLS):
        shutil.rmtree(state)
        shutil.copytree(before, state)
        assert forked(lambda number=number: learn(delivered, Points(number))) == -signal.SIGKILL
        assert forked(lambda: learn(delivered, Points())) == 0
        assert outcome(delivered) == expected, f"killed at point {number}"
        assert_sound(delivered)
