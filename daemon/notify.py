"""Notify: what a service manager is told. A word each to the socket that systemd names; nothing where it names none.

Source: sd_notify(3), "Description" and "Environment".
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from daemon.log import printable

_LINE_BYTES = 500
"""Longest status line; more than any terminal shows."""

_BUSY_SECONDS = 0.1
"""How long a manager may leave a word lying; it must not keep the service from its work."""


@dataclass(slots=True)
class Notifier:
    """Says what this process is doing. `watchdog_seconds` is how often it must be told to be alive; 0 for never."""

    address: str = ""
    watchdog_seconds: float = 0.0
    _status: str = field(default="", init=False)
    _fed: float = field(default=float("-inf"), init=False)

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> Notifier:
        """Return the notifier that the environment names, and take that out: it is not for what this process starts."""
        address = environment.pop("NOTIFY_SOCKET", "")
        period, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        is_mine = pid in {"", str(os.getpid())}
        return cls(address, int(period) / 1e6 if period.isdecimal() and is_mine else 0.0)

    def ready(self) -> None:
        """Say that the start is over."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._say("STOPPING=1")

    def status(self, line: str) -> None:
        """Say what is being done, in a line; the same line is not said twice."""
        line = printable(" ".join(line.split()))  # `systemctl status` shows it as it is
        if line != self._status:
            self._status = line
            self._say("STATUS=" + line.encode()[:_LINE_BYTES].decode(errors="ignore"))

    def alive(self, now: float) -> None:
        """Feed the watchdog, four times in each of its periods; `now` is monotonic seconds."""
        if self.watchdog_seconds and now - self._fed >= self.watchdog_seconds / 4:
            self._fed = now
            self._say("WATCHDOG=1")

    def _say(self, word: str) -> None:
        if not self.address:
            return
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(_BUSY_SECONDS)
            try:
                line.sendto(word.encode(), address)
            except OSError:
                return  # a manager that does not listen acts by itself: an unfed watchdog says enough
