"""The account of a campaign: its table, for a terminal, for a program, and for docs/reliability.md."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import xxhash

from bench.faults.trial import Trial

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- figures: written by `make faults`, not by hand -->", "<!-- end of figures -->"
_HEAD = "| campaign | cases | faults | by kind and other figures | control | seed | date |"


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign's line."""

    campaign: str
    cases: str
    faults: str
    figures: str
    control: str
    seed: str
    date: str

    def markdown(self) -> str:
        """Return the row of a Markdown table."""
        return "| " + " | ".join(str(cell).replace("|", "/") for cell in asdict(self).values()) + " |"


def row(trial: Trial) -> Row:
    """Return a trial's line."""
    kinds = [f"{kind} {count}" for kind, count in sorted(trial.tally.items()) if count]
    figures = [f"{name} {value}" for name, value in trial.figures.items()]
    cases = f"{trial.done} of {trial.wanted}" if trial.done < trial.wanted else str(trial.done)
    return Row(
        trial.title,
        f"not run: {trial.refused}" if trial.refused else cases,
        str(len(trial.faults)),
        " · ".join([*figures, *kinds]),
        " · ".join(trial.controls),
        str(trial.seed),
        f"{datetime.now(UTC):%Y-%m-%d}, {trial.seconds:.0f} s",
    )


def as_json(trial: Trial) -> dict[str, Any]:
    """Return all that a trial found."""
    return {
        "cases": trial.done,
        "runs": dict(trial.tally),
        "faults": trial.faults,
        "figures": trial.figures,
        "controls": trial.controls,
        "refused": trial.refused,
    }


def show(trials: list[Trial]) -> None:
    """Print the versions, the table and every fault."""
    from rich.console import Console
    from rich.table import Table

    print("\n".join(versions()))
    table = Table(*Row.__annotations__)
    for trial in trials:
        table.add_row(*asdict(row(trial)).values())
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    for trial in trials:
        for fault in trial.faults:
            print(f"{trial.name}: {fault}")


def versions() -> list[str]:
    """Return what the figures were taken with: the machine, and the versions that they may hang on."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "libavformat": ".".join(map(str, av.library_versions["libavformat"])),
        "xxhash": str(xxhash.VERSION),
    }
    system = f"Linux {platform.release().split('-')[0]}"
    return [
        f"Machine: {os.cpu_count()} cores of {_processor()}, {gib:.0f} GiB, {system}.",
        f"{', '.join(f'{name} {version}' for name, version in libraries.items())}.",
    ]


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else platform.machine()


def write(trial: Trial) -> None:
    """Put the line of a trial into the document; those of campaigns that were not run stay as they are."""
    text = DOCUMENT.read_text(encoding="utf-8")
    head, rest = text.split(_BEGIN)
    before, tail = rest.split(_END)
    rows = {line.split("|")[1].strip(): line for line in before.splitlines() if line.startswith("| ")}
    rows.pop("campaign", None)
    rows[trial.title] = row(trial).markdown()
    table = [_HEAD, "|---" * len(Row.__annotations__) + "|", *rows.values()]
    body = "\n\n".join(["\n".join(versions()), "\n".join(table)])
    DOCUMENT.write_text(f"{head}{_BEGIN}\n\n{body}\n\n{_END}{tail}", encoding="utf-8")
