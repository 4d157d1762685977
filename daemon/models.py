"""The registry of a production's own weights: which are active, and how that changes.

The database is the truth; `models/active.json` tells it to the children, which read it as they start, so that
a rollback holds for the next clip. Weights lie beside it, named by their digest. Knows no networks.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import wire
from daemon.errors import ModelError
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import make_folders
from daemon.publish import replace as write_whole
from daemon.slate import Refined
from daemon.states import ModelEvent, ModelState
from daemon.store import Model, Store
from engines.errors import BadWeights
from engines.model.topology import RELIGHT, SIZES

if TYPE_CHECKING:
    from engines.model.weights import Weights

_POINTER = "active.json"
_VERSIONS = "versions"


def active(store: Store, size: str) -> str:
    """Return the digest of the active weights of a size; empty for the base weights."""
    return next((model.digest for model in store.models(size=size, state=ModelState.ACTIVE)), "")


def in_use(store: Store, size: str) -> Model:
    """Return the active model of a size.

    Raises:
        ModelError: it is the base weights, which ship with nearset and have no lineage here.
    """
    if digest := active(store, size):
        return named(store, digest)
    raise ModelError(
        f"the base weights of {size} are in use",
        why="no model of this production is active",
        fix="`nearset model list` shows what there is",
    )


def gain_db(model: Model) -> float:
    """Return how far a model was above base on the canaries of its day, in dB."""
    scores = wire.load(Refined, model.facts).scores
    return scores.get("mean_db", 0.0) - scores.get("base_mean_db", 0.0)


def foretold_better(model: Model) -> float:
    """Return how much less a model's error in foretelling held-out pictures was than that of base in its day."""
    scores = wire.load(Refined, model.facts).scores
    return scores.get("base_filmed", 0.0) - scores.get("filmed", 0.0)


def best(store: Store, size: str, gained: Callable[[Model], float] = gain_db) -> str:
    """Return the digest of the best weights ever promoted, by what they gained over base; empty for base."""
    promoted = [model for model in store.models(size=size) if model.state in {ModelState.ACTIVE, ModelState.RETIRED}]
    return max(promoted, key=gained).digest if promoted else ""


def enter(production: Production, size: str, parent: str, card: int, refined: Refined, now: Moment) -> None:
    """Enter a candidate that the gate has judged: promoted, or refused with its reasons."""
    store, digest = production.store, refined.digest
    if any(model.digest == digest for model in store.models()):
        get().info("model.known", model=digest[:12])  # an update that changed nothing
        return
    if refined.passed and active(store, size) != parent:
        refined = replace(refined, passed=False, reasons=("another model was made active while it was made",))
    store.add_model(digest, size, parent, card, wire.dump(Refined, refined), now.iso)
    if refined.passed:
        promote(production, digest, now)
    else:
        _refuse(production, digest, refined.reasons, now)


def promote(production: Production, digest: str, now: Moment) -> None:
    """Make weights the active ones of their size.

    Raises:
        StateError: the gate refused them. ModelError: their file is gone.
    """
    store = production.store
    model = named(store, digest)
    with store.transaction():
        if before := active(store, model.size):
            store.happen_to_model(before, ModelEvent.SUPERSEDED, now.iso)
        store.happen_to_model(model.digest, ModelEvent.PROMOTED, now.iso)
        if not _file(production, model.digest).exists():
            raise ModelError(
                f"model {model.digest[:12]} cannot be made active",
                why=f"its weights are gone from {production.config.models}",
                fix="choose another: `nearset model list`",
            )
        point(production)
    get().info("model.promoted", model=model.digest[:12], size=model.size, before=before[:12] or "base")


def _refuse(production: Production, digest: str, reasons: tuple[str, ...], now: Moment) -> None:
    """Note that a candidate is refused; its weights go, its record stays."""
    production.store.happen_to_model(digest, ModelEvent.REFUSED, now.iso)
    _file(production, digest).unlink(missing_ok=True)
    get().info("model.refused", model=digest[:12], reasons=reasons)


def rollback(production: Production, size: str, now: Moment) -> str:
    """Withdraw the active weights for those they were made from, and return these; empty for base.

    Raises:
        ModelError: base is active already.
    """
    store = production.store
    current = active(store, size)
    if not current:
        raise ModelError(
            f"there is nothing to roll back: the base weights of {size} are active",
            why="no model of this production is in use",
            fix="`nearset model list` shows what there is",
        )
    before = _usable_parent(production, named(store, current))
    with store.transaction():
        store.happen_to_model(current, ModelEvent.ROLLED_BACK, now.iso)
        if before:
            store.happen_to_model(before, ModelEvent.PROMOTED, now.iso)
        point(production)
    get().info("model.rolled_back", model=current[:12], to=before[:12] or "base")
    return before


def _usable_parent(production: Production, model: Model) -> str:
    """Return the nearest ancestor that was not withdrawn itself and whose weights are there; empty for base."""
    known = {other.digest: other for other in production.store.models()}
    parent = known.get(model.parent)
    while parent and not (parent.state is ModelState.RETIRED and _file(production, parent.digest).exists()):
        parent = known.get(parent.parent)
    return parent.digest if parent else ""


