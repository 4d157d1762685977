"""The command line: `nearset`. Data goes to stdout, logs and progress to stderr.

Exit codes: 0 all that can be is delivered · 2 wrong usage or configuration · 3 something is held and needs a
person · 4 something failed · 5 an offload root or a target is away.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon import carecli, clustercli, enginecli, modelcli, pagecli, queuecli
from daemon import config as configuration
from daemon.clock import SystemClock
from daemon.errors import ConfigError, NearsetError, StateAway, refused_by_system
from daemon.log import configure, printable

if TYPE_CHECKING:
    from daemon.status import Snapshot

EXIT_HELD, EXIT_FAILED, EXIT_AWAY = 3, 4, 5
_TURN_SECONDS = 1.0

app = typer.Typer(no_args_is_help=True, add_completion=True, help="Proxies, plain and enhanced, from a card offload.")
config_app = typer.Typer(no_args_is_help=True, help="The configuration.")
recipe_app = typer.Typer(no_args_is_help=True, help="The recipe.")
app.add_typer(config_app, name="config")
app.add_typer(recipe_app, name="recipe")
app.add_typer(modelcli.app, name="model")
app.add_typer(enginecli.app, name="engine")
app.add_typer(queuecli.app, name="queue")
app.add_typer(clustercli.app, name="cluster")
app.command("purge")(modelcli.purge_command)
app.command("doctor")(carecli.doctor)
app.command("logs")(carecli.logs)
app.command("notify")(carecli.notify)
app.command("page")(pagecli.page)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WorkersPath = Annotated[Path | None, typer.Option("--workers", envvar="NEARSET_WORKERS", help="The workers' socket.")]
DEFAULT_CONFIG = Path("config.yaml")


def main() -> None:
    """Run the command line; an error a person can act on is told in its three parts."""
    configure("warning")  # to stderr, whatever is told before a configuration says more
    try:
        app()
    except (NearsetError, OSError, sqlite3.Error) as error:
        told = error if isinstance(error, NearsetError) else _refused(error)
        text = f"nearset: {told.what}\n  why: {told.why}\n  fix: {told.fix}  [{told.code}]"
        print("\n".join(map(printable, text.split("\n"))), file=sys.stderr)
        sys.exit(2)


def _refused(error: OSError | sqlite3.Error) -> NearsetError:
    """Return what to tell of what the system refused to a command: a folder, a file, the production's database."""
    if isinstance(error, sqlite3.Error):
        return StateAway(
            "the production's database cannot be read",
            why=str(error),
            fix="start nearset, which takes up what a crash left; if that file is damaged, restore the backup",
        )
    return refused_by_system(error)


@app.command()
def run(
    config: ConfigPath = DEFAULT_CONFIG,
    workers: WorkersPath = None,
    page: Annotated[bool, typer.Option(help="Serve the status page, too.")] = True,
) -> None:
    """Serve the production until told to stop; with --workers, media is opened by `nearset worker` alone."""
    _serve(config, once=False, workers=workers, page=page)


