"""What the configuration says of what is told: the log, notifications, metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from daemon.destinations import Event
from daemon.places import folder_at
from daemon.section import Folder, Section


class LogSection(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    keep_mib: int = Field(64, ge=0, le=1 << 20, description="Room for the log that `nearset logs` reads; 0: none kept.")


def _notice_url(word: object, info: ValidationInfo) -> object:
    """Return a URL, or what says where it is; a relative path starts from the folder that the context names."""
    kind, _, path = word.partition(":") if isinstance(word, str) else ("", "", "")
    return f"file:{folder_at(path, info.context or Path())}" if kind == "file" else word


Word = Annotated[Event, Field(strict=False)]
NoticeUrl = Annotated[str, BeforeValidator(_notice_url, json_schema_input_type=str)]


class NotifySection(Section):
    """Who is told what, off the machine."""

    urls: list[NoticeUrl] = Field([], description="Apprise URLs; env:NAME, file:PATH name where one with secrets is.")
    events: list[Annotated[Event, Field(strict=False)]] = Field(
        list(Event), description="What is told; all by default."
    )


class MetricsSection(Section):
    """Figures for Prometheus."""

    textfile: Folder | None = Field(None, description="A .prom file in the folder that node_exporter reads.")

    @field_validator("textfile")
    @classmethod
    def _is_read(cls, path: Path | None) -> Path | None:
        if path and path.suffix != ".prom":
            raise ValueError("a name that ends in .prom is needed: node_exporter reads no other")
        return path
