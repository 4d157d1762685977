"""The command line: `nearset`. Data goes to stdout, logs and progress to stderr.

Exit codes: 0 all that can be is delivered · 2 wrong usage or configuration · 3 something is held and needs a
person · 4 something failed · 5 an offload root or a target is away.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from daemon import config as configuration
from daemon import enginecli, modelcli, queuecli
from daemon.clock import Clock, SystemClock
from daemon.errors import ConfigError, NearsetError
from daemon.log import configure
from daemon.production import Moment

EXIT_HELD, EXIT_FAILED, EXIT_AWAY = 3, 4, 5
_WAIT_SECONDS = 0.25

app = typer.Typer(no_args_is_help=True, add_completion=True, help="Proxies, plain and enhanced, from a card offload.")
config_app = typer.Typer(no_args_is_help=True, help="The configuration.")
recipe_app = typer.Typer(no_args_is_help=True, help="The recipe.")
app.add_typer(config_app, name="config")
app.add_typer(recipe_app, name="recipe")
app.add_typer(modelcli.app, name="model")
app.add_typer(enginecli.app, name="engine")
app.add_typer(queuecli.app, name="queue")
app.command("purge")(modelcli.purge_command)
app.command("doctor")(enginecli.doctor)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_CONFIG = Path("config.yaml")


def main() -> None:
    """Run the command line; an error a person can act on is told in its three parts."""
    try:
        app()
    except NearsetError as error:
        print(f"nearset: {error.what}\n  why: {error.why}\n  fix: {error.fix}  [{error.code}]", file=sys.stderr)
        sys.exit(2)


@app.command()
def run(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Serve the production until told to stop."""
    _serve(config, once=False)


@app.command()
def once(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Do all that is there, then stop; the exit code tells whether all of it is delivered."""
    sys.exit(_serve(config, once=True, as_json=as_json))


@app.command()
def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show cards, clips, what is under way and why the rest waits."""
    from daemon.display import show_status
    from daemon.statusfile import read_status

    settings = configuration.load(config)
    snapshot = read_status(settings.production_state)
    if as_json:
        print(json.dumps(asdict(snapshot), indent=1))
    else:
        show_status(snapshot)


@app.command()
def plan(path: Path, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show what would be made of an offload: clips, rasters, sizes, time. Nothing is written."""
    from daemon.planning import plan_offload

    settings = configuration.load(config)
    rows = plan_offload(settings, path)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    from daemon.display import show_plan

    show_plan(rows)


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
    from daemon.requests import Request, Wish, ask

    ask(configuration.load(config).production_state, Request(Wish.RETRY, pattern))
    print(f"asked to try again: {pattern}", file=sys.stderr)


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
    print(f"wrote {path}; set the four values marked «set this», then `nearset config check`", file=sys.stderr)


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


def _serve(path: Path, *, once: bool, as_json: bool = False) -> int:
    from daemon.display import Progress
    from daemon.egress import kept_to
    from daemon.engine import TORCH_STAGES, memory_of, must_be_alone
    from daemon.executor import LocalExecutor
    from daemon.service import Service, opened
    from daemon.stages.deliver import LANE as DELIVER
    from daemon.statusfile import write_status
    from daemon.watch import Hints
    from daemon.worker import Limits

    settings = configuration.load(path)
    workers = settings.workers
    clock = SystemClock()
    lanes = {"custody": workers.custody, "render": workers.render} | ({DELIVER: 1} if settings.delivery.targets else {})
    executor = LocalExecutor(
        lanes,
        Limits(memory_of(settings)),
        workers.hung_seconds,
        workers.task_hours * 3600,
        TORCH_STAGES if must_be_alone(settings) else frozenset(),
        {DELIVER: tuple(settings.egress)},
    )
    with kept_to(()), Progress() as progress, _logged(settings), opened(settings) as production, _stop_asked() as stop:
        executor.open()
        hints = Hints(settings.offload.roots)
        try:
            service = Service(production, executor)
            service.start(moment(clock))
            while not stop.is_set():
                service.hint(hints.take())
                service.tick(moment(clock), _WAIT_SECONDS)
                seen = service.snapshot(moment(clock))
                write_status(settings.production_state, seen)
                progress.show(seen)
                if once and service.is_idle():
                    break
            outcome = _exit_code(service.snapshot(moment(clock)))
        finally:
            hints.close()
            executor.close()
    if as_json:
        print(json.dumps(asdict(seen), indent=1))
    return outcome


def moment(clock: Clock) -> Moment:
    """Return now by a clock."""
    return Moment(clock.monotonic(), clock.utc())


def _exit_code(seen: object) -> int:
    from daemon.status import Snapshot

    assert isinstance(seen, Snapshot)
    states = {clip.state for card in seen.cards for clip in card.clips}
    unwritten = [card for card in seen.cards if not card.complete and any(clip.plain for clip in card.clips)]
    if seen.roots_away or seen.targets_away:
        return EXIT_AWAY
    if "failed" in states or any(card.why for card in seen.cards):
        return EXIT_FAILED
    if seen.paused and (seen.queued or unwritten):
        return EXIT_HELD
    return 0 if states <= {"delivered", "undecodable", "duplicate", "filed"} else EXIT_HELD


@contextmanager
def _logged(settings: configuration.Config) -> Iterator[None]:
    """Set up logging once the progress is shown, so that its lines go above that and not into it."""
    configure(settings.log.level, settings.log.format)
    yield


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Give a flag that SIGTERM and SIGINT set; the loop ends at its next turn."""
    flag = threading.Event()
    before = {number: signal.signal(number, lambda *_: flag.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
