"""Two engines a shape: the idle one takes the day's weights, is compared, and is swapped in or refused."""

from __future__ import annotations

import numpy as np
import pytest
from plans_in_hand import tuned

from engines.backends.eager import EagerBackend
from engines.backends.openvino import OpenVinoBackend
from engines.errors import BadPlan, BuildFailed, ParityRefused
from engines.model.weights import base_weights
from engines.plans import canary as canary_module
from engines.plans.canary import canary, keep_reference, parity, reference, reference_key
from engines.plans.key import PlanKey
from engines.plans.pair import Pair

SHAPE = (36, 48)
SUMS = [7449527, 7541862, 7306756, 6958738]
"""Code values of the canary's pictures at that shape, summed (2026-11-25)."""


def key_of(weights):
    return PlanKey(
        "plan", weights.topology.name, "", weights.digest, *SHAPE, "f16", "rtx", "1", "rebuild", "89", "", ""
    )


class Engine:
    """An engine whose renewals are counted; `in_use` as a session would make it."""

    def __init__(self, weights):
        self.weights = weights
        self.in_use = False
        self.renewed = 0

    def session(self):
        raise NotImplementedError


class Shop:
    """Refits an idle engine, or makes one; refuses what it is told to."""

    def __init__(self):
        self.made, self.bad, self.broken = [], set(), False

    def renew(self, idle, weights):
        if self.broken:
            raise BuildFailed("no engine", why="the card is full", fix="wait")
        if idle is None:
            idle = Engine(weights)
            self.made.append(idle)
        idle.weights, idle.renewed = weights, idle.renewed + 1
        return idle

    def refusal(self, engine, weights):
        assert engine.weights is weights
        return "its picture is off" if weights.digest in self.bad else ""


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def pair(shop):
    return Pair(shop.renew, shop.refusal)


@pytest.fixture(scope="module")
def days():
    """Base, and the weights after each of three cards."""
    weights = [base_weights("lite")]
    for day in range(3):
        weights.append(tuned(weights[-1], 0.02 + day / 100))
    return weights


def test_one_engine_serves_as_long_as_the_weights_stay(pair, shop, days):
    assert pair.serving(days[0]) is pair.serving(days[0])
    assert len(shop.made) == 1


def test_a_shoot_of_many_cards_needs_two_engines(pair, shop, days):
    for weights in (*days, *days[:1]):
        assert pair.serving(weights).weights is weights
    assert len(shop.made) == 2


def test_a_rollback_is_a_swap_and_nothing_is_renewed(pair, shop, days):
    before = pair.serving(days[0])
    pair.serving(days[1])
    renewed = sum(engine.renewed for engine in shop.made)
    assert pair.serving(days[0]) is before
    assert sum(engine.renewed for engine in shop.made) == renewed


def test_a_refused_parity_keeps_the_old_engine_and_says_so(pair, shop, days, caplog):
    shop.bad.add(days[1].digest)
    old = pair.serving(days[0])
    assert pair.serving(days[1]) is old
    assert old.weights is days[0]
    assert f"{days[0].name} goes on, {days[1].name} does not serve: its picture is off" in caplog.text


def test_refused_weights_are_not_renewed_for_every_clip(pair, shop, days):
    shop.bad.add(days[1].digest)
    pair.serving(days[0])
    for _ in range(3):
        pair.serving(days[1])
    assert sum(engine.renewed for engine in shop.made) == 2


def test_after_a_refusal_the_next_weights_are_tried(pair, shop, days):
    shop.bad.add(days[1].digest)
    for weights in days[:3]:
        served = pair.serving(weights)
    assert served.weights is days[2]


def test_refused_weights_with_no_engine_before_serve_nothing(pair, shop, days):
    shop.bad.add(days[0].digest)
    with pytest.raises(ParityRefused, match="its picture is off"):
        pair.serving(days[0])


def test_an_engine_that_a_clip_still_runs_on_is_not_renewed(pair, shop, days):
    first = pair.serving(days[0])
    first.in_use = True
    pair.serving(days[1])
    third = pair.serving(days[2])
    assert third is not first
    assert first.weights is days[0]


def test_a_renewal_that_fails_leaves_the_one_that_serves(pair, shop, days):
    old = pair.serving(days[0])
    shop.broken = True
    with pytest.raises(BuildFailed, match="the card is full"):
        pair.serving(days[1])
    assert pair.serving(days[0]) is old
    shop.broken = False
    assert pair.serving(days[1]).weights is days[1]


class Real:
    """An engine of a processor's back-end; `stale` is one whose renewal did nothing."""

    in_use = False

    def __init__(self, backend, weights, runs=None):
        self.weights, self._backend, self._runs = weights, backend, runs or weights

    def session(self):
        return self._backend.open(self._runs, *SHAPE)


@pytest.mark.parametrize("backend", [OpenVinoBackend, EagerBackend])
def test_real_engines_are_renewed_and_compared_with_the_kept_reference(store, days, backend):
    for weights in days[:2]:
        keep_reference(store, key_of(weights), EagerBackend().open(weights, *SHAPE))

    def refusal(engine, weights):
        return parity(engine.session(), reference(store, key_of(weights), weights), *SHAPE).refused

    pair = Pair(lambda _, weights: Real(backend(), weights), refusal)
    for weights in days[:2]:
        assert pair.serving(weights).weights is weights
    assert pair.refused == {}


def test_an_engine_that_kept_the_weights_of_the_day_before_is_refused(store, days):
    """A refit that silently does nothing, which TensorRT 11.3 was known for."""
    last = tuned(days[0], 0.05)
    keep_reference(store, key_of(last), EagerBackend().open(last, *SHAPE))

    def refusal(engine, weights):
        return (
            "" if weights is days[0] else parity(engine.session(), reference(store, key_of(last), last), *SHAPE).refused
        )

    pair = Pair(lambda _, weights: Real(OpenVinoBackend(), weights, runs=days[0]), refusal)
    pair.serving(days[0])
    assert pair.serving(last).weights is days[0]
    assert "of what the reference changes" in pair.refused[last.digest]


def test_a_reference_that_is_not_kept_is_made_by_a_process_of_its_own_and_kept(store, days, monkeypatch):
    truth = reference(store, key_of(days[0]), days[0])
    assert parity(EagerBackend().open(days[0], *SHAPE), truth, *SHAPE).error < 1e-6
    monkeypatch.setattr(canary_module, "_made", None)
    np.testing.assert_array_equal(reference(store, key_of(days[0]), days[0]), truth)


def test_a_reference_that_was_tampered_with_is_made_again(store, days):
    truth = keep_reference(store, key_of(days[0]), EagerBackend().open(days[0], *SHAPE))
    path = store.path(reference_key(key_of(days[0])))
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(BadPlan):
        store.load(reference_key(key_of(days[0])))
    np.testing.assert_allclose(reference(store, key_of(days[0]), days[0]), truth, atol=1e-5)


def test_the_canary_is_the_same_for_ever():
    """A kept reference is worth nothing if the picture that it is of moves."""
    sums = [int(np.rint(picture * 1023).sum()) for picture, _ in canary(*SHAPE)]
    assert sums == SUMS


def test_an_engine_whose_pictures_are_no_numbers_is_refused(days):
    class Broken(Real):
        def session(self):
            session = super().session()
            step = session.step
            session.step = lambda now, noise: step(now, noise) * np.float32("nan")
            return session

    truth = next(canary(*SHAPE))[0]
    assert parity(Broken(EagerBackend(), days[0]).session(), truth, *SHAPE).refused == "its pictures are not numbers"
