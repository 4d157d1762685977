"""Outcomes: how each job ended, in one record. The log's one line of a job is written of it, and metrics count it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from daemon import wire
from daemon.log import get
from daemon.pace import HASHED, units_of
from daemon.production import Production
from daemon.rows import NO_TROUBLE
from daemon.slate import Trouble
from daemon.stages.part import Part, PartTask
from daemon.store import Clip, Job

_OF_FRAMES = frozenset({"render", "assist"})
"""Stages that go through all frames of a clip."""


class Ending(StrEnum):
    """What became of a job."""

    DONE = "done"
    RETRIED = "retried"
    PARKED = "parked"
    """Its root went away, which is no fault of the job."""
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job that ended.

    `clip` is empty where it is of a whole folder. `frames` or `size_bytes` are what it went through, 0 where that says
    nothing of it; `seconds` from its start to its end. `said` are the words of its result that are told on: `model`,
    `engine`, `decoder`, `passed`, `sent_bytes`. `trouble` is empty where it was done.
    """

    stage: str
    clip: str
    roll: str
    ending: Ending
    attempt: int
    seconds: float
    frames: int = 0
    size_bytes: int = 0
    said: Mapping[str, str | bool | int] | None = None
    trouble: Trouble = NO_TROUBLE
    node: str = ""
    """The machine of the cluster that did it; empty for this one."""

    @property
    def engine(self) -> str:
        """What ran the network; empty where none did."""
        return str((self.said or {}).get("engine", ""))

    @property
    def decoder(self) -> str:
        """What decoded the pictures; empty where none were."""
        return str((self.said or {}).get("decoder", ""))

    @property
    def passed(self) -> bool | None:
        """What the gate said of a model; None where the job made none."""
        passed = (self.said or {}).get("passed")
        return passed if isinstance(passed, bool) else None


def outcome_of(
    production: Production,
    clip: Clip,
    job: Job,
    ending: Ending,
    seconds: float,
    result: str,
    trouble: Trouble,
    node: str = "",
) -> Outcome:
    """Return how a job ended; `clip` is as it was before."""
    whole_folder = job.stage == "deliver"
    said = _said(result)
    done = ending is Ending.DONE
    frames = _frames(clip, job) if done else 0
    size_bytes = int(units_of(production, clip, HASHED)) if done and job.stage == "manifest" else 0
    return Outcome(
        stage=job.stage,
        clip="" if whole_folder else clip.name,
        roll=production.store.card(clip.card).roll,
        ending=ending,
        attempt=job.attempt,
        seconds=seconds,
        frames=frames,
        size_bytes=int(said.get("sent_bytes", 0)) or size_bytes,
        said=said,
        trouble=trouble,
        node=node,
    )


def _frames(clip: Clip, job: Job) -> int:
    """Return how many frames a job goes through, 0 where that says nothing of it."""
    if job.stage == Part.name:
        task = wire.load(PartTask, job.task)
        return task.end - task.first
    return clip.essence.frames if clip.essence and job.stage in _OF_FRAMES else 0


def _said(result: str) -> dict[str, str | bool | int]:
    """Return the words of a result that are told on; a child that read hostile media may answer anything."""
    try:
        answer = json.loads(result) if result else {}
    except ValueError:
        return {}
    kinds: dict[str, type] = {"model": str, "engine": str, "decoder": str, "passed": bool, "sent_bytes": int}
    found = answer if isinstance(answer, dict) else {}
    return {
        word: found[word] for word, kind in kinds.items() if isinstance(found.get(word), kind) and found[word] != ""
    }


def tell(outcome: Outcome) -> None:
    """Write the one line of a job; what has nothing to say of it stays out."""
    words: dict[str, Any] = {"stage": outcome.stage, "clip": outcome.clip, "roll": outcome.roll}
    words |= {"outcome": str(outcome.ending), "seconds": round(outcome.seconds, 2), "attempt": outcome.attempt}
    words |= {"node": outcome.node, "frames": outcome.frames, "bytes": outcome.size_bytes, **(outcome.said or {})}
    if outcome.seconds > 0 and (units := outcome.frames or outcome.size_bytes):
        words["rate"] = round(units / outcome.seconds, 2)
    trouble = outcome.trouble
    words |= {"code": trouble.code, "what": trouble.what, "why": trouble.why, "fix": trouble.fix}
    say = getattr(get(), _LEVELS[outcome.ending])
    say("job.ended", **{word: value for word, value in words.items() if value or value is False})


_LEVELS = {Ending.DONE: "info", Ending.PARKED: "info", Ending.RETRIED: "warning", Ending.GIVEN_UP: "error"}
