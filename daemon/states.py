"""The states of a clip, of a job and of a model: the rules first, then one table each, then the lines that fire it.

A clip is discovered, lies quiet, is named by a manifest, is verified byte for byte and is then ready: that
is the gate. Behind it a clip is probed, proxied and delivered. What cannot go on says why: held (a person
decides), undecodable (camera raw), failed (retried and given up), duplicate (the same bytes are here already).

- An event that the table does not allow raises StateError and changes nothing.
- A recipe that words a clip otherwise sends it back to be probed anew, since words say what its source is, too.
- A change of a camera file before delivery sends a clip back to the start; after delivery it is held.
- More parts behind those that a clip has send it back to the start even then: what they complete is a new revision.
- A part that belongs to another clip's recording is filed: it is made with that, and not by itself.
- A candidate that the gate refused is never promoted; one that was rolled back only by a person.
- Nothing is ever deleted by an event; a missing mount is no event at all, it only parks the root's jobs.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TypeVar

from daemon.errors import StateError


class ClipState(StrEnum):
    """Where a clip stands."""

    DISCOVERED = "discovered"
    QUIET = "quiet"
    MANIFESTED = "manifested"
    VERIFIED = "verified"
    READY = "ready"
    PROBED = "probed"
    PROXIED = "proxied"
    DELIVERED = "delivered"
    HELD = "held"
    UNDECODABLE = "undecodable"
    FAILED = "failed"
    DUPLICATE = "duplicate"
    FILED = "filed"
    """Proven, and nothing is to be made of it by itself: a card's papers, a sound recording that was listened to."""


class ClipEvent(StrEnum):
    """What can happen to a clip."""

    SETTLED = "settled"
    CHANGED = "changed"
    LISTED = "listed"
    HASHED = "hashed"
    ADMITTED = "admitted"
    REPEATED = "repeated"
    FILED = "filed"
    JOINED = "joined"
    EXTENDED = "extended"
    PROBED = "probed"
    PLAIN_PUBLISHED = "plain_published"
    ENHANCED_PUBLISHED = "enhanced_published"
    REVISED = "revised"
    CANNOT_DECODE = "cannot_decode"
    HOLD = "hold"
    GIVEN_UP = "given_up"
    RETRIED = "retried"


class CardState(StrEnum):
    """Where a card stands, in one word; `standing.py` reads it off its clips. What stopped is told beside it."""

    COPYING = "copying"
    """Files still come, or no manifest names them yet."""
    VERIFYING = "verifying"
    """Bytes are hashed, and clip by clip the plain proxies are made."""
    PROXIED = "proxied"
    """Every clip that can has its plain proxy."""
    ENHANCED = "enhanced"
    """Every clip that can has its enhanced twin, too."""
    DELIVERED = "delivered"
    """The roll is written: `.complete` vouches for it."""
    RELEASED = "released"
    """Nearset no longer reads it. Never that the card may be formatted: one verified copy is no backup."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """Its clip changed under it; what it made is not wanted."""


class JobEvent(StrEnum):
    """What can happen to a job."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    STUMBLED = "stumbled"
    """Failed with attempts left, or its lease ran out."""
    GIVEN_UP = "given_up"
    DROPPED = "dropped"
    RETRIED = "retried"


class ProxyState(IntEnum):
    """Where a proxy's file stands, as the database keeps it; each leads to the next only."""

    INTENDED = 0
    LANDED = 1
    LET_GO = 2
    """To be removed; no sidecar names it any more once its roll is written."""
    GONE = 3


class ModelState(StrEnum):
    """Where a production's weights stand."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    RETIRED = "retired"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Rolled back by a person; it is no measure for what comes after."""


