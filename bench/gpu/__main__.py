"""All that a GPU can show, in one go, as tables for docs/performance.md.

    python -m bench.gpu [--seconds N] [--rows FILE] [--part NAME ...] [--backend NAME ...] [--quick]
    python -m bench.gpu --tables FILE ...

Steps go by their worth (`steps.py`), each in a process of its own with a time limit of its own: what crashes or hangs
costs its step alone, and torch shares no process with the others. Each row is printed, and added to FILE, as soon as it
is measured; in the end come the tables, empty where nothing was measured, and why. `--seconds` is for all of it: a step
for which no time is left is not begun, and `--part` runs it another time. `--tables` needs no GPU and makes one set of
tables of several runs' rows. Without a GPU it says what is missing and exits with 3: nothing is guessed. Else 1 where a
step failed. Batches above one are not measured, for the network's graph has none.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bench.gpu.parts import PARTS
from bench.gpu.steps import BACKENDS, Step, lacking, run, steps
from bench.gpu.tables import read, tables
from engines.errors import EngineError
from engines.gpu.device import Gpu, gpu

EXIT_NO_GPU = 3
_LEAST_SECONDS = 10
"""A step is not begun with less."""


class Rows:
    """All rows so far, each printed and kept in a file as it comes; what a step's process says is a row, too."""

    def __init__(self, path: Path | None) -> None:
        self.all: list[dict[str, Any]] = []
        self._path = path

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row."""
        self.all.append(row)
        print(json.dumps(row), flush=True)
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def said(self, step: str, line: str) -> None:
        """Keep a line of a step's process: its own row, or words."""
        try:
            row = json.loads(line)
        except ValueError:
            row = line
        if line.strip():
            self.add({"step": step} | (row if isinstance(row, dict) else {"said": line}))

    def ceiling(self, name: str) -> float | None:
        """Return the most that the GPU was seen to do of something, None where it was not measured."""
        return max((row[name] for row in self.all if name in row), default=None)


def main() -> int:
    """Measure and print; each step that fails says why and lets the others go on."""
    arguments = _arguments()
    if arguments.tables:
        print(tables(read(arguments.tables)))
        return 0
    if arguments.inside:
        PARTS[arguments.inside](arguments)
        return 0
    missing = lacking()
    try:
        found = gpu()
    except EngineError as error:
        print(f"nothing measured: {error.what}: {error.why}\n  fix: {error.fix}", file=sys.stderr)
        print("\n".join(f"  also missing: {what} (for {parts})" for what, parts in missing.items()), file=sys.stderr)
        return EXIT_NO_GPU
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    rows = Rows(arguments.rows)
    rows.add({"step": "device", **_facts(found)})
    try:
        _measure(arguments, rows, frozenset(missing))
    finally:
        print("\n" + tables(rows.all), flush=True)
    return int(any("failed" in row for row in rows.all))


def _measure(arguments: argparse.Namespace, rows: Rows, missing: frozenset[str]) -> None:
    ends = time.monotonic() + arguments.seconds
    for step in steps(arguments.part, arguments.backend):
        left = ends - time.monotonic()
        if lacks := [what for what in step.needs if what in missing]:
            rows.add({"step": step.name, "not_run": f"{', '.join(lacks)} not here"})
        elif left < _LEAST_SECONDS:
            rows.add({"step": step.name, "not_run": "no time was left"})
        else:
            began = time.monotonic()
            words = [sys.executable, "-m", "bench.gpu", *_words(step, arguments, rows)]
            why = run(words, min(step.seconds, left), lambda line, step=step: rows.said(step.name, line))
            rows.add(
                {"step": step.name, "took_s": round(time.monotonic() - began, 1)} | ({"failed": why} if why else {})
            )


def _words(step: Step, arguments: argparse.Namespace, rows: Rows) -> list[str]:
    words = ["--inside", step.part, *(["--backend", step.backend] if step.backend else [])]
    for name in ("copy_bytes_s", "matrix_flops"):
        if (most := rows.ceiling(name)) is not None:
            words += [f"--{name}", str(most)]
    return [*words, *(["--quick"] if arguments.quick else [])]


def _facts(found: Gpu) -> dict[str, Any]:
    return {"gpu": found.name, "sm": found.sm, "driver": found.driver, "memory_gib": found.memory_bytes >> 30}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float("inf"), help="For all of it; without end if not given.")
    parser.add_argument("--rows", type=Path, help="Add each row to this file as it is measured.")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="These alone, in the order of all.")
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="These engines alone.")
    parser.add_argument("--quick", action="store_true", help="One network at one raster.")
    parser.add_argument("--tables", type=Path, nargs="+", help="Print the tables of rows that were kept, and no more.")
    parser.add_argument("--inside", choices=list(PARTS), help=argparse.SUPPRESS)
    for name in ("copy_bytes_s", "matrix_flops"):
        parser.add_argument(f"--{name}", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
