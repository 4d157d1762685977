"""What is sent of a folder, and in which order: nobody at the target is told that something is whole which is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cart import Cart

from daemon.errors import DeliveryError, TargetAway
from daemon.hashing import hash_bytes
from daemon.slate import Shipped
from daemon.targets.base import Medium
from daemon.targets.shipping import Shipment, ship
from daemon.worker import Progress

FOLDER = "20260302/A001"


@dataclass
class Paper:
    """A target on paper: notes what is done to it, and breaks before a step."""

    held: dict[str, bytes] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    breaks_at: int = -1

    def _step(self, what: str) -> None:
        if len(self.steps) == self.breaks_at:
            raise TargetAway("it broke", why="a test said so", fix="nothing")
        self.steps.append(what)

    def put_media(self, medium: Medium, _progress: Progress) -> int:
        if medium.path in self.held:
            return 0
        self._step(f"media {medium.path}")
        self.held[medium.path] = medium.here.read_bytes()
        return medium.size_bytes

    def read(self, path: str) -> bytes | None:
        return self.held.get(path)

    def put(self, path: str, data: bytes) -> None:
        self._step(f"put {path}")
        self.held[path] = data

    def remove(self, path: str) -> None:
        self._step(f"remove {path}")
        self.held.pop(path, None)


def quiet(_done: int, _total: int, /) -> None: ...


def shipment(cart: Cart) -> Shipment:
    seal = hash_bytes("xxh128", (cart.delivery / FOLDER / ".complete").read_bytes())
    return Shipment(cart.delivery, FOLDER, seal)


def roll(cart: Cart) -> dict[str, bytes]:
    files = (path for path in (cart.delivery / FOLDER).rglob("*") if path.is_file())
    return {path.relative_to(cart.delivery).as_posix(): path.read_bytes() for path in files}


def test_media_goes_first_and_complete_last(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    target = Paper()
    sent = ship(shipment(cart), target, quiet)
    assert target.held == roll(cart)
    assert sent.sent_bytes == sum(map(len, target.held.values()))
    assert [step.partition(" ")[0] for step in target.steps[:3]] == ["media", "media", "remove"]
    assert target.steps[-1] == f"put {FOLDER}/.complete"
    assert ship(shipment(cart), target, quiet) == Shipped(0)


def test_a_version_that_is_another_by_now_is_not_begun(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    target = Paper()
    stale = Shipment(cart.delivery, FOLDER, "0" * 32)
    assert ship(stale, target, quiet) == Shipped(0, moved_on=True)
    assert target.steps == []


def test_a_sidecar_that_is_being_written_anew_sends_no_seal(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    target, due = Paper(), shipment(cart)
    (cart.delivery / FOLDER / "A001.ale").write_bytes(b"of another version")
    assert ship(due, target, quiet).moved_on
    assert f"{FOLDER}/.complete" not in target.held


def test_a_seal_that_was_damaged_here_is_told_and_nothing_is_sent(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    seal = cart.delivery / FOLDER / ".complete"
    seal.write_bytes(seal.read_bytes()[:100])
    target = Paper()
    with pytest.raises(DeliveryError, match="cannot be read"):
        ship(shipment(cart), target, quiet)
    assert target.steps == []


@pytest.mark.parametrize("second", [False, True])
def test_broken_off_at_every_step_it_never_lies_and_is_whole_at_the_end(cart: Cart, second: bool) -> None:
    cart.card("A001C001.mov")
    cart.serve()
    before = Paper()
    if second:
        ship(shipment(cart), before, quiet)
        cart.recipe.write_text("clips: {A001C001: {proxy: {codec: prores_lt}}}\n")
        cart.serve()
    whole = Paper(dict(before.held))
    ship(shipment(cart), whole, quiet)
    for at in range(len(whole.steps)):
        target = Paper(dict(before.held), breaks_at=at)
        with pytest.raises(TargetAway):
            ship(shipment(cart), target, quiet)
        if seal := target.held.get(f"{FOLDER}/.complete"):  # then it is the version of before, and all of that is there
            assert seal == before.held[f"{FOLDER}/.complete"]
            assert before.held.items() <= target.held.items()
        target.breaks_at = -1
        ship(shipment(cart), target, quiet)
        assert target.held == whole.held


def test_a_path_of_a_seal_leads_nowhere_else(cart: Cart, tmp_path: Path) -> None:
    import json

    cart.card("A001C001.mov")
    cart.serve()
    seal = cart.delivery / FOLDER / ".complete"
    told = json.loads(seal.read_text())
    told["xxh128"]["../../../../secret"] = hash_bytes("xxh128", b"secret")
    seal.write_text(json.dumps(told))
    target = Paper()
    with pytest.raises(Exception, match="is not opened"):
        ship(shipment(cart), target, quiet)
    assert not any("secret" in path for path in target.held)
