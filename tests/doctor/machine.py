"""A machine that is looked at: its configuration, the moment, and what was found in short."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from daemon import config as configuration
from daemon.config import Config
from daemon.doctor.finding import Finding
from daemon.production import Moment

NOW = Moment(0.0, datetime(2026, 3, 2, 18, tzinfo=UTC))


def configured(folder: Path, more: str = "", offload: str = "[cards]", delivery: str = "") -> Config:
    (folder / "config.yaml").write_text(
        f"production: {{code: SHOW}}\noffload: {{roots: {offload}}}\n"
        f"delivery: {{root: delivery{delivery}}}\nstate: {{root: state}}\n{more}"
    )
    return configuration.load(folder / "config.yaml")


def levels(findings: Iterable[Finding]) -> dict[str, str]:
    """How grave each finding is, by its name; each that is not good says what to do."""
    found = list(findings)
    assert all(finding.fix for finding in found if finding.level != "ok")
    return {finding.name: str(finding.level) for finding in found}
