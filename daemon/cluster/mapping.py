"""Paths of the head, as they are on a node: one volume may be mounted elsewhere there.

A task and its answer are JSON, and a path in them is a text that begins with a folder that is known here. So no stage
needs to know that its work is done elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders of the head and where they are here, in pairs; the longest that fits counts."""

    pairs: tuple[tuple[str, str], ...]

    def here(self, text: str) -> str:
        """Return JSON with the head's paths as they are here."""
        return json.dumps(_mapped(json.loads(text), _longest(self.pairs)))

    def there(self, text: str) -> str:
        """Return JSON with the paths of here as they are on the head."""
        return json.dumps(_mapped(json.loads(text), _longest((ours, theirs) for theirs, ours in self.pairs)))

    def path(self, path: str) -> str:
        """Return one path of the head as it is here."""
        return _moved(path, _longest(self.pairs))


def _longest(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)


def _mapped(value: Any, pairs: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        return _moved(value, pairs)
    if isinstance(value, list):
        return [_mapped(part, pairs) for part in value]
    if isinstance(value, dict):
        return {key: _mapped(part, pairs) for key, part in value.items()}
    return value


def _moved(text: str, pairs: list[tuple[str, str]]) -> str:
    for old, new in pairs:
        if text == old:
            return new
        if text.startswith(f"{old.rstrip('/')}/"):
            return f"{new.rstrip('/')}{text[len(old.rstrip('/')) :]}"
    return text
