"""What goes wrong with engines on a GPU: told with cause and cure, tried again or held, and the service lives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cart import DELIVERED, HELD, Cart, seal, trouble
from footage import footage

from daemon import wire
from daemon.engine import EngineChoice, choice_of, memory_of, must_be_alone, plan_store
from daemon.executor import LocalExecutor, Running, _Post
from daemon.purge import purge
from daemon.stages.render import RenderTask
from daemon.verdicts import VERDICTS, Verdict
from daemon.worker import Limits
from engines.backends.identity import IdentityBackend
from engines.errors import ParityRefused
from engines.gpu.device import gpu
from engines.model.weights import Weights, base_weights
from engines.plans.key import PlanKey

PASSES = sorted(code for code, verdict in VERDICTS.items() if code.startswith("engine.") and verdict is Verdict.RETRY)
STAYS = sorted(code for code, verdict in VERDICTS.items() if code.startswith("engine.") and verdict is Verdict.HOLD)
KEY = PlanKey("plan", "restore-lite", "t", "w", 36, 48, "f16", "tensorrt-rtx", "1", "rebuild", "89", "", "")


def well() -> None:
    """Nothing befalls this task."""


def no_gpu() -> bool:
    try:
        gpu()
    except Exception:  # noqa: BLE001 - whatever is wrong with it, the story below is not of this machine
        return True
    return False


without_gpu = pytest.mark.skipif(not no_gpu(), reason="this machine has a GPU")


def record(cart: Cart, name: str) -> dict[str, Any]:
    (path,) = cart.delivery.glob("*/*/nearset.json")
    clips = json.loads(path.read_text())["clips"]
    return next(clip for clip in clips if clip["name"] == name)


def enhanced(cart: Cart, name: str) -> dict[str, Any]:
    return next(proxy for proxy in record(cart, name)["proxies"] if proxy["twin"] == "enhanced")


def test_a_gpu_fault_passes_and_the_clip_is_delivered_on_the_second_try(cart: Cart) -> None:
    assert PASSES == ["engine.device_lost", "engine.gpu", "engine.out_of_memory"]
    cart.words["workers"] = {"retry_seconds": 0}
    cart.card("A001C001.mov")
    cart.hands.befall("render", well, *(trouble(code) for code in PASSES[:2]))
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


@pytest.mark.parametrize("code", ["engine.build_failed", "engine.parity"])
def test_what_will_not_pass_holds_the_clip_with_its_reason_and_its_plain_proxy_is_there(cart: Cart, code: str) -> None:
    assert code in STAYS
    cart.card("A001C001.mov")
    cart.hands.befall("render", well, trouble(code))
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, code)
        assert shift.revisions("A001C001") == [("plain", 1)]
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


@without_gpu
def test_a_cart_whose_gpu_is_missing_holds_its_clips_and_says_what_to_do(cart: Cart) -> None:
    pytest.importorskip("tensorrt_rtx")
    cart.words["engine"] = "tensorrt-rtx"
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "engine.gpu_missing")
        assert "driver is not installed" in held.trouble.why
        assert "nearset doctor" in held.trouble.fix
        assert shift.revisions("A001C001") == [("plain", 1)]
    cart.words["engine"] = "identity"
    with cart.shift() as shift:
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


@without_gpu
def test_where_the_configuration_allows_it_the_processor_serves_and_the_record_says_so(cart: Cart) -> None:
    pytest.importorskip("tensorrt_rtx")
    cart.words |= {"engine": "tensorrt-rtx", "gpu": {"instead": "openvino"}}
    cart.card("A001C001.mov")
    cart.serve()
    said = enhanced(cart, "A001C001")["engine"]
    assert said.startswith("openvino ")
    assert said.endswith("instead of tensorrt-rtx: engine.gpu_missing")


@dataclass
class Refusing(IdentityBackend):
    """A back-end whose engine refused the day's weights: it goes on with base, or has none before."""

    before: Weights | None

    def open(self, weights: Weights, height: int, width: int) -> Any:
        del weights
        if self.before is None:
            raise ParityRefused("the engine must not serve", why="its picture is off", fix="`nearset engine clear`")
        return super().open(self.before, height, width)