def _file(production: Production, digest: str) -> Path:
    return production.config.models / f"{digest}.safetensors"


def point(production: Production) -> None:
    """Tell the children which weights are active; written whole, and again at each start of the service."""
    models = production.store.models(state=ModelState.ACTIVE)
    digests = {model.size: model.digest for model in models}
    versions = {model.size: version(production.store, model) for model in models}
    text = json.dumps({**digests, _VERSIONS: versions}, indent=1, sort_keys=True)
    folder = production.config.models
    make_folders(folder, mode=0o700)
    write_whole(f"{text}\n".encode(), folder / _POINTER, staging=folder)


def version(store: Store, model: Model) -> int:
    """Return which model of its size this is, as people count them: the base weights are 0, the first of its own 1."""
    return [other.digest for other in store.models(size=model.size)].index(model.digest) + 1


def active_version(models: Path, size: str) -> int:
    """Return which model of a size is active, as a child finds it; 0 for the base weights. Told beside the weights."""
    return int(json.loads((models / _POINTER).read_bytes()).get(_VERSIONS, {}).get(size, 0))


def active_weights(models: Path, size: str) -> Path | None:
    """Return the file of the active weights of a size, as a child finds them; None for the base weights.

    Raises:
        BadWeights: what is active cannot be told; base is no stand-in for it.
    """
    try:
        digest = json.loads((models / _POINTER).read_bytes()).get(size)
    except (OSError, ValueError) as error:
        raise BadWeights(
            "which model is active cannot be told",
            why=f"{models / _POINTER}: {error}",
            fix="start nearset again, it writes that anew; then `nearset retry`",
        ) from error
    return models / f"{digest}.safetensors" if digest else None


def own_weights(path: Path, size: str) -> Weights:
    """Return a production's own weights; in a child.

    Raises:
        BadWeights: they are gone, damaged, or not those whose name they have.
    """
    from engines.model.weights import load_weights  # noqa: PLC0415 - only children load networks

    why = "the file is gone"
    if path.exists():
        weights = load_weights(path, size)
        if weights.digest == path.stem:
            return weights
        why = "its bytes are not those that it is named for"
    raise BadWeights(
        f"model {path.stem[:12]} cannot be used",
        why=why,
        fix="`nearset model rollback` makes the one before active; then `nearset retry`",
    )


def named(store: Store, start: str) -> Model:
    """Return the model whose digest begins so.

    Raises:
        ModelError: none does, or several do.
    """
    found = [model for model in store.models() if start and model.digest.startswith(start)]
    if len(found) == 1:
        return found[0]
    raise ModelError(
        f"{'several models begin' if found else 'no model begins'} with {start}",
        why=", ".join(model.digest[:12] for model in found or store.models()) or "this production has none yet",
        fix="`nearset model list` shows them",
    )


def onnx_graph(production_models: Path, model: Model, raster: str) -> bytes:
    """Return a network as ONNX for pictures of a raster, such as `960x540`.

    Raises:
        ModelError: it is no network, or that is no raster. BadWeights: its file cannot be used.
    """
    from engines.backends.exchange import onnx_of  # noqa: PLC0415 - as above

    width, _, height = raster.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 64 <= int(width) <= 8192 and 64 <= int(height) <= 8192):  # noqa: PLR2004 - a proxy's
        raise ModelError("no ONNX was written", why=f"{raster} is no raster", fix="write it as 960x540")
    if model.size not in {*SIZES, RELIGHT}:
        why = f"{model.digest[:12]} is a {model.size} and no network"
        raise ModelError("no ONNX was written", why=why, fix="export it without --onnx")
    weights = own_weights(production_models / f"{model.digest}.safetensors", model.size)
    return onnx_of(weights, int(width), int(height))


def export(production_models: Path, model: Model, folder: Path, graph: bytes = b"") -> list[Path]:
    """Copy a model's weights and lineage into a folder, its ONNX `graph` too where there is one.

    Returns what was written; nothing there is overwritten.

    Raises:
        ModelError: a file of that name is there, or the weights are gone or damaged.
    """
    names = [f"{model.digest}.safetensors", f"{model.digest}.json"]
    if not all((production_models / name).exists() for name in names):
        raise _not_exported(model, folder, "its files are not kept: it was refused, or they are gone")
    for name in (*names, *([f"{model.digest}.onnx"] if graph else [])):
        if os.path.lexists(folder / name):
            raise _not_exported(model, folder, f"{name} is there already")
    contents = [(production_models / name).read_bytes() for name in names]
    if hashlib.sha256(contents[0]).hexdigest() != model.digest:
        raise _not_exported(model, folder, "its weights are not those that it is named for: the file is damaged")
    folder.mkdir(parents=True, exist_ok=True)
    if graph:
        names.append(f"{model.digest}.onnx")
        contents.append(graph)
    for name, data in zip(names, contents, strict=True):
        with (folder / name).open("xb") as file:
            file.write(data)
    return [folder / name for name in names]


def _not_exported(model: Model, folder: Path, why: str) -> ModelError:
    return ModelError(
        f"model {model.digest[:12]} cannot be exported to {folder}",
        why=why,
        fix="choose another folder, or another model",
    )
