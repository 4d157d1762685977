"""Onlookers: who is shown the status besides the one who asks for it: Prometheus, and people who are told.

They look on after each turn; nothing of the line waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.config import Config
from daemon.messenger import Messenger
from daemon.metrics import Tally, Textfile
from daemon.production import Moment
from daemon.status import Snapshot
from daemon.store import Store


@dataclass(frozen=True, slots=True)
class Onlookers:
    """Those that a configuration names; mostly none."""

    textfile: Textfile | None
    messenger: Messenger | None

    @classmethod
    def of(cls, config: Config, store: Store) -> Onlookers:
        """Return them.

        Raises:
            ConfigError: somebody cannot be told as notify.urls says.
        """
        textfile = config.metrics.textfile
        return cls(Textfile(textfile) if textfile else None, Messenger.of(config, store))

    def look(self, seen: Snapshot, tally: Tally, now: Moment) -> None:
        """Show them a status."""
        if self.textfile:
            self.textfile.look(seen, tally, now)
        if self.messenger:
            self.messenger.look(seen, now)

    def end(self, seen: Snapshot, tally: Tally, clock: Callable[[], Moment]) -> None:
        """Show them the last status, and tell what is not told yet: all is done."""
        if self.textfile:
            self.textfile.leave(seen, tally, clock())
        if self.messenger:
            self.messenger.flush(seen, clock)

    def close(self) -> None:
        """End what they started."""
        if self.messenger:
            self.messenger.close()
