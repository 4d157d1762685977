"""A shift: the service in this process under a clock that is moved by hand, with an executor that is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.points import Prompt
from daemon import config as configuration
from daemon import log
from daemon.clock import ManualClock
from daemon.executor import Executor
from daemon.opening import opened
from daemon.production import Moment, Production
from daemon.service import Service

_EVENING = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


@dataclass
class Shift:
    """The service between one start and one stop; what it tells goes into `log` in its folder."""

    folder: Path
    production: Production
    service: Service
    clock: ManualClock = field(default_factory=lambda: ManualClock(_EVENING))

    @property
    def now(self) -> Moment:
        """The moment that the clock shows."""
        return Moment(self.clock.monotonic(), self.clock.utc())

    def tick(self, seconds: float = 0.5) -> None:
        """Let every root be scanned and the service do one turn, then let time pass."""
        self.service.hint({str(root.path) for root in self.production.config.offload.roots})
        self.service.tick(self.now, 0)
        self.clock.advance(seconds)

    def ticks(self, count: int) -> None:
        """Do some turns."""
        for _ in range(count):
            self.tick()

    def rest(self, most: int = 400) -> bool:
        """Turn until there is nothing left to do, and return whether that came about."""
        self.ticks(8)
        for _ in range(most):
            if self.service.is_idle():
                return True
            self.tick()
        return False

    def states(self) -> dict[str, str]:
        """Return the state of each clip by its roll and name."""
        store = self.production.store
        rolls = {card.id: card.roll for card in store.cards()}
        return {f"{rolls[clip.card]}/{clip.name}": str(clip.state) for clip in store.clips()}


@contextmanager
def shift(folder: Path, executor: Executor, **sections: dict[str, Any]) -> Iterator[Shift]:
    """Start the service on a production in a folder, and stop it at the end; `sections` are of the configuration."""
    words: dict[str, Any] = {
        "production": {"code": "SHOW"},
        "offload": {"roots": ["offload"], "settle_seconds": 2},
        "delivery": {"root": "delivery", "presets": ["prores-proxy-mov"]},
        "state": {"root": "state"},
        "engine": "identity",
    }
    for section, value in sections.items():
        words[section] = words.get(section, {}) | value
    (folder / "offload").mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(json.dumps(words), encoding="utf-8")
    with (folder / "log").open("a", encoding="utf-8") as told, opened(configuration.load(folder / "config.yaml")) as it:
        log.configure("warning", "json", told)
        service = Service(it, executor)
        service._stages["turnover"]._clerk = Prompt()  # type: ignore[attr-defined] # noqa: SLF001 - composes here
        found = Shift(folder, it, service)
        service.start(found.now)
        yield found
