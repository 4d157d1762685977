"""The production office, which is notified."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Office:
    """The production office: what it was sent, and how it answers."""

    port: int = 0
    status: int = 200
    elsewhere: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/office"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def bodies(self) -> list[str]:
        return [message["message"] for message in self.got]
