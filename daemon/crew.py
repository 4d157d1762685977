"""The crew: children of another process, the worker unit, whose sandbox is closer than the control process's can be.

The worker unit listens on a socket. Who connects, as the same user, and names a lane has a child at the other end of
the line that serves as any does. The line is the child's life: closed on either side, the child is killed, and the line
ends once it is gone. What a child may use is for the worker unit's own configuration to say, never for the line.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from daemon.children import Child, OwnChild, Spawn, spawned
from daemon.errors import WorkersAway
from daemon.log import get
from daemon.worker import Limits

_WORD_SECONDS, _WORD_BYTES = 2.0, 32
"""How long who connects may take to name a lane, and how long its name may be."""
_GONE_SECONDS = 15.0
"""How long the worker unit may take to end a child; more than the child itself is given."""
_WAITING = 64


class Crew:
    """The worker unit's side: a listening socket, and a child for each line."""

    def __init__(self, address: Path, limits: Mapping[str, Limits]) -> None:
        self._limits = limits
        self._address = address
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        address.unlink(missing_ok=True)  # of a run that was killed
        self._listener.bind(str(address))
        address.chmod(0o600)
        self._listener.listen(_WAITING)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._hands: list[_Hand] = []

    @property
    def count(self) -> int:
        """How many children there are."""
        return len(self._hands)

    def turn(self, wait_seconds: float) -> None:
        """Take who connects and let go whose line closed, or whose child ended, within the wait."""
        stirred = {number for number, _ in self._poll.poll(wait_seconds * 1000)}
        for hand in [hand for hand in self._hands if stirred & {hand.line, hand.ending}]:
            self._let_go(hand)
        if self._listener.fileno() in stirred:
            self._take()

    def close(self) -> None:
        """Listen no more, and end all children."""
        self._address.unlink(missing_ok=True)
        self._listener.close()
        for hand in list(self._hands):
            self._let_go(hand)

    def _take(self) -> None:
        line, _ = self._listener.accept()
        uid = _peer(line)
        pipe = Connection(line.detach())
        lane = _word(pipe) if uid == os.getuid() else ""
        if lane not in self._limits:
            get().warning("crew.refused", uid=uid, lane=lane)
            pipe.close()
            return
        child = OwnChild(lane, self._limits[lane], pipe.fileno(), pipe)
        hand = _Hand(lane, child, pipe.fileno(), os.pidfd_open(child.process.pid))
        self._hands.append(hand)
        self._poll.register(hand.ending, select.POLLIN)
        self._poll.register(hand.line, select.POLLRDHUP)

    def _let_go(self, hand: _Hand) -> None:
        self._hands.remove(hand)
        self._poll.unregister(hand.line)
        self._poll.unregister(hand.ending)
        by_itself = hand.child.process.poll() is not None
        how = hand.child.end()
        os.close(hand.ending)
        if by_itself:
            get().warning("child.ended", lane=hand.lane, how=how)


@dataclass(frozen=True, slots=True)
class _Hand:
    """A child, the descriptor of its line, and the one (pidfd) that tells of its end."""

    lane: str
    child: OwnChild
    line: int
    ending: int


class HiredChild:
    """The control process's side: the line to a child of another process, that of the worker unit or the ferry.

    `word` says what child is wanted, `gone` how one ended that did so by itself.
    """

    def __init__(self, line: socket.socket, word: str, gone: str) -> None:
        self.pipe = Connection(line.detach())
        self._gone = gone
        with suppress(OSError):  # who hung up at once is found out by the first task
            self.pipe.send_bytes(word.encode())

    def end(self, *, dying: bool = False) -> str:
        """Have it killed, wait until it is gone, and return how it ended."""
        del dying
        with socket.socket(fileno=os.dup(self.pipe.fileno())) as line, suppress(OSError):
            line.settimeout(_GONE_SECONDS)
            line.shutdown(socket.SHUT_WR)
            while line.recv(1 << 16):
                continue
        self.pipe.close()
        return self._gone


def hired(address: Path, lane: str) -> HiredChild:
    """Return a child of the worker unit.

    Raises:
        WorkersAway: the unit does not answer, or is another user's.
    """
    return HiredChild(
        connected(address), lane, "a child of the worker unit ended, or the unit itself did: its journal says more"
    )


def connected(address: Path) -> socket.socket:
    """Return a line to whoever gives children at a socket.

    Raises:
        WorkersAway: it does not answer, or is another user's.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(str(address))
        if (uid := _peer(line)) != os.getuid():
            raise PermissionError(f"it is of user {uid}")
    except OSError as error:
        line.close()
        raise WorkersAway(
            "the worker unit gives no children",
            why=f"{address}: {error.strerror or error}",
            fix="start it, `systemctl status 'nearset-worker@*'` says why it is not; jobs wait until then",
        ) from error
    return line


def hiring(address: Path) -> Spawn:
    """Return what hires children of the worker unit; those with destinations, which it has no network for, are own."""

    def spawn(lane: str, limits: Limits) -> Child:
        return spawned(lane, limits) if limits.destinations else hired(address, lane)

    return spawn


def _peer(line: socket.socket) -> int:
    """Return the user on the other side, as the kernel knows it."""
    size = struct.calcsize("=iII")
    _, uid, _ = struct.unpack("=iII", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


def _word(pipe: Connection) -> str:
    """Return the lane that is named; empty where none is."""
    try:
        return pipe.recv_bytes(_WORD_BYTES).decode("ascii", "replace") if pipe.poll(_WORD_SECONDS) else ""
    except (EOFError, OSError):
        return ""
