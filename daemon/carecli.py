"""The command line of whoever looks after the service: `nearset doctor`, `nearset logs`, `nearset notify`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from daemon import config as configuration

EXIT_NOTHING, EXIT_ILL, EXIT_NOT_TOLD = 2, 3, 4

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_CONFIG = Path("config.yaml")


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="A configuration.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Examine machine and configuration: ok, warn or error, each with its cure; 3 where anything is an error.

    An error is what cannot work as it was asked for, such as the engine that the configuration names. Run it as the
    service's own user. It leaves nothing behind.
    """
    from daemon.clock import SystemClock
    from daemon.display import show_findings
    from daemon.doctor import examined
    from daemon.doctor.finding import Level
    from daemon.production import Moment

    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    settings = configuration.load(path) if path else None
    findings = list(examined(settings, Moment.of(SystemClock())))
    if as_json:
        print(json.dumps([finding.told() for finding in findings], indent=1))
    else:
        show_findings(findings)
    if any(finding.level is Level.ERROR for finding in findings):
        sys.exit(EXIT_ILL)


def logs(
    pattern: Annotated[str, typer.Argument(help="A clip, one of a roll as `A002/C003`, or a roll; wildcards may be.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show all that was told of clips or of a roll, oldest first, and where they stand; 2 where none is known."""
    from daemon.display import show_logs
    from daemon.logbook import Wanted, read
    from daemon.reading import reading

    settings = configuration.load(config)
    with reading(settings) as store:
        rolls = {card.id: card.roll for card in store.cards()}
        known = [(rolls[clip.card], clip) for clip in store.clips()]
    wanted = Wanted.of(pattern, ((roll, clip.name) for roll, clip in known))
    lines = [line for line in read(settings.logbook) if wanted.has(line)]
    found = [(roll, clip) for roll, clip in known if (roll, clip.name) in wanted.clips]
    if as_json:
        clips = [
            {"roll": roll, "clip": clip.name, "state": clip.state, "trouble": asdict(clip.trouble)}
            for roll, clip in found
        ]
        print(json.dumps({"clips": clips, "lines": lines}, indent=1))
    else:
        show_logs(found, lines)
    if not found:
        print(f"no clip or roll here is called {pattern}: `nearset status` lists them", file=sys.stderr)
        sys.exit(EXIT_NOTHING)


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send a trial to every URL of notify.urls.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show who is notified, of what; with --test each is sent a trial, and 4 says that one did not take it."""
    from daemon.clock import SystemClock
    from daemon.destinations import label, urls_of
    from daemon.display import show_rows
    from daemon.messenger import tried
    from daemon.production import Moment

    settings = configuration.load(config)
    if test:
        ways = tried(settings, lambda: Moment.of(SystemClock()))
    else:
        ways = [(label(url), None) for url in urls_of(settings.notify.urls, settings.egress)]
    rows = [(to, test and trouble is None, f"{trouble.what}: {trouble.why}" if trouble else "") for to, trouble in ways]
    if as_json:
        told = [{"to": to, "taken": taken if test else None, "why": why} for to, taken, why in rows]
        print(json.dumps({"events": settings.notify.events, "ways": told}, indent=1))
    else:
        words = {True: "took the trial", False: "did not take it" if test else ""}
        show_rows(("to", "trial", "why"), [[to, words[taken], why] for to, taken, why in rows])
        print(f"events: {', '.join(settings.notify.events)}")
    if test and not all(taken for _, taken, _ in rows):
        sys.exit(EXIT_NOT_TOLD)
