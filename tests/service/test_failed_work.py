"""What a child still holds of a task that failed: nothing, for the next one wants the same memory and the same GPU."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any, cast

import pytest

from daemon import pipeline, worker
from engines.errors import Unreadable
from engines.render import ahead


class Held:
    """What a clip has on a GPU."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nobody else picks up what leads back to itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_clip_that_breaks_in_a_station_lets_go_of_all_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a station's thread holds the thread's frames, which hold the error."""
    seen: list[weakref.ref[Held]] = []

    def restored(held: Held) -> Iterator[Held]:
        yield held
        raise Unreadable("the clip breaks", why="a frame is missing", fix="look at the card")

    def work(_task: str, _progress: worker.Progress) -> str:
        held = Held()
        seen.append(weakref.ref(held))
        with ahead(restored(held)) as pictures:
            return str(list(pictures))

    monkeypatch.setattr(pipeline, "work_of", lambda _stage: work)
    answer = worker._answer({"stage": "render", "task": ""}, cast(Any, None))
    assert answer["code"] == Unreadable.code
    assert seen[0]() is None
