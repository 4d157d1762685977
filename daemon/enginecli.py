"""The command line of the engines: `nearset engine`, and `nearset doctor`."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon import config as configuration
from daemon.config import Config
from daemon.engine import choice_of, plan_store
from daemon.errors import ConfigError

EXIT_MISSING = 3
app = typer.Typer(no_args_is_help=True, help="The engines that run the networks, and the plans they keep.")

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Sizes = Annotated[list[str], typer.Option("--size", help="Raster of the proxies, such as 960x544; may be repeated.")]
DEFAULT_CONFIG = Path("config.yaml")
DEFAULT_SIZES = ["960x544"]


@app.command("list")
def list_(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the plans that this machine keeps for the production, and why any would be refused."""
    store = plan_store(choice_of(configuration.load(config)))
    rows = [
        {**asdict(plan.key), "path": str(plan.path), "bytes": plan.size_bytes, "refused": plan.refused}
        for plan in store.listed()
    ]
    _show(rows, as_json, ("what", "network", "library", "sm", "height", "width", "bytes", "refused", "path"))


@app.command()
def build(
    backend: Annotated[str, typer.Option(help="tensorrt or tensorrt-rtx.")],
    config: ConfigPath = DEFAULT_CONFIG,
    sm: Annotated[list[str] | None, typer.Option("--sm", help="Target such as 89; the GPU here without.")] = None,
    size: Sizes = DEFAULT_SIZES,
    as_json: AsJson = False,
) -> None:
    """Build plans of the active weights ahead of the first clip; for an SM, no GPU is needed (tensorrt-rtx)."""
    from engines.gpu.device import Gpu, gpu
    from engines.model.packing import packed_size
    from engines.plans.library import LIBRARIES
    from engines.plans.supply import supplied

    if backend not in LIBRARIES:
        raise _wrong(f"{backend} builds no plans", f"those that do are {', '.join(LIBRARIES)}")
    LIBRARIES[backend].api()
    settings = configuration.load(config)
    store, weights = plan_store(choice_of(settings)), _weights(settings)
    rasters = [_raster(text) for text in size]
    rows = []
    targets: list[Gpu | str] = list(sm or [])
    for target in targets or [gpu()]:
        for width, height in rasters:
            made = supplied(store, LIBRARIES[backend], weights, *packed_size(height, width), target)
            rows.append(
                {
                    "size": f"{width}x{height}",
                    "sm": made.key.sm,
                    "model": weights.name,
                    "path": str(made.path),
                    "bytes": len(made.plan),
                    "seconds": round(made.seconds, 3),
                    "renewal": made.key.renewal,
                    "refused": made.refused,
                }
            )
    _show(rows, as_json, ("size", "sm", "model", "bytes", "seconds", "renewal", "path"))


@app.command()
def bench(
    config: ConfigPath = DEFAULT_CONFIG,
    size: Sizes = DEFAULT_SIZES,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Pictures to time, after two to warm up.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Time every engine that this machine has on the active weights, and say why the others are not there."""
    from engines.backends.speed import speeds

    settings = configuration.load(config)
    weights, store = _weights(settings), plan_store(choice_of(settings))
    rows = [asdict(speed) for text in size for speed in speeds(weights, store, *_raster(text), frames)]
    _show(rows, as_json, ("size", "engine", "described", "fps", "missing"))
    if not any(row["fps"] for row in rows):
        sys.exit(EXIT_MISSING)


@app.command()
def clear(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Remove every plan of the production; they are built again when they are needed."""
    count = plan_store(choice_of(configuration.load(config))).clear()
    print(f"removed {count} plan{'s' * (count != 1)}", file=sys.stderr)


def doctor(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="A configuration.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell which engines can run here and what else lacks, and how to get it; 3 if the engine asked for cannot run."""
    from daemon.doctor import examined

    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    settings = configuration.load(path) if path else None
    findings = examined(settings)
    _show([asdict(finding) for finding in findings], as_json, ("name", "state", "found", "fix"))
    if any(finding.needed and finding.state != "good" for finding in findings):
        sys.exit(EXIT_MISSING)


def _weights(settings: Config) -> Any:
    """Return the weights that are active now; those that ship where the service never ran."""
    from daemon.models import active_weights, own_weights
    from engines.model.weights import base_weights

    size = settings.enhance.restore.model
    own = active_weights(settings.models, size) if settings.models.exists() else None
    return own_weights(own, size) if own else base_weights(size)


def _raster(text: str) -> tuple[int, int]:
    """Return width and height of a raster as people write it."""
    if not (match := re.fullmatch(r"(\d{2,5})[xX](\d{2,5})", text)):
        raise _wrong(f"{text} is no raster", "width and height are needed, such as 960x544")
    return int(match[1]), int(match[2])


def _wrong(what: str, why: str) -> ConfigError:
    return ConfigError(what, why=why, fix="`nearset engine build --help`")


def _show(rows: list[dict[str, Any]], as_json: bool, columns: tuple[str, ...]) -> None:
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    from daemon.display import show_rows

    show_rows(columns, [["" if row[column] is None else str(row[column]) for column in columns] for row in rows])
