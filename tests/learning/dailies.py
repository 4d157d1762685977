"""A production whose training is approved, and updates of its model that cost nothing."""

from __future__ import annotations

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self
from unittest import mock

from cart import Cart, Shift, seal
from footage import footage

from daemon import wire
from daemon.slate import Refined
from daemon.stages.refine import RefineTask
from daemon.states import ModelState
from daemon.store import KeptSample, Model
from engines.model.weights import base_weights, save_weights

_MEMORY = Path("/dev/shm")
APPROVED = {"training": {"approved_by": "Line producer", "reference": "Deal memo 12"}}


def approved(folder: Path, code: str = "TEST") -> Cart:
    """Return a production that may be learned from."""
    words = {"production": {"code": code, **APPROVED}, "refine": {"samples_a_clip": 2, "budget_seconds": 5}}
    return Cart(folder, words=words)


def shoot(cart: Cart, *names: str, roll: str = "A001", first_seed: int = 1) -> None:
    """Offload a card of clips long enough to be learned from."""
    folder = cart.roll(roll)
    for seed, name in enumerate(names, first_seed):
        cart.put(folder, {f"{name}.mov": footage(seed, frames=20)})
    seal(folder)
    cart.remember(folder)


@dataclass
class Tutor:
    """Stands for the work of refining: base's weights a little different each time, judged as `verdicts` say."""

    verdicts: list[tuple[str, ...]] = field(default_factory=list)
    tasks: list[RefineTask] = field(default_factory=list)

    def work(self, text: str, _progress: object) -> str:
        task = wire.load(RefineTask, text)
        self.tasks.append(task)
        parent, step = base_weights(task.size), len(self.tasks)
        tensors = {name: (array + 1e-6 * step).astype("float32") for name, array in parent.tensors.items()}
        candidate = parent.with_tensors(tensors)
        folder = Path(task.models)
        refused = self.verdicts.pop(0) if self.verdicts else ()
        save_weights(
            folder / f"{candidate.digest}.safetensors",
            tensors,
            {"clips": [asdict(clip) for clip in task.clips], **task.lineage},
        )
        scores = {"mean_db": 30.0 + step / 10, "base_mean_db": 30.0, "filmed": 0.8 + step / 100, "base_filmed": 0.9}
        return wire.dump(Refined, Refined(candidate.digest, not refused, refused, scores, 3, 1.0, (0.2, 0.1)))


@dataclass
class Taught:
    """A production that was taught once, for each story that begins there: its cards stay, all else is put back."""

    cart: Cart
    tutor: Tutor

    @classmethod
    @contextmanager
    def by(cls, verdicts: list[tuple[str, ...]], **production: str) -> Iterator[Self]:
        """Have a card of two clips learned from for each verdict; `production` are further words of its section."""
        home = Path(tempfile.mkdtemp(prefix="nearset-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None))
        made = cls(approved(home / "show"), Tutor(list(verdicts)))
        made.cart.words["production"] |= production
        short = mock.patch("daemon.sidecars.aaf.compose", lambda stringout, _: stringout.name.encode())
        with short, mock.patch("daemon.stages.refine.work", made.tutor.work):
            for number in range(1, len(verdicts) + 1):
                names = (f"A00{number}C001", f"A00{number}C002")
                shoot(made.cart, *names, roll=f"A00{number}", first_seed=11 * number)
                made.cart.serve()
        shutil.copytree(home / "show", home / "as taught", ignore=shutil.ignore_patterns("offload"))
        yield made
        shutil.rmtree(home)

    @contextmanager
    def again(self) -> Iterator[tuple[Cart, Tutor]]:
        """Give the production and its tutor as they were."""
        cart, tutor = copy.deepcopy((self.cart, self.tutor))
        for path in (*cart.folder.iterdir(), *cart.offload.glob("*/*/*")):
            if path != cart.offload and path not in cart._before:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.copytree(cart.folder.with_name("as taught"), cart.folder, dirs_exist_ok=True)
        with mock.patch("daemon.stages.refine.work", tutor.work):
            yield cart, tutor


def models_of(shift: Shift) -> list[Model]:
    """Return the models of a production, oldest first."""
    return shift.production.store.models()


def samples_of(cart: Cart) -> list[KeptSample]:
    """Return the cuts that a production keeps."""
    with cart.shift() as shift:
        return shift.production.store.samples()


def kept_files(cart: Cart) -> set[str]:
    """Return the digests of the cuts that lie in a production's replay folder."""
    return {path.stem for path in cart.config.replay.iterdir()}


def assert_sound(cart: Cart) -> None:
    """Database, pointer and folders say the same, and at most one model of a size is active."""
    with cart.shift() as shift:
        models, samples = models_of(shift), shift.production.store.samples()
    active = [model for model in models if model.state is ModelState.ACTIVE]
    assert len({model.size for model in active}) == len(active)
    pointer = json.loads((cart.config.models / "active.json").read_text())
    versions = pointer.pop("versions")
    assert pointer == {model.size: model.digest for model in active}
    for model in active:
        assert [one for one in models if one.size == model.size][versions.pop(model.size) - 1] == model
    assert not versions
    assert not [model for model in models if model.state is ModelState.CANDIDATE]
    weights = {path.stem for path in cart.config.models.glob("*.safetensors")}
    assert weights == {model.digest for model in models if model.state is not ModelState.REFUSED}
    assert not list(cart.config.production_state.rglob("*.part"))
    if cart.config.replay.exists():
        assert kept_files(cart) == {sample.digest for sample in samples}
