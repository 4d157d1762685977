"""Places: which folders a production holds, and that they keep apart, so that nothing delivered is taken for a card.

Folders of offloads, deliveries and state never overlap, neither here nor with another production's, and what commands
the service lies where no card and no delivery can bring it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon import yamlfile
from daemon.egress import destination_of

if TYPE_CHECKING:
    from daemon.config import Config


def folder_at(value: object, here: Path) -> Path:
    """Return the path that is written; a relative one starts from `here`. ValueError where it is none."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a path is needed")
    try:
        path = Path(here, Path(value).expanduser())
        path.resolve()
    except (RuntimeError, OSError) as error:
        raise ValueError(f"a path that leads somewhere is needed ({error})") from error
    return path


def claims(config: Config) -> dict[str, list[str]]:
    """Return the folders that a production holds, by what for; kept in its state for its neighbours to see."""
    return {
        "offload": [str(root.path.resolve()) for root in config.offload.roots],
        "delivery": [str(config.delivery.root.resolve())],
        "state": [str(config.state.root.resolve())],
    }


def clashes(config: Config, others: dict[str, dict[str, list[str]]]) -> list[str]:
    """Return how this production's folders overlap with what others (by code) claim.

    Productions may have the same delivery or state root, since each has its own folder in it; one inside
    another's is an overlap, and so are codes that differ in case alone: some volumes do not tell them apart.
    """
    mine = config.production.code.casefold()
    return [
        f"{kind} {ours} overlaps with {other_kind} {folder} of production {code}"
        for code, theirs in others.items()
        for kind, folders in claims(config).items()
        for other_kind, their_folders in theirs.items()
        for ours in folders
        for folder in their_folders
        if _overlap(Path(ours), Path(folder))
        and not (kind == other_kind != "offload" and ours == folder and code.casefold() != mine)
    ]


def check_places(document: yamlfile.Document, here: Path) -> None:
    """Note every pair of folders that overlap, and a recipe or look that a card or a delivery could bring.

    Goes by what is written, so that it is told together with all other faults.
    """
    roots = _written(document, here, "offload", "roots")
    delivery, state = _written(document, here, "delivery", "root"), _written(document, here, "state", "root")
    delivery += _written(document, here, "delivery", "targets")
    for (_, first), (at, second) in combinations(roots + delivery + state, 2):
        if _overlap(first.resolve(), second.resolve()):
            document.fault(at, f"{second} overlaps with {first}; offloads, deliveries and state must lie apart")
    for at, folder in _written(document, here, "offload", "stand_ins", "folders"):
        for _, own in delivery + state:
            if _overlap(folder.resolve(), own.resolve()):
                document.fault(at, f"{folder} overlaps with {own}; what is made here stands in for nothing")
    for keys in (("production", "recipe"), ("colour", "show_lut"), ("colour", "looks"), ("queue", "circle_takes")):
        _keep_outside(
            document, _written(document, here, *keys), roots + delivery, "a card must not command the service"
        )
    _keep_outside(document, _written(document, here, "metrics", "textfile"), roots + delivery, "it would break a seal")


_Places = list[tuple[yamlfile.Path, Path]]


def _keep_outside(document: yamlfile.Document, paths: _Places, folders: _Places, why: str) -> None:
    """Note each path that lies inside a folder, or is reached through one."""
    for at, path in paths:
        for _, folder in folders:
            if reaches(path, folder.resolve()):
                document.fault(at, f"{path} lies inside {folder}; {why}")


def check_targets(document: yamlfile.Document) -> None:
    """Note targets of one name, and those whose endpoint is not among the destinations under egress."""
    value = document.value if isinstance(document.value, dict) else {}
    delivery = value.get("delivery")
    targets = delivery.get("targets") if isinstance(delivery, dict) else None
    allowed = set(_destinations(value.get("egress")))
    names: set[object] = set()
    for number, target in enumerate(targets if isinstance(targets, list) else []):
        if not isinstance(target, dict):
            continue  # told by the key's own check
        at: yamlfile.Path = ("delivery", "targets", number)
        if (name := str(target.get("name", number)).casefold()) in names:
            document.fault(at, "another target has this name")
        names.add(name)
        for host, port in _destinations([target["endpoint"]] if "endpoint" in target else []):
            if (host, port) not in allowed:
                document.fault((*at, "endpoint"), f"{host}:{port} is not listed under egress: nothing is sent there")


def _destinations(listed: object) -> Iterator[tuple[str, int]]:
    for word in listed if isinstance(listed, list) else []:
        with suppress(ValueError):  # told by the key's own check
            yield destination_of(str(word))


def _written(document: yamlfile.Document, here: Path, *keys: str) -> list[tuple[yamlfile.Path, Path]]:
    """Return the paths that are written under a key, one or a list of them, each with where it stands."""
    value = document.value
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    listed: list[tuple[yamlfile.Path, Any]] = [(keys, value)]
    if isinstance(value, list):
        listed = [((*keys, number), each) for number, each in enumerate(value)]
    found: list[tuple[yamlfile.Path, Path]] = []
    for at, each in listed:
        try:
            found.append((at, folder_at(each.get("path") if isinstance(each, dict) else each, here)))
        except ValueError:
            continue  # told by the key's own check
    return found


def reaches(path: Path, folder: Path) -> bool:
    """Return whether a path, or any link on the way to where it leads, lies inside a folder."""
    here = path.parent.resolve() / path.name
    while here.is_symlink() and not here.is_relative_to(folder):
        step = here.parent / here.readlink()
        here = step.parent.resolve() / step.name
    return here.is_relative_to(folder) or path.resolve().is_relative_to(folder)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
