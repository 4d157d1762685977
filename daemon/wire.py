"""JSON for the slate's dataclasses: between control and child, and in the database.

JSON and not pickle, since a child reads hostile media and its answer must not be able to run anything.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


@cache  # a type is hashable, whatever its metaclass looks like to mypy
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def dump(kind: type[T], value: T) -> str:
    """Return the value as JSON text."""
    return _adapter(kind).dump_json(value).decode()  # type: ignore[arg-type]


def load(kind: type[T], text: str | bytes) -> T:
    """Return the value that JSON text holds; ValueError where it does not fit the type."""
    value: T = _adapter(kind).validate_json(text)  # type: ignore[arg-type]
    return value


@lru_cache(maxsize=1 << 13)
def recall(kind: type[T], text: str) -> T:
    """Return what `load` returns, remembered: for columns that are read at every tick, of types that nobody changes."""
    return load(kind, text)
