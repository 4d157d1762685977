"""The command line of the production's model: `nearset model`, and `nearset purge`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon import config as configuration
from daemon import models
from daemon.config import Config
from daemon.errors import ConfigError
from daemon.purge import Elsewhere
from daemon.reading import reading
from daemon.requests import Request, Wish, ask

app = typer.Typer(no_args_is_help=True, help="The model that belongs to this production alone.")

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Digest = Annotated[str, typer.Argument(help="The model's digest, or how it begins.")]
DEFAULT_CONFIG = Path("config.yaml")


@app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List every model of this production, which is active, and how far above base it is."""
    from daemon.display import show_models
    from daemon.modelcard import entries

    with reading(configuration.load(config)) as store:
        rows = entries(store)
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        show_models(rows)


@app.command()
def show(
    digest: Annotated[str, typer.Argument(help="The model's digest, or how it begins; the active one without.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write the production's model card as a page instead.")] = None,
) -> None:
    """Show one model: where it stands, its verdict and its lineage; with --html write the model card."""
    from daemon.display import show_model
    from daemon.modelcard import page, told

    settings = configuration.load(config)
    with reading(settings) as store:
        if html:
            html.write_text(page(settings, store), encoding="utf-8")
            print(f"wrote {html}", file=sys.stderr)
            return
        found = models.named(store, digest) if digest else models.in_use(store, settings.enhance.restore.model)
        shown = told(settings.models, store, found)
    if as_json:
        print(json.dumps(shown, indent=1))
    else:
        show_model(shown)


@app.command()
def promote(digest: Digest, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Make a model that the gate passed once the active one again; takes effect for the next clip."""
    settings = configuration.load(config)
    with reading(settings) as store:
        found = models.named(store, digest)
    _ask(settings, Request(Wish.PROMOTE, found.digest), f"asked to make {found.digest[:12]} active")


@app.command()
def rollback(
    size: Annotated[
        str, typer.Argument(help="A size as `model list` has it, a room too; the network in use without.")
    ] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Withdraw the active model for the one it was made from; takes effect for the next clip."""
    settings = configuration.load(config)
    size = size or settings.enhance.restore.model
    _ask(settings, Request(Wish.ROLLBACK, size), f"asked to roll back the {size} model")


@app.command()
def export(
    digest: Digest,
    folder: Path,
    config: ConfigPath = DEFAULT_CONFIG,
    onnx: Annotated[str, typer.Option(help="Write the network as ONNX, too, for pictures of WIDTHxHEIGHT.")] = "",
) -> None:
    """Copy a model's weights and lineage into a folder."""
    settings = configuration.load(config)
    with reading(settings) as store:
        found = models.named(store, digest)
    graph = models.onnx_graph(settings.models, found, onnx) if onnx else b""
    for path in models.export(settings.models, found, folder, graph):
        print(path)


def purge_command(
    code: Annotated[str, typer.Argument(help="The production's code, to be sure.")],
    config: ConfigPath = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy all that is kept of a production: models, replay, caches, database. Deliveries stay."""
    from daemon.clock import SystemClock
    from daemon.opening import locked
    from daemon.purge import purge

    settings = configuration.load(config)
    if code != settings.production.code:
        raise ConfigError(
            f"{code} is not the production of {config}",
            why=f"that is {settings.production.code}",
            fix="name the production whose state is to be destroyed, and its own configuration",
        )
    if not settings.production_state.exists():
        raise ConfigError(
            f"nothing is kept of production {code}",
            why=f"there is no {settings.production_state}",
            fix="nothing to do; a receipt beside it tells of a purge before",
        )
    if not yes and typer.prompt(f"This destroys {settings.production_state}. Type the code again") != code:
        raise typer.Abort
    with locked(settings):
        receipt = purge(settings, SystemClock().utc().isoformat(timespec="seconds"), _purged_on_nodes(settings))
    print(receipt)


def _purged_on_nodes(settings: Config) -> Elsewhere:
    """Have the nodes that ever worked for a production destroy what they hold of it."""
    from daemon.cluster import nodefile, reaching

    if not (names := reaching.holders(settings.production_state)):
        return Elsewhere()
    if settings.cluster.file is None:
        return Elsewhere({}, dict.fromkeys(names, "the configuration names no cluster any more"))
    return reaching.purged(settings, nodefile.load(settings.cluster.file), names)


def _ask(settings: Config, request: Request, said: str) -> None:
    ask(settings.production_state, request)
    print(f"{said}; the service does it within seconds, or when it next runs", file=sys.stderr)
