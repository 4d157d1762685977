"""A finding: one thing that was looked at, how grave it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