class ModelEvent(StrEnum):
    """What can happen to weights."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


_C, _E = ClipState, ClipEvent
_ANYTIME = {_E.HOLD: _C.HELD, _E.CHANGED: _C.DISCOVERED, _E.JOINED: _C.FILED}

CLIP_TABLE: dict[ClipState, dict[ClipEvent, ClipState]] = {
    _C.DISCOVERED: {_E.SETTLED: _C.QUIET, **_ANYTIME},
    _C.QUIET: {_E.LISTED: _C.MANIFESTED, **_ANYTIME},
    _C.MANIFESTED: {_E.HASHED: _C.VERIFIED, _E.GIVEN_UP: _C.FAILED, **_ANYTIME},
    _C.VERIFIED: {
        _E.ADMITTED: _C.READY,
        _E.REPEATED: _C.DUPLICATE,
        _E.FILED: _C.FILED,
        _E.CANNOT_DECODE: _C.UNDECODABLE,
        **_ANYTIME,
    },
    _C.READY: {
        _E.PROBED: _C.PROBED,
        _E.FILED: _C.FILED,
        _E.CANNOT_DECODE: _C.UNDECODABLE,
        _E.GIVEN_UP: _C.FAILED,
        _E.REVISED: _C.READY,
        **_ANYTIME,
    },
    _C.PROBED: {
        _E.PLAIN_PUBLISHED: _C.PROXIED,
        _E.REVISED: _C.READY,
        _E.CANNOT_DECODE: _C.UNDECODABLE,
        _E.GIVEN_UP: _C.FAILED,
        **_ANYTIME,
    },
    _C.PROXIED: {
        _E.ENHANCED_PUBLISHED: _C.DELIVERED,
        _E.REVISED: _C.READY,
        _E.CANNOT_DECODE: _C.UNDECODABLE,
        _E.GIVEN_UP: _C.FAILED,
        **_ANYTIME,
    },
    _C.DELIVERED: {_E.REVISED: _C.READY, _E.EXTENDED: _C.DISCOVERED, _E.HOLD: _C.HELD},
    _C.HELD: {_E.RETRIED: _C.DISCOVERED, **_ANYTIME},
    _C.UNDECODABLE: {_E.RETRIED: _C.DISCOVERED, **_ANYTIME},
    _C.FAILED: {_E.RETRIED: _C.DISCOVERED, _E.REVISED: _C.DISCOVERED, **_ANYTIME},
    _C.FILED: {_E.RETRIED: _C.DISCOVERED, **_ANYTIME},
    _C.DUPLICATE: {_E.RETRIED: _C.DISCOVERED, **_ANYTIME},
}

_J, _F = JobState, JobEvent

JOB_TABLE: dict[JobState, dict[JobEvent, JobState]] = {
    _J.QUEUED: {_F.CLAIMED: _J.LEASED, _F.DROPPED: _J.DROPPED},
    _J.LEASED: {
        _F.SUCCEEDED: _J.DONE,
        _F.STUMBLED: _J.QUEUED,
        _F.GIVEN_UP: _J.FAILED,
        _F.DROPPED: _J.DROPPED,
    },
    _J.DONE: {_F.RETRIED: _J.QUEUED},
    _J.FAILED: {_F.RETRIED: _J.QUEUED, _F.DROPPED: _J.DROPPED},
    _J.DROPPED: {_F.RETRIED: _J.QUEUED},
}

_M, _N = ModelState, ModelEvent

MODEL_TABLE: dict[ModelState, dict[ModelEvent, ModelState]] = {
    _M.CANDIDATE: {_N.PROMOTED: _M.ACTIVE, _N.REFUSED: _M.REFUSED},
    _M.ACTIVE: {_N.SUPERSEDED: _M.RETIRED, _N.ROLLED_BACK: _M.WITHDRAWN},
    _M.RETIRED: {_N.PROMOTED: _M.ACTIVE},
    _M.WITHDRAWN: {_N.PROMOTED: _M.ACTIVE},
    _M.REFUSED: {},
}

SETTLED_STATES = frozenset({_C.DELIVERED, _C.HELD, _C.UNDECODABLE, _C.FAILED, _C.DUPLICATE, _C.FILED})
"""States in which a clip waits for nothing that the service itself will do."""

GATE_STATES = frozenset({_C.DISCOVERED, _C.QUIET, _C.MANIFESTED, _C.VERIFIED})
"""States before a clip's bytes are trusted."""

STOPPED_STATES = frozenset({_C.HELD, _C.UNDECODABLE, _C.FAILED})
"""States that a person can take a clip out of."""

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def fire(table: dict[S, dict[E, S]], state: S, event: E) -> S:
    """Return the state after the event.

    Raises:
        StateError: the table has no such event in this state.
    """
    try:
        return table[state][event]
    except KeyError:
        allowed = ", ".join(sorted(table[state])) or "nothing"
        raise StateError(
            f"{event} cannot happen to something {state}",
            why=f"in that state only {allowed} can",
            fix="report this: it is a fault of nearset, and nothing was changed",
        ) from None
