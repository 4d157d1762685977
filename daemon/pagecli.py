"""The command line of the status page: `nearset page`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]


def page(config: ConfigPath = Path("config.yaml")) -> None:
    """Serve the status page by itself, until told to stop; `nearset run --no-page` leaves that to it."""
    from daemon.web.serving import serve

    serve(config)