@app.command()
def worker(workers: WorkersPath, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Have the children that open media, for a `nearset run` that is told of the same socket."""
    from daemon.crew import Crew
    from daemon.lanes import DELIVER, limits_of
    from daemon.notify import Notifier
    from daemon.running import stop_asked

    assert workers
    settings = configuration.load(config)
    configure(settings.log.level, settings.log.format)
    notifier = Notifier.from_environment(os.environ)
    limits = {lane: each for lane, each in limits_of(settings).items() if lane != DELIVER}
    with stop_asked() as stop:
        crew = Crew(workers, limits)
        notifier.ready()
        while not stop.asked:
            crew.turn(_TURN_SECONDS)
            notifier.status(f"{crew.count} children")
            notifier.alive(SystemClock().monotonic())
        notifier.stopping()
        crew.close()


@app.command()
def once(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Do all that is there, then stop; the exit code tells whether all of it is delivered."""
    sys.exit(_serve(config, once=True, as_json=as_json))


@app.command()
def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show cards, clips, what is under way and why the rest waits."""
    from daemon.display import show_status
    from daemon.statusfile import read_status, silent_seconds

    settings = configuration.load(config)
    snapshot = read_status(settings.production_state)
    if as_json:
        print(json.dumps(asdict(snapshot), indent=1))
    else:
        show_status(snapshot, runs=not silent_seconds(snapshot.at, SystemClock().utc()))


@app.command()
def plan(path: Path, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show what would be made of an offload, how long that takes here and whether it fits. Nothing is written."""
    from daemon.pace import Pace
    from daemon.planning import forecast, plan_offload

    settings = configuration.load(config)
    pace = Pace.kept(settings.production_state)
    rows = plan_offload(settings, path, pace)
    total = forecast(settings, rows, pace)
    if as_json:
        print(json.dumps({"clips": [asdict(row) for row in rows], "total": asdict(total)}, indent=1))
        return
    from daemon.display import show_plan

    if not rows:
        print(f"nothing beneath {path} is a clip of a card that is known here; nothing would be made")
        return
    show_plan(rows, total.lines())


@app.command()
def presets(as_json: AsJson = False) -> None:
    """Show what delivery.presets may name: the spec sheet of every proxy."""
    from daemon.display import show_presets
    from engines.media.preset import PRESETS

    if as_json:
        print(json.dumps([asdict(preset) for preset in PRESETS.values()], indent=1))
    else:
        show_presets(PRESETS.values())


@app.command()
def verify(
    delivery: Path,
    root: Annotated[
        Path | None, typer.Option(help="The production's root certificate (PEM), as it was handed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a delivery: hashes, relink contract, custody, signatures, ASC MHL. Reads and changes nothing."""
    from daemon.inspection import inspect

    checks = inspect(delivery, root.read_bytes() if root else b"")
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        from daemon.display import show_checks

        show_checks(checks)
    sys.exit(EXIT_FAILED if any(check.faults for check in checks) else 0)


@app.command()
def retry(
    pattern: Annotated[str, typer.Argument(help="Clip names, with wildcards.")] = "*",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Try held, failed and undecodable clips again, and mattes, plates and comps that were given up.

    The service takes this up at once, or when it next runs.
    """
    from daemon.reading import unmatched
    from daemon.requests import Request, Wish, ask

    settings = configuration.load(config)
    ask(settings.production_state, Request(Wish.RETRY, pattern))
    print(f"asked to try again: {pattern}{unmatched(settings, pattern)}", file=sys.stderr)


@app.command()
def mark(root: Path) -> None:
    """Write a marker into an offload or delivery root, so that it is known again after a remount; never in a roll."""
    from daemon.volumes import write_marker

    print(write_marker(root))


@app.command()
def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_CONFIG) -> None:
    """Write a commented configuration; run again, once that is set, make the certificates that sign deliveries.

    What is there already is left as it is.
    """
    from daemon.example import example

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(example())
    except FileExistsError:
        _make_certificates(path)
        return
    print(
        f"wrote {path}; set the four values marked «set this», then `nearset config check -c {path}`", file=sys.stderr
    )


def _make_certificates(path: Path) -> None:
    from daemon.certificates import ROOT, Certificates, fingerprint

    settings = configuration.load(path)
    certificates = Certificates(settings.certificates)
    certificates.make(settings.production.code, SystemClock().utc())
    print(
        f"{path} was left as it is; deliveries of {settings.production.code} are signed under\n"
        f"{certificates.folder / ROOT}\nSHA-256 {fingerprint(certificates.root)}: give both to whoever verifies",
        file=sys.stderr,
    )


@config_app.command("check")
def config_check(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check configuration and recipe; tells every fault with its line."""
    from daemon import recipe

    settings = configuration.load(config)
    recipe.load(settings.production.recipe, settings)
    print(f"{config} is good", file=sys.stderr)


@config_app.command("schema")
def config_schema() -> None:
    """Print the configuration's JSON schema."""
    print(json.dumps(configuration.schema(), indent=1))


@config_app.command("units")
def config_units(
    config: ConfigPath = DEFAULT_CONFIG,
    folder: Annotated[Path | None, typer.Option("--write", help="Write them beneath this folder instead.")] = None,
) -> None:
    """Print the drop-ins that open a production's folders to its systemd units."""
    from daemon.cluster import nodefile
    from daemon.dropins import dropins, unresolved

    settings = configuration.load(config)
    cluster = nodefile.load(settings.cluster.file).network if settings.cluster.file else ""
    for path, text in dropins(settings, config.stem, cluster).items():
        if folder:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
            print(f"wrote {folder / path}", file=sys.stderr)
        else:
            print(f"# {path}\n{text}")
    for host in unresolved(settings):
        print(f"{host}: add its addresses as IPAddressAllow=, systemd knows no names", file=sys.stderr)


@recipe_app.command("show")
def recipe_show(
    clip: str, roll: str = "", scene: str = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Show every word for a clip, and where it was written."""
    from daemon import recipe
    from daemon.display import show_words

    settings = configuration.load(config)
    roll = roll or _roll_of(settings, clip)
    rows = recipe.load(settings.production.recipe, settings).explain(clip=clip, roll=roll, scene=scene or None)
    if as_json:
        print(json.dumps({word: {"value": value, "from": where} for word, value, where in rows}, indent=1))
    else:
        show_words(rows)


def _roll_of(settings: configuration.Config, clip: str) -> str:
    """Return the roll that the service has a clip in; empty where it knows none, or several, which is told."""
    from daemon.statusfile import read_status

    try:
        cards = read_status(settings.production_state).cards
    except ConfigError:
        return ""
    rolls = sorted({card.roll for card in cards if clip in {known.name for known in card.clips}})
    if len(rolls) > 1:
        print(f"{clip} is in {', '.join(rolls)}: name one with --roll to see its words", file=sys.stderr)
    return rolls[0] if len(rolls) == 1 else ""


def _serve(path: Path, *, once: bool, as_json: bool = False, workers: Path | None = None, page: bool = False) -> int:
    from daemon.running import GivenUp, serve

    try:
        seen = serve(configuration.load(path), once=once, workers=workers, page=path if page else None)
    except GivenUp:
        return EXIT_FAILED
    if seen is None:
        return 0
    if as_json:
        print(json.dumps(asdict(seen), indent=1))
    return _exit_code(seen)


def _exit_code(seen: Snapshot) -> int:
    states = {clip.state for card in seen.cards for clip in card.clips}
    unwritten = [card for card in seen.cards if not card.complete and any(clip.plain for clip in card.clips)]
    if seen.roots_away or seen.targets_away:
        return EXIT_AWAY
    if "failed" in states or any(card.why for card in seen.cards):
        return EXIT_FAILED
    if seen.no_room or (seen.paused and (seen.queued or unwritten)):
        return EXIT_HELD
    return 0 if states <= {"delivered", "undecodable", "duplicate", "filed"} else EXIT_HELD
