"""A cart whose card decodes and encodes: each output says what ran, and a card that is lost costs a try."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cart import DELIVERED, Cart, seal
from footage import footage
from structlog.testing import capture_logs

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from paper_card import PaperCard

from daemon.engine import choice_of, hardware_of, memory_of
from daemon.metrics import exposition
from engines.media.hardware import Hardware

H264 = {"enhance": {"restore": {"enabled": False}}, "engine": "tensorrt-rtx", "workers": {"retry_seconds": 0}}


def filmed(cart: Cart, *names: str) -> None:
    """Offload H.264 clips."""
    roll = cart.roll()
    cart.put(roll, {f"{name}.mov": footage(seed, codec="libx264") for seed, name in enumerate(names)})
    seal(roll)
    cart.remember(roll)


def carded(monkeypatch: pytest.MonkeyPatch, card: PaperCard | None, lacks: str = "") -> None:
    hardware = Hardware(card, lacks)
    monkeypatch.setattr("engines.media.hardware.here", lambda: hardware)


def proxy(cart: Cart, name: str = "A001C001") -> dict[str, Any]:
    (path,) = cart.delivery.glob("*/*/nearset.json")
    (clip,) = (clip for clip in json.loads(path.read_text())["clips"] if clip["name"] == name)
    return clip["proxies"][-1]


def test_a_card_decodes_and_the_record_and_the_figures_say_so(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.words |= H264
    filmed(cart, "A001C001")
    card = PaperCard()
    carded(monkeypatch, card)
    with cart.shift() as shift:
        shift.drive()
        figures = exposition(shift.service.snapshot(shift.now()), shift.service.tally, shift.now()).decode()
    made = proxy(cart)
    assert made["decoder"] == card.name
    assert made["renditions"][0]["encoder"] == "prores_aw"
    assert 'nearset_decoded_frames_total{decoder="nvdec",production="TEST"} 6.0' in figures
    cart.assert_honest()


def test_proxies_are_the_same_bit_for_bit_whichever_decoded(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.words |= H264 | {"provenance": {"sign": False}}
    filmed(cart, "A001C001", "A001C002")
    carded(monkeypatch, PaperCard())
    cart.serve()
    by_card = proxy(cart)["xxh128"]
    cart.folder = cart.folder / "again"
    cart.__post_init__()
    cart.words["gpu"] = {"decode": "none"}
    filmed(cart, "A001C001", "A001C002")
    cart.serve()
    made = proxy(cart)
    assert (made["xxh128"], made["decoder"]) == (by_card, "libavcodec")


def test_a_card_that_is_lost_in_a_clip_costs_a_try_and_the_processor_delivers(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child of the second try finds no card any more, and the record says why."""
    cart.words |= H264
    filmed(cart, "A001C001")
    card = PaperCard(sick="lost", at=3)
    before, after = Hardware(card), Hardware(None, "engine.gpu_missing: no GPU answers")
    monkeypatch.setattr("engines.media.hardware.here", lambda: after if card.opened > 1 else before)
    with capture_logs() as told:
        cart.serve()
    (stumbled,) = (line for line in told if line["event"] == "job.ended" and line["outcome"] == "retried")
    assert (stumbled["stage"], stumbled["code"]) == ("render", "engine.device_lost")
    assert proxy(cart)["decoder"] == "libavcodec instead of NVDEC: engine.gpu_missing: no GPU answers"
    cart.assert_honest()


def test_a_card_that_fails_again_and_again_gives_the_clip_up_until_it_is_left_out(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.words |= H264
    filmed(cart, "A001C001")
    carded(monkeypatch, PaperCard(sick="lost", at=3))
    with cart.shift() as shift:
        shift.drive()
        given_up = shift.clip("A001C001")
        assert (given_up.state, given_up.trouble.code) == ("failed", "engine.device_lost")
        assert "gpu.decode" in given_up.trouble.fix
    cart.words["gpu"] = {"decode": "none"}
    with cart.shift() as shift:
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_without_a_card_the_processor_serves_and_only_who_named_one_is_told(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.words |= H264
    filmed(cart, "A001C001")
    carded(monkeypatch, None, "engine.gpu_missing: no driver")
    cart.serve()
    assert proxy(cart)["decoder"] == "libavcodec instead of NVDEC: engine.gpu_missing: no driver"
    cart.words["engine"] = "auto"
    assert hardware_of(choice_of(cart.config)) is None


def test_a_review_copy_is_encoded_by_the_card_only_where_somebody_asks(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.words |= H264 | {"delivery": {"presets": ["prores-proxy-mov", "h264-review"]}}
    filmed(cart, "A001C001")
    carded(monkeypatch, PaperCard())
    cart.serve()
    assert [made["encoder"] for made in proxy(cart)["renditions"]] == ["prores_aw", "libx264"]


def test_what_children_may_do_with_a_card_is_the_configurations_word(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not choice_of(cart.config).decode, "the engine for trials is not a GPU's"
    for engine in ("auto", "tensorrt-rtx", "eager-cuda"):
        cart.words["engine"] = engine
        choice = choice_of(cart.config)
        assert (choice.decode, choice.encode) == (True, False)
    cart.words |= {"engine": "auto", "gpu": {"decode": "none", "encode": "nvenc"}}
    choice = choice_of(cart.config)
    assert (choice.decode, choice.encode) == (False, True)
    monkeypatch.setattr("daemon.engine._DRIVER", cart.folder / "none")
    assert memory_of(cart.config) == 16 << 30
    monkeypatch.setattr("daemon.engine._DRIVER", cart.folder)
    assert memory_of(cart.config) == -1, "CUDA maps more than any limit"
