"""Access: who may look, who may change things, and how a browser proves it.

A token is a file that only the service reads. Where none is set, which only loopback may have, whoever reaches the page
is the operator. A session is signed with the token it was begun with: it outlasts a restart, and ends with its token.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daemon.errors import ConfigError
from daemon.web.section import PageSection

SESSION_SECONDS = 12 * 3600.0
"""How long a session lasts: a shooting day."""
_SHORTEST = 32
_WORLD_OR_GROUP = 0o077


class Role(StrEnum):
    """What somebody may do here."""

    VIEWER = "viewer"
    """Sees everything, changes nothing."""
    OPERATOR = "operator"
    """Retries, reorders, pauses, promotes."""


@dataclass(frozen=True, slots=True)
class Access:
    """The tokens that open the page, by role; none where everyone who reaches it is the operator."""

    tokens: Mapping[Role, bytes]

    def role_of(self, token: str) -> Role | None:
        """Return what a token opens; None for nothing."""
        given = token.strip().encode()
        fitting = [role for role, known in self.tokens.items() if hmac.compare_digest(known, given)]
        return fitting[0] if fitting else None

    def begin(self, role: Role, now: float) -> str:
        """Return a session, for a cookie; `now` in seconds since the epoch."""
        words = f"{role}.{int(now + SESSION_SECONDS)}"
        return f"{words}.{self._seal(role, words)}"

    def role_in(self, session: str, now: float) -> Role | None:
        """Return whose a session is; None where it is over, or none of ours."""
        if not self.tokens:
            return Role.OPERATOR
        parts = re.fullmatch(r"(viewer|operator)\.(\d{1,12})\.([0-9a-f]{64})", session, re.ASCII)
        if parts is None or (role := Role(parts[1])) not in self.tokens:
            return None
        is_ours = hmac.compare_digest(self._seal(role, f"{role}.{parts[2]}"), parts[3])
        return role if is_ours and now < int(parts[2]) else None

    def _seal(self, role: Role, words: str) -> str:
        return hmac.new(self.tokens[role], words.encode(), "sha256").hexdigest()


def access_of(page: PageSection) -> Access:
    """Return who may do what, as the configuration says.

    Raises:
        ConfigError: a token's file cannot be read, is too short, or is open to others.
    """
    files = {Role.OPERATOR: page.operator_token, Role.VIEWER: page.viewer_token}
    tokens = {role: _token(path) for role, path in files.items() if path}
    if len(set(tokens.values())) < len(tokens):
        raise ConfigError(
            "viewer and operator have one token",
            why="who may only look could change things with it",
            fix="give each a token of its own",
        )
    return Access(tokens)


def _token(path: Path) -> bytes:
    try:
        token, mode = path.read_bytes().strip(), path.stat().st_mode
    except OSError as error:
        raise _unfit(path, f"it cannot be read: {error.strerror}") from error
    if len(token) < _SHORTEST:
        raise _unfit(path, f"it has {len(token)} characters, and {_SHORTEST} are the least")
    if mode & _WORLD_OR_GROUP:
        raise _unfit(path, f"others may read or write it (mode {mode & 0o777:03o})")
    return token


def _unfit(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the page's token {path} cannot be used",
        why=why,
        fix=f"(umask 077; head -c 32 /dev/urandom | base64 > {path})",
    )