def test_the_record_names_the_weights_that_ran_and_not_those_that_were_refused(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = base_weights("lite")
    day = old.with_tensors({name: array * 2 for name, array in old.tensors.items()})
    monkeypatch.setattr("engines.model.weights.base_weights", lambda _: day)
    monkeypatch.setattr("daemon.stages.rendering.backend_of", lambda _: Refusing(old))
    cart.card("A001C001.mov")
    cart.serve()
    assert enhanced(cart, "A001C001")["model"] == old.name != day.name


def test_the_record_of_a_clip_of_one_picture_names_what_weighed_it_too(cart: Cart) -> None:
    folder = cart.roll("A001", "20260302")
    cart.put(folder, {"A001C001.mov": footage(1, frames=1, sound=False), "A001C002.mov": footage(2)})
    seal(folder)
    cart.serve()
    alone, moving = (enhanced(cart, name)["model"] for name in ("A001C001", "A001C002"))
    assert alone == f"{moving}, {base_weights('weighing').name}"


def test_weights_that_no_engine_gives_right_hold_the_clip(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.stages.rendering.backend_of", lambda _: Refusing(None))
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "engine.parity")
    cart.assert_honest()


def test_a_render_that_an_earlier_version_queued_is_still_done(cart: Cart) -> None:
    """Its task says nothing of plans."""
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        queued = [job.task for job in shift.production.store.jobs() if job.stage == "render"]
    for text in queued:
        task = json.loads(text)
        assert task.pop("engine")["name"] == "identity"
        assert wire.load(RenderTask, json.dumps(task)).engine == EngineChoice()


def test_a_purge_takes_the_plans_along_for_they_hold_the_weights(cart: Cart) -> None:
    cart.serve()
    path = plan_store(choice_of(cart.config)).save(KEY, b"weights within", 0.1)
    receipt = json.loads(purge(cart.config, "2026-11-25T04:00:00+00:00").read_text())
    assert not path.exists()
    gone = {file["path"] for file in receipt["destroyed"]}
    assert {f"engines/{path.name}", "engines/machine.key", f"engines/{path.stem}.seal"} <= gone


def test_a_production_keeps_its_plans_with_its_state(cart: Cart) -> None:
    cart.words |= {"engine": "tensorrt-rtx", "gpu": {"plans_gib": 0.5}}
    choice = choice_of(cart.config)
    assert Path(choice.plans) == cart.config.production_state / "engines"
    assert choice == EngineChoice("tensorrt-rtx", "", choice.plans, 1 << 29, decode=True)


def test_a_child_with_a_gpu_has_no_end_of_addresses_and_another_has(cart: Cart) -> None:
    assert memory_of(cart.config) == 16 << 30
    cart.words["engine"] = "tensorrt"
    assert memory_of(cart.config) == -1
    assert must_be_alone(cart.config)


class Pipe:
    """A child's end of the line with one thing to say."""

    def __init__(self, **message: str) -> None:
        self.message = message

    def recv_bytes(self) -> bytes:
        return json.dumps(self.message).encode()


@pytest.mark.parametrize(
    ("message", "stage", "last", "renewed"),
    [
        ({"kind": "error", "code": "engine.device_lost"}, "render", (), True),
        ({"kind": "error", "code": "engine.out_of_memory"}, "render", (), False),
        ({"kind": "result", "result": "{}"}, "refine", ("sample", "refine"), True),
        ({"kind": "result", "result": "{}"}, "refine", (), False),
        ({"kind": "result", "result": "{}"}, "render", ("sample", "refine"), False),
    ],
)
def test_a_child_that_lost_its_gpu_or_loaded_torch_beside_one_is_renewed(
    message: dict[str, str], stage: str, last: tuple[str, ...], renewed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = []
    monkeypatch.setattr(LocalExecutor, "_renewed", lambda *last: fresh.append(last[-1]))
    executor = LocalExecutor({"render": 1}, {"render": Limits(1)}, 60, last=frozenset(last))
    said = {"what": "", "why": "", "fix": ""} | message
    post = _Post(SimpleNamespace(pipe=Pipe(**said)), task=Running(1, "token", stage, 0, 0))  # type: ignore[arg-type]
    report = executor._hear("render", post, 0)
    assert report is not None
    assert [post] * renewed == fresh
