"""YAML files that people write: read strictly, with a line and column for every fault, all faults at once.

YAML turns `no` into false, `0010` into 8 and `12:30:45` into 45045. Here such plain words are faults that say
what to write instead. Aliases and tags are refused, for nothing we read needs them and bombs are made of them;
so is deep nesting, before it costs time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path as File
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_DIGITS = 18
_TRAPS = (
    (re.compile(r"[+-]?0\d+"), "a number with a leading zero", "digits alone"),
    (re.compile(r"[+-]?(0[xXoObB][0-9a-fA-F_]+|\d[\d_]*_[\d_]*)"), "a number in another notation", "digits alone"),
    (re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+"), "a number with an exponent", "digits alone"),
    (re.compile(r"(?i:[+-]?\.inf|\.nan)"), "no number at all", "a number"),
    (re.compile(rf"[+-]?\d{{{_MAX_DIGITS + 1},}}"), "a number too long to keep", "fewer digits"),
    (re.compile(r"\d+:[0-5]?\d(:[0-5]?\d)*"), "a number in base sixty", "digits alone"),
    (re.compile(r"(?i:no|yes|on|off|y|n)|T(rue|RUE)|F(alse|ALSE)"), "a yes or no", "true or false"),
    (re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?"), "a date", "other words"),
)


@dataclass(slots=True)
class Document:
    """A parsed file: its plain value, where each part stands, and the faults found so far."""

    name: str
    value: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    faulty: set[Path] = field(default_factory=set)
    _told: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """The faults as they stand in the file, each with its line and column."""
        return [f"{self.name}:{line}:{column}: {said}" for line, column, said in sorted(self._told)]

    def fault(self, path: Path, message: str) -> None:
        """Note a fault at a part, or at its nearest parent that has a place."""
        self.faulty.add(path)
        line, column = self.place(path)
        dotted = ".".join(str(step) for step in path)
        said = f"{dotted + ': ' if dotted else ''}{message}"
        self.fault_at(line, column, said)

    def fault_at(self, line: int, column: int, message: str) -> None:
        """Note a fault at a place."""
        self._told.append((line, column, _printable(message)))

    def place(self, path: Path) -> tuple[int, int]:
        """Return the line and column of a part, or of its nearest parent."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))


def read(path: File) -> Document:
    """Return the document of a file; faults of form are in it.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read, or is no UTF-8.
    """
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        document = Document(path.name)
        document.fault_at(1, 1, f"larger than {MAX_BYTES} bytes")
        return document
    return parse(data.decode(), path.name)


def parse(text: str, name: str) -> Document:
    """Return the document of a YAML text; faults of form are in it, never raised."""
    document = Document(name)
    try:
        if _is_plain(text, document):
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            document.value = {} if root is None else _plain(root, (), document)
    except yaml.MarkedYAMLError as error:
        _fault_at(document, error.problem_mark or error.context_mark, str(error.problem or error.context))
    except yaml.YAMLError as error:
        _fault_at(document, None, f"not YAML: {str(error).splitlines()[0]}")
    return document


def _is_plain(text: str, document: Document) -> bool:
    """Return whether a text is free of aliases, tags and deep nesting; the first such thing ends the reading."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            message = "aliases (*name) are not used here; write the value again"
        elif getattr(event, "tag", None):
            message = "tags (!name) are not used here"
        elif depth > _MAX_DEPTH:
            message = f"nested deeper than {_MAX_DEPTH}"
        else:
            continue
        _fault_at(document, event.start_mark, message)
        return False
    return True


def _fault_at(document: Document, mark: Any, message: str) -> None:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    document.fault_at(line, column, message)


def _printable(text: str) -> str:
    """Return a text in one line that no terminal takes for commands."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def fit(document: Document, model: type[M], root: Path = (), context: Any = None) -> M | None:
    """Return the model that a document's part holds; its faults go into the document and None is returned.

    A part that was faulty before is not told again. `context` is handed to the model's validators.
    """
    value = document.value
    for step in root:
        value = value[step]
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            if (place := (*root, *fault["loc"])) not in document.faulty:
                document.fault(place, _message(fault, model))
    return None


def _message(fault: Any, model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"unknown key{_hint(str(fault['loc'][-1]), fault['loc'][:-1], model)}"
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] in {"model_type", "dict_type"}:
        return f"keys with values are needed, got {_shown(fault['input'])}"
    message: str = fault["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}, got {_shown(fault['input'])}"


def _shown(value: Any) -> str:
    """Return a value's beginning; of one with a URL nothing: it may hold a secret, and faults go to the journal."""
    text = repr(value)
    return "a URL, which is not shown" if "://" in text else text[:60]


def _hint(key: str, section: Path, model: type[BaseModel]) -> str:
    """Return what was probably meant: a key like it in its section, or the section that knows it."""
    keys = _sections(model)
    if close := difflib.get_close_matches(key, keys.get(_names(section), ()), 1):
        return f"; did you mean {close[0]}?"
    homes = [".".join((*home, key)) for home, names in keys.items() if key in names]
    return f"; did you mean {homes[0]}?" if homes else ""


@cache
def _sections(model: type[BaseModel]) -> dict[tuple[str, ...], list[str]]:
    return dict(_keys(model, ()))


def _names(path: Path) -> tuple[str, ...]:
    return tuple(step for step in path if isinstance(step, str))


def _keys(model: type[BaseModel], section: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield each section that the model knows, with its keys."""
    yield section, list(model.model_fields)
    for name, part in model.model_fields.items():
        for kind in (part.annotation, *get_args(part.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _keys(kind, (*section, name))


def _plain(node: yaml.Node, path: Path, document: Document) -> Any:
    document.places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
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
    for pattern, meaning, instead in _TRAPS:
        if pattern.fullmatch(text):
            document.fault(path, f'YAML reads {text:.40} as {meaning}; write "{text:.40}" in quotes, or {instead}')
            return text
    return next((read(text) for pattern, read in _PLAIN if pattern.fullmatch(text)), text)


_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(r"[+-]?\d+"), int),
    (re.compile(r"[+-]?(\d+\.\d*|\.\d+)"), float),
)
"""What a plain word means; everything else is text."""
