"""The commented configuration that `nearset init` writes; the same text stands in `config.example.yaml`."""

from __future__ import annotations

from importlib import resources


def example() -> str:
    """Return the text."""
    return (resources.files("daemon") / "config.example.yaml").read_text(encoding="utf-8")
