"""Berths: places for children on other machines, as a cluster offers them (`cluster/`). None of it is Ray's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from daemon.children import Child


@dataclass(frozen=True, slots=True)
class Berth:
    """A place for one child on a node: its lane, its number there, and the stages that it is for.

    `hire` gives the child, or raises WorkersAway; `take_in` puts what the try of a token staged where it belongs, and
    raises OSError where the volume refuses.
    """

    node: str
    lane: str
    number: int
    stages: frozenset[str]
    hire: Callable[[], Child]
    take_in: Callable[[str], None]

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others."""
        return self.node, self.lane, self.number


class NodeState(StrEnum):
    """How a machine of the cluster stands."""

    AT_WORK = "at work"
    DRAINING = "draining"
    """It ends what it has and gets nothing more."""
    REFUSED = "refused"
    """It gets nothing as it is."""
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: how it stands and why, and which lanes it has."""

    name: str
    state: NodeState
    why: str = ""
    fix: str = ""
    gpu: str = ""
    lanes: tuple[tuple[str, int], ...] = ()


class Fleet(Protocol):
    """All other machines, from the control process's side."""

    def keep(self, now: float) -> None:
        """Keep up what leads to them; `now` in monotonic seconds. Returns at once."""

    def berths(self) -> list[Berth]:
        """Return the places for children that there are now."""

    def nodes(self) -> tuple[Node, ...]:
        """Return the machines that are known, those that get no work among them."""

    def close(self) -> None:
        """Let all of them go."""
