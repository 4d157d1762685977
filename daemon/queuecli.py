"""The command line of the queue: `nearset queue`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from daemon import config as configuration
from daemon.requests import Request, Wish, ask

app = typer.Typer(help="What comes next, and why; what is asked first or last; what is paused.")

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Pattern = Annotated[str, typer.Argument(help="Clip names, with wildcards; with a roll as `B002/*`.")]
Stages = Annotated[list[str], typer.Argument(help="Stages of the line, such as render.")]
DEFAULT_CONFIG = Path("config.yaml")
_OF_CLIPS = frozenset({Wish.FIRST, Wish.LAST, Wish.USUAL})


@app.callback(invoke_without_command=True)
def show(context: typer.Context, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the jobs in the order in which they will run, each with why it stands there."""
    if context.invoked_subcommand:
        return
    from daemon.display import show_queue
    from daemon.queue import places
    from daemon.reading import reading
    from daemon.statusfile import read_status

    settings = configuration.load(config)
    with reading(settings) as store:
        queue, paused = store.queue(), store.pauses()
    found = places(queue, read_status(settings.production_state).roots_away)
    if as_json:
        print(json.dumps({"paused": paused, "queue": [asdict(place) for place in found]}, indent=1))
    else:
        show_queue(found, paused)


@app.command()
def first(pattern: Pattern, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Put clips before all others, in every stage; what was asked for last comes first."""
    _ask(config, Wish.FIRST, pattern)


@app.command()
def last(pattern: Pattern, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Put clips behind all others, in every stage."""
    _ask(config, Wish.LAST, pattern)


@app.command()
def usual(pattern: Pattern, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Take back what was asked for clips: their jobs run in the usual order."""
    _ask(config, Wish.USUAL, pattern)


@app.command()
def pause(stages: Stages, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Start no more work of stages, until they are resumed, over restarts too; what is under way ends."""
    from daemon.queue import must_be_stage

    for stage in stages:
        must_be_stage(stage)
    _ask(config, Wish.PAUSE, *stages)


@app.command()
def resume(
    stages: Annotated[list[str] | None, typer.Argument(help="Stages of the line; all without.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Let paused stages go on."""
    from daemon.pipeline import pausable
    from daemon.queue import must_be_stage

    for stage in stages or ():
        must_be_stage(stage)
    _ask(config, Wish.RESUME, *(stages or pausable()))


def _ask(config: Path, wish: Wish, *subjects: str) -> None:
    from daemon.reading import unmatched

    settings = configuration.load(config)
    for subject in subjects:
        ask(settings.production_state, Request(wish, subject))
    nobody = "".join(unmatched(settings, subject) for subject in subjects) if wish in _OF_CLIPS else ""
    print(f"asked: {wish} {' '.join(subjects)}; the service takes it up at its next turn{nobody}", file=sys.stderr)
