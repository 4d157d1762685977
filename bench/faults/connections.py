"""Connections: the service delivers in an empty network namespace of its own, and every try is written down.

strace follows the service and all its children: nobody may even try to connect or send to an address of a network. That
an empty namespace refuses would hide a try; the list of calls does not.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.faults.case import NEARSET, Case, shoot
from bench.faults.shim import without
from bench.faults.trial import Trial

_CALLS = "trace=connect,sendto,sendmsg,sendmmsg"
_TRY = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(.*AF_INET6?\b.*")
_LOUD = "import socket; socket.socket().connect_ex(('192.0.2.1', 9))"


def run(trial: Trial) -> None:
    """Deliver as often as asked, then let a process try once to reach an address, which must be seen."""
    for tool in ("strace", "unshare"):
        if not shutil.which(tool):
            trial.refused = f"{tool} is not here"
            return
    loud = trial.folder / "loud"
    code = _followed([sys.executable, "-c", _LOUD], loud)
    if code or not loud.exists():
        trial.refused = "this user may make no network namespace, or follow no process"
        return
    card = shoot(trial.folder)
    for number in range(trial.wanted):
        with trial.place() as folder:
            case = Case(folder).shoot(card)
            code = _followed([str(NEARSET), "once", "--config", str(folder / "config.yaml")], folder / "calls")
            tries = _tries(folder / "calls")
            found = case.faults_at_the_end() + ([] if code == 0 else [f"exit code {code}"])
            trial.judge("deliveries without a network", f"run {number}", found + [f"tried {call}" for call in tries])
    trial.control("a process that tries to connect", len(_tries(loud)), 1)


def _followed(command: list[str], told: Path) -> int:
    """Run a command in an empty network namespace, its calls written to a file, and return its exit code."""
    follow = ["unshare", "--net", "strace", "-f", "-qq", "-e", _CALLS, "-o", str(told)]
    return subprocess.run([*follow, *command], env=without(), capture_output=True, check=False).returncode


def _tries(told: Path) -> list[str]:
    lines = told.read_text(encoding="utf-8", errors="replace").splitlines()
    return [found[0] for line in lines if (found := _TRY.search(line))]
