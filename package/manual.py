"""Writes what the package needs and the program already says: manual pages and completions.

python -m package.manual FOLDER

The pages come from the command line's own words and from the commented configuration, so neither is told twice.
click-man, which would do it, knows click's classes alone, and typer brings its own copy of them: it leaves options out.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer
from typer._completion_shared import get_completion_script

from daemon.cli import app
from daemon.example import example

_COMPLETIONS = {"bash": "nearset.bash", "zsh": "_nearset", "fish": "nearset.fish"}
_EXIT = """\
0 all that can be is delivered; 2 wrong usage or configuration; 3 something is held and needs a person; 4 something
failed; 5 an offload root or a delivery target is away.
"""
_FILES = {
    "/etc/nearset/<production>.yaml": "a production's configuration, nearset.yaml(5)",
    "/var/lib/nearset/<code>": "what the service knows of it",
    "/opt/nearset/current": "the environment that runs, nearset-setup(8)",
}
_SETUP = """\
Makes the Python environment that nearset's units run, in /opt/nearset/<version>, and has them use it from their next
start. The package itself holds no Python, so that one package serves a cart with a GPU or without, online or not. The
environment before stays, and --use goes back to it.

Without internet, carry a wheelhouse: on a machine with internet and the same Python, `make wheelhouse` in nearset's
sources fills a folder with every wheel; copy it over and name it with --wheelhouse.
"""


def main() -> None:
    """Write everything into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"nearset.1": _program(), "nearset.yaml.5": _configuration(), "nearset-setup.8": _setup()}
    for name, lines in pages.items():
        text = "\n".join(lines) + "\n"
        (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    for shell, name in _COMPLETIONS.items():
        script = get_completion_script(prog_name="nearset", complete_var="_NEARSET_COMPLETE", shell=shell)
        (folder / name).write_text(script + "\n", encoding="utf-8")


def _program() -> Iterator[str]:
    """Yield the page of the program: every command with its options, groups before their own."""
    yield from _head("nearset", 1, str(app.info.help))
    yield from (".SH SYNOPSIS", ".B nearset", "COMMAND [OPTIONS] [ARGUMENTS]", ".SH COMMANDS")
    for name, command in _commands(typer.main.get_command(app), "nearset"):
        context = command.make_context(name, [], resilient_parsing=True)
        yield from (".SS " + _quoted(" ".join([name, *command.collect_usage_pieces(context)])), _quoted(command.help))
        for record in (option.get_help_record(context) for option in command.get_params(context)):
            if record and record[0] != "--help":
                yield from (".TP", f".B {_quoted(record[0])}", _quoted(record[1]) or "\\&")
    yield from (".SH EXIT STATUS", _quoted(_EXIT), ".SH FILES")
    for path, what in _FILES.items():
        yield from (".TP", f".I {_quoted(path)}", _quoted(what))
    yield from (".SH SEE ALSO", "nearset.yaml(5), nearset-setup(8), /usr/share/doc/nearset/deploy.md")


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its whole name."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _configuration() -> Iterator[str]:
    yield from _head("nearset.yaml", 5, "the configuration of a production")
    yield from (
        ".SH DESCRIPTION",
        "What `nearset init` writes; `nearset config check` tells every fault with its line.",
    )
    yield from (".nf", *map(_quoted, example().splitlines()), ".fi", ".SH SEE ALSO", "nearset(1)")


def _setup() -> Iterator[str]:
    script = (Path(__file__).parent / "nearset-setup").read_text(encoding="utf-8")
    usage = re.search(r"cat <<EOF\n(.*?)EOF", script, re.DOTALL)
    assert usage
    yield from _head("nearset-setup", 8, "make the environment that nearset runs in")
    yield from (
        ".SH SYNOPSIS",
        ".nf",
        *map(_quoted, usage[1].replace("$version", version("nearset")).splitlines()),
        ".fi",
    )
    yield ".SH DESCRIPTION"
    for paragraph in _SETUP.split("\n\n"):
        yield from (".PP", _quoted(paragraph))
    yield from (".SH SEE ALSO", "nearset(1)")


def _head(name: str, section: int, what: str) -> tuple[str, ...]:
    title = f'.TH "{name.upper()}" "{section}" "" "nearset {version("nearset")}"'
    return title, ".SH NAME", f"{_quoted(name)} \\- {_quoted(what)}"


def _quoted(text: str | None) -> str:
    """Return text as roff takes it: on one line, nothing in it a request or an escape."""
    line = " ".join((text or "").split()) if text and not text.startswith(" ") else (text or "")
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    main()
