"""A finding: one thing that was looked at, how grave it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from daemon.errors import WorkerDied, WorkerHung
from daemon.slate import Trouble

_AGAIN = "then `nearset doctor` again"


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    """As it should be, or missing and not asked for."""
    WARN = "warn"
    """It works, and somebody should see to it."""
    ERROR = "error"
    """Something that was asked for cannot work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: what was `found`, and `fix`, empty where there is nothing to do.

    `needed` where it is the engine that the configuration asks for.
    """

    subject: str
    name: str
    level: Level
    found: str
    fix: str = ""
    needed: bool = False

    def told(self) -> dict[str, object]:
        """Return it as JSON has it; `state` is good, or missing where there is something to do."""
        return {
            "subject": self.subject,
            "name": self.name,
            "state": "missing" if self.fix else "good",
            "level": str(self.level),
            "found": self.found,
            "fix": self.fix,
            "needed": self.needed,
        }


def unanswered(trouble: Trouble, limit_seconds: float) -> Trouble:
    """Return what to tell of a child of the doctor's that gave no answer; any other trouble as it is.

    It has no file of a card open, so that neither a time-out nor its end speaks of one.
    """
    if trouble.code == WorkerHung.code:
        why = f"no progress for {limit_seconds:.0f} s, its limit: the machine is too busy, or a disk or driver hangs"
        return replace(trouble, what="it was not done in time", why=why, fix=f"let other work end, {_AGAIN}")
    if trouble.code == WorkerDied.code:
        return replace(trouble, what="it ended without an answer", fix=f"see to memory and the kernel's log, {_AGAIN}")
    return trouble
