"""Finds: thousands of files arrive while no watcher runs, and one scan finds all of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from unittest import mock

from bench.faults.copies import Batch
from bench.faults.shift import shift
from bench.faults.trial import Trial
from daemon import scan
from daemon.scan import Scan

_A_ROLL = 500


def run(trial: Trial) -> None:
    """Make the files, start the service, and compare what one turn found; then again with one kept from it."""
    with trial.place() as folder:
        with shift(folder, Batch(trial.random, has_manifests=True)) as service:
            service.ticks(2)
        rolls = folder / "offload" / "20261124" / "Camera Media"
        made = {rolls / f"A{number // _A_ROLL:03d}" / f"C{number:05d}.mov" for number in range(trial.wanted)}
        for path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(path.name.encode())
        missed = _missed(trial, folder, made)
        trial.judge("files", "one scan", [f"{path.name} was not found" for path in sorted(missed)], cases=len(made))
    with trial.place() as folder:
        few = set(sorted(made)[:_A_ROLL])
        for path in few:
            there = folder / "offload" / path.relative_to(rolls.parents[1])
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(b"take")
        with mock.patch("daemon.stages.intake.scan", _but_one):
            trial.control("one file is kept from the scan", len(_missed(trial, folder, few)), 1)


def _missed(trial: Trial, folder: Path, made: set[Path]) -> set[Path]:
    """Return which files one turn of a fresh service does not know."""
    with shift(folder, Batch(trial.random, has_manifests=True)) as service:
        service.tick()
        found = {Path(file).name for clip in service.production.store.clips() for file in clip.found.files}
    return {path for path in made if path.name not in found}


def _but_one(root: Path) -> Scan:
    seen = scan.scan(root)
    return dataclasses.replace(seen, marks=dict(list(seen.marks.items())[1:]))
