"""A plan is code: what is not exactly as this machine sealed it is never run."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, fields, replace

import pytest
from plans_in_hand import MIB, tuned

from engines.errors import BadPlan
from engines.gpu.device import Gpu
from engines.plans import supply
from engines.plans.build import Built
from engines.plans.key import PlanKey, plan_key
from engines.plans.library import Library, Renewal
from engines.plans.store import PlanStore
from engines.plans.supply import supplied

KEY = PlanKey(
    what="plan",
    network="restore-lite",
    topology="5f0c",
    weights="ab12",
    height=272,
    width=480,
    precision="f16",
    library="tensorrt-rtx",
    version="1.7.1",
    renewal="rebuild",
    sm="89",
    gpu="",
    driver="",
)
PLAN = bytes(range(256)) * 40


class _Rtx(Library):
    def version(self):
        return "1.7.1"

    def api(self):
        return None


RTX = _Rtx("tensorrt-rtx", "tensorrt_rtx", "rtx", Renewal.REBUILD, builds_without_gpu=True)
FULL = _Rtx("tensorrt", "tensorrt", "gpu", Renewal.REFIT, builds_without_gpu=False)
CARD = Gpu("NVIDIA RTX 4090", "89", "580.65 CUDA 13.0", 24 << 30)


def test_a_plan_comes_back_as_it_was_kept_and_nobody_else_may_read_it(store):
    path = store.save(KEY, PLAN, 0.2)
    assert store.load(KEY) == PLAN
    for file in store.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    (listed,) = store.listed()
    assert (listed.key, listed.path, listed.size_bytes, listed.seconds, listed.refused) == (
        KEY,
        path,
        len(PLAN),
        0.2,
        "",
    )


def test_a_plan_that_was_never_kept_is_not_there(store):
    assert store.load(KEY) is None
    assert store.listed() == []


@pytest.mark.parametrize("word", [field.name for field in fields(PlanKey)])
def test_any_word_of_the_key_that_differs_is_another_plan(store, word):
    store.save(KEY, PLAN, 0.2)
    other = replace(KEY, **{word: 7 if word in {"height", "width"} else "other"})
    assert store.path(other) != store.path(KEY)
    assert store.load(other) is None


def changed(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    os.truncate(path, path.stat().st_size - 1)


def emptied(path):
    os.truncate(path, 0)


def opened_to_others(path):
    path.chmod(0o666)


def a_link(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def without_seal(path):
    path.with_suffix(".seal").unlink()


def seal_that_is_no_seal(path):
    path.with_suffix(".seal").write_text("[]")


def unsigned(path):
    seal = json.loads(path.with_suffix(".seal").read_text())
    path.with_suffix(".seal").write_text(json.dumps(seal | {"hmac": ""}))


def relabelled(path):
    seal = json.loads(path.with_suffix(".seal").read_text())
    path.with_suffix(".seal").write_text(json.dumps(seal | {"key": asdict(replace(KEY, sm="120"))}))


def said_to_take_longer(path):
    seal = json.loads(path.with_suffix(".seal").read_text())
    path.with_suffix(".seal").write_text(json.dumps(seal | {"seconds": seal["seconds"] + 1}))


def signed_by_another(path):
    path.with_name("machine.key").write_bytes(b"k" * 32)


def key_that_others_read(path):
    path.with_name("machine.key").chmod(0o644)


HARM = [
    changed,
    cut,
    emptied,
    opened_to_others,
    a_link,
    without_seal,
    seal_that_is_no_seal,
    unsigned,
    relabelled,
    said_to_take_longer,
    signed_by_another,
    key_that_others_read,
]


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_a_plan_that_is_not_as_it_was_sealed_is_refused_and_makes_room_for_a_new_one(store, harm):
    path = store.save(KEY, PLAN, 0.2)
    harm(path)
    with pytest.raises(BadPlan) as refused:
        store.load(KEY)
    assert refused.value.code == "engine.bad_plan"
    assert store.load(KEY) is None
    store.save(KEY, PLAN, 0.2)
    assert store.load(KEY) == PLAN


def test_a_plan_put_in_anothers_place_is_refused(store):
    """Both are ours, and each has its seal."""
    other = replace(KEY, sm="120")
    here, there = store.save(KEY, PLAN, 0.2), store.save(other, PLAN[::-1], 0.2)
    for suffix in (".plan", ".seal"):
        there.with_suffix(suffix).replace(here.with_suffix(suffix))
    with pytest.raises(BadPlan, match="of another plan"):
        store.load(KEY)


def test_a_state_folder_copied_to_another_cart_takes_no_plan_along(store):
    store.save(KEY, PLAN, 0.2)
    with pytest.raises(BadPlan, match="not made on this machine"):
        replace(store, machine=lambda: "the other cart").load(KEY)


def test_a_refused_plan_is_listed_with_its_reason(store):
    cut(store.save(KEY, PLAN, 0.2))
    (listed,) = store.listed()
    assert "cut short" in listed.refused


def test_what_was_used_longest_ago_makes_room(store):
    small = replace(store, most_bytes=2 * len(PLAN))
    keys = [replace(KEY, sm=sm) for sm in ("86", "89", "120")]
    for age, key in enumerate(keys[:2]):
        os.utime(small.save(key, PLAN, 0.1), ns=(age, age))
    assert small.load(keys[0])
    small.save(keys[2], PLAN, 0.1)
    assert [bool(small.load(key)) for key in keys] == [True, False, True]


def test_a_plan_larger_than_all_room_is_kept_until_the_next(store):
    tight = replace(store, most_bytes=1)
    tight.save(KEY, PLAN, 0.1)
    assert tight.load(KEY) == PLAN


def test_clearing_leaves_what_signs_and_nothing_else(store):
    store.save(KEY, PLAN, 0.2)
    (store.folder / "cut-off.plan.1234.part").write_bytes(b"")
    assert store.clear() == 1
    assert [path.name for path in store.folder.iterdir()] == ["machine.key"]


def test_a_plan_that_holds_its_weights_is_named_by_them_and_one_that_is_refitted_is_not(base):
    other = tuned(base)
    rebuilt = [plan_key(RTX, weights, 36, 48, Renewal.REBUILD, "89") for weights in (base, other)]
    refitted = [plan_key(FULL, weights, 36, 48, Renewal.REFIT, CARD) for weights in (base, other)]
    assert rebuilt[0] != rebuilt[1]
    assert refitted[0] == refitted[1]


def test_a_plan_of_the_full_library_is_for_one_gpu_and_driver_and_one_for_rtx_is_for_an_sm(base):
    newer = replace(CARD, driver="590.10 CUDA 13.1")
    full = [plan_key(FULL, base, 36, 48, Renewal.REFIT, card) for card in (CARD, newer)]
    assert full[0].digest != full[1].digest
    ahead = plan_key(RTX, base, 36, 48, Renewal.REBUILD, "89")
    assert ahead == plan_key(RTX, base, 36, 48, Renewal.REBUILD, CARD)


@pytest.fixture
def builds(monkeypatch):
    """Builds that take no time; the list says of which weights."""
    made = []

    def build(library, weights, *_):
        made.append(weights.digest)
        return Built(PLAN, 0.2)

    monkeypatch.setattr(supply, "built", build)
    return made


def test_a_plan_is_built_once_and_found_again(store, base, builds):
    first, second = (supplied(store, RTX, base, 36, 48, "89") for _ in range(2))
    assert (first.plan, first.seconds) == (PLAN, 0.2)
    assert (second.plan, second.seconds, second.path) == (PLAN, 0.0, first.path)
    assert builds == [base.digest]


def test_a_plan_that_was_tampered_with_is_built_again_and_the_reason_told(store, base, builds, caplog):
    changed(supplied(store, RTX, base, 36, 48, "89").path)
    again = supplied(store, RTX, base, 36, 48, "89")
    assert again.plan == PLAN
    assert "not made on this machine" in again.refused
    assert "engine.bad_plan" in caplog.text
    assert len(builds) == 2


def test_the_plan_of_another_production_is_not_taken(store, tmp_path, base, builds):
    theirs = PlanStore(tmp_path / "other", 64 * MIB, machine=store.machine)
    made = supplied(theirs, RTX, base, 36, 48, "89")
    ours = store.path(made.key)
    store.save(KEY, PLAN, 0.1)
    for suffix in (".plan", ".seal"):
        made.path.with_suffix(suffix).replace(ours.with_suffix(suffix))
    assert supplied(store, RTX, base, 36, 48, "89").refused


def test_kernels_are_compiled_once_a_source_and_sm_and_sealed_as_plans_are(store, monkeypatch):
    compiled = []
    monkeypatch.setattr(supply, "cubin", lambda sm, name: compiled.append((sm, name)) or PLAN)
    other = replace(CARD, sm="120")
    for card, name in ((CARD, "motion"), (CARD, "motion"), (CARD, "pictures"), (other, "motion")):
        assert supply.kernels(store, card, name) == PLAN
    assert compiled == [("89", "motion"), ("89", "pictures"), ("120", "motion")]
    (path,) = (shelved.path for shelved in store.listed() if (shelved.key.sm, shelved.key.network) == ("120", "motion"))
    path.write_bytes(PLAN[:-1])
    assert supply.kernels(store, other, "motion") == PLAN
    assert compiled[3:] == [("120", "motion")]


def test_kernels_whose_source_changed_are_compiled_anew(store, monkeypatch):
    texts = iter(("one", "other"))
    monkeypatch.setattr(supply, "whole_source", lambda _: next(texts))
    made = iter((PLAN, PLAN[:40]))
    monkeypatch.setattr(supply, "cubin", lambda *_: next(made))
    assert [supply.kernels(store, CARD, "motion") for _ in range(2)] == [PLAN, PLAN[:40]]
