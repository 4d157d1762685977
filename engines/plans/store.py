"""The plans of this machine: signed, private, bounded. A plan is code, so one that is not ours is never run.

Each plan lies under its key's digest beside a seal: its key, how long it took, and an HMAC-SHA256 over the machine's
identity, both and every byte. What signs is made here at first use and never leaves the folder. A plan that was
changed, cut short, copied from another machine or production, or that others may write, is refused, and its place is
free for a new one.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.errors import BadPlan
from engines.plans.key import PlanKey

_MACHINE = Path("/etc/machine-id")
_SIGNER = "machine.key"
_SIGNER_BYTES = 32
_PRIVATE = stat.S_IRUSR | stat.S_IWUSR


def machine_identity() -> str:
    """Return what tells this machine from others. Source: machine-id(5)."""
    return _MACHINE.read_text(encoding="ascii").strip() if _MACHINE.exists() else os.uname().nodename


@dataclass(frozen=True, slots=True)
class Shelved:
    """A plan that lies here: its key, its file, what its build took, and why it is refused (empty if it is good)."""

    key: PlanKey
    path: Path
    size_bytes: int
    seconds: float
    refused: str


@dataclass(frozen=True, slots=True)
class PlanStore:
    """The plans in a folder; `most_bytes` bounds them, what was used longest ago goes first."""

    folder: Path
    most_bytes: int
    machine: Callable[[], str] = machine_identity

    def path(self, key: PlanKey) -> Path:
        """Return where a plan lies, or would."""
        return self.folder / f"{key.digest}.plan"

    def load(self, key: PlanKey) -> bytes | None:
        """Return a plan as it was saved; None if it is not here.

        Raises:
            BadPlan: it is not as it was saved here; it is removed.
        """
        path = self.path(key)
        if not os.path.lexists(path):
            return None
        try:
            plan = self._checked(path, key)
        except BadPlan:
            self._remove(path)
            raise
        os.utime(path)
        return plan

    def save(self, key: PlanKey, plan: bytes, seconds: float) -> Path:
        """Seal a plan and put it in its place, whole; then make room. Returns where it lies."""
        path = self.path(key)
        took = round(seconds, 3)
        seal = {"key": asdict(key), "seconds": took, "hmac": self._sign(key, plan, took)}
        self._write(path, plan)
        self._write(path.with_suffix(".seal"), json.dumps(seal, indent=1, sort_keys=True).encode())
        self._make_room(path)
        return path

    def listed(self) -> list[Shelved]:
        """Return every plan here that has a seal, checked; what was used last comes first."""
        return [shelved for path in self._by_use() if (shelved := self._shelved(path))]

    def clear(self) -> int:
        """Remove every plan and return how many there were; what signs stays."""
        paths = self._by_use()
        for path in (*paths, *self.folder.glob("*.part")):
            self._remove(path)
        return len(paths)

    def _shelved(self, path: Path) -> Shelved | None:
        try:
            seal = json.loads(path.with_suffix(".seal").read_bytes())
            key = PlanKey(**seal["key"])
            seconds, refused = float(seal["seconds"]), ""
        except (OSError, ValueError, KeyError, TypeError):
            return None
        try:
            self._checked(path, key)
        except BadPlan as error:
            refused = error.why
        return Shelved(key, path, path.lstat().st_size, seconds, refused)

    def _checked(self, path: Path, key: PlanKey) -> bytes:
        """Return a plan's bytes; BadPlan unless they are those that were sealed here under this key."""
        try:
            plan = _read_private(path)
            seal = json.loads(_read_private(path.with_suffix(".seal")))
            sealed, of, seconds = str(seal["hmac"]), seal["key"], float(seal["seconds"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _bad(path, str(error)) from error
        if of != asdict(key):
            raise _bad(path, "its seal is of another plan")
        if not hmac.compare_digest(sealed.encode(), self._sign(key, plan, seconds).encode()):
            raise _bad(path, "it was changed, cut short, or not made on this machine")
        return plan

    def _sign(self, key: PlanKey, plan: bytes, seconds: float) -> str:
        signer = hmac.new(self._signer(), digestmod="sha256")
        for part in (self.machine().encode(), key.text.encode(), f"{seconds:.3f}".encode(), plan):
            signer.update(len(part).to_bytes(8, "big"))
            signer.update(part)
        return signer.hexdigest()

    def _signer(self) -> bytes:
        """Return what signs, made anew if it is not there or not private: then all that it signed is refused.

        Two processes that make it at once agree on the one that came last; the other's plan is built again.
        """
        path = self.folder / _SIGNER
        with suppress(OSError):
            signer = _read_private(path)
            if len(signer) == _SIGNER_BYTES:
                return signer
        self._write(path, secrets.token_bytes(_SIGNER_BYTES))
        return _read_private(path)

    def _write(self, path: Path, data: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        with open(part, "wb", opener=lambda it, flags: os.open(it, flags | os.O_EXCL, _PRIVATE)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def _make_room(self, kept: Path) -> None:
        used = 0
        for path in sorted(self._by_use(), key=lambda it: it != kept):
            used += path.lstat().st_size if path.exists() else 0
            if used > self.most_bytes and path != kept:
                self._remove(path)

    def _by_use(self) -> list[Path]:
        used: list[tuple[int, Path]] = []
        for path in self.folder.glob("*.plan"):
            with suppress(FileNotFoundError):  # another process makes room too
                used.append((path.lstat().st_mtime_ns, path))
        return [path for _, path in sorted(used, reverse=True)]

    @staticmethod
    def _remove(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.with_suffix(".seal").unlink(missing_ok=True)


def _read_private(path: Path) -> bytes:
    """Return the bytes of a regular file of ours that nobody else may touch; OSError for any other."""
    with open(path, "rb", opener=lambda it, flags: os.open(it, flags | os.O_NOFOLLOW)) as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode) or seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077:
            raise PermissionError(f"others than this user may have written {path.name}")
        return file.read()


def _bad(path: Path, why: str) -> BadPlan:
    return BadPlan(
        f"the plan {path.name} is refused",
        why=why,
        fix="it is built anew; if that repeats, see who writes there",
    )
