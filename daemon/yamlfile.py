"""YAML files that people write: read strictly, with a line and column for every fault, all faults at once.

YAML turns `no` into false, `0010` into 8 and `12:30:45` into 45045. Here such plain words are faults that say
what to write instead. Aliases are refused, for nothing we read needs them and bombs are made of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_TRAPS = (
    (re.compile(r"0\d+"), "a number with a leading zero"),
    (re.compile(r"\d+:[0-5]?\d(:[0-5]?\d)*"), "a number in base sixty"),
    (re.compile(r"(?i:no|yes|on|off|y|n)"), "a yes or no"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "a date"),
)


@dataclass(slots=True)
class Document:
    """A parsed file: its plain value, where each part stands, and the faults found so far."""

    name: str
    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def fault(self, path: Path, message: str) -> None:
        """Note a fault at a part, or at its nearest parent that has a place."""
        line, column = self.place(path)
        dotted = ".".join(str(step) for step in path)
        self.faults.append(f"{self.name}:{line}:{column}: {dotted + ': ' if dotted else ''}{message}")

    def place(self, path: Path) -> tuple[int, int]:
        """Return the line and column of a part, or of its nearest parent."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def parse(text: str, name: str) -> Document:
    """Return the document of a YAML text; faults of form are in it, never raised."""
    document = Document(name)
    if len(text) > MAX_BYTES:
        document.fault((), f"larger than {MAX_BYTES} bytes")
        return document
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            document.fault((), "aliases (*name) are not used here; write the value again")
            return document
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.faults.append(f"{name}:{line}:{column}: {error.problem or error.context}")
        return document
    except (yaml.YAMLError, RecursionError) as error:
        document.faults.append(f"{name}:1:1: not YAML: {str(error).splitlines()[0]}")
        return document
    document.value = _plain(root, (), document) if root is not None else {}
    return document


def fit(document: Document, model: type[M], root: Path = ()) -> M | None:
    """Return the model that a document's part holds; its faults go into the document and None is returned."""
    value = document.value
    for step in root:
        value = value[step]
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            path = (*root, *_known(document, root, fault["loc"]))
            document.fault(path, _message(fault, model))
    return None


def _known(document: Document, root: Path, loc: Iterable[str | int]) -> Path:
    """Return a pydantic location without the steps that are types and not keys."""
    path: Path = ()
    for step in loc:
        if (*root, *path, step) in document.places or not path:
            path = (*path, step)
    return path or tuple(loc)


def _message(fault: Any, model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        key = str(fault["loc"][-1])
        close = difflib.get_close_matches(key, _keys(model), 1)
        return f"unknown key{f'; did you mean {close[0]}?' if close else ''}"
    if fault["type"] == "missing":
        return "is missing"
    message: str = fault["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}, got {fault['input']!r:.60}"


def _keys(model: type[BaseModel]) -> set[str]:
    """Return every key that the model or one inside it knows."""
    keys: set[str] = set()
    for schema in [model.model_json_schema()]:
        for part in [schema, *schema.get("$defs", {}).values()]:
            keys |= part.get("properties", {}).keys()
    return keys


def _plain(node: yaml.Node, path: Path, document: Document) -> Any:
    document.places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(path) > _MAX_DEPTH:
        document.fault(path, f"nested deeper than {_MAX_DEPTH}")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, number), document) for number, child in enumerate(node.value)]
    return _scalar(node, path, document)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        here = (*path, str(key))
        document.places[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if key is None:
            document.fault(here, "a key must be a word")
        elif key in mapping:
            document.fault(here, "the key stands here twice")
        else:
            mapping[key] = _plain(value_node, here, document)
    return mapping


def _scalar(node: yaml.Node, path: Path, document: Document) -> Any:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    for pattern, meaning in _TRAPS:
        if pattern.fullmatch(text):
            document.fault(path, f'YAML reads {text} as {meaning}; write "{text}" in quotes, or true or false')
            return text
    return next((read(text) for pattern, read in _PLAIN if pattern.fullmatch(text)), text)


_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(r"[+-]?\d+"), int),
    (re.compile(r"[+-]?(\d+\.\d*|\.\d+)"), float),
)
"""What a plain word means; everything else is text."""
