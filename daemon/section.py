"""What all parts of a file that people write have in common: unknown keys are faults, paths start from that file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from daemon.places import folder_at


class Section(BaseModel):
    """A part of a file that people write: unknown keys are faults, types are strict, values stay."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _path(value: object, info: ValidationInfo) -> Path:
    """Return a path; a relative one starts from the folder that the context names."""
    return folder_at(value, info.context or Path())


Folder = Annotated[Path, BeforeValidator(_path, json_schema_input_type=str)]
