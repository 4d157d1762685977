"""What is kept to learn from: only what may be, within its room, and nothing that nobody knows of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cart import Cart, seal
from dailies import Tutor, assert_sound, kept_files, models_of, samples_of, shoot
from footage import footage
from hypothesis import given
from hypothesis import strategies as st

from daemon import wire
from daemon.stages import sample
from daemon.stages.refine import _JUDGES, _LESSONS, _chosen
from daemon.stages.sample import Sample, SampleTask
from daemon.states import JobState
from daemon.store import KeptSample
from engines.errors import BadSample
from engines.model.replay import Replay


def test_of_the_first_clips_one_judges_and_the_others_are_learned_from(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001", "A001C002", "A001C003", "A001C004", "A001C005")
    cart.serve()
    samples = samples_of(cart)
    judging, taught = ({x.clip for x in samples if x.holdout is holdout} for holdout in (True, False))
    assert judging
    assert taught
    assert not judging & taught
    assert all(task.samples for task in tutor.tasks)


def test_who_judges_is_the_same_whatever_the_order_of_the_shoot(folder: Path, cart: Cart, tutor: Tutor) -> None:
    names = [f"A001C{number:03}" for number in range(1, 9)]
    shoot(cart, *names)
    with cart.shift() as shift:
        shift.drive()
        by_identity = {clip.identity: clip.name for clip in shift.clips()}
        tasks = [wire.load(SampleTask, job.task) for job in shift.production.store.jobs() if job.stage == "sample"]
    first, *others = tasks
    stable = {by_identity[task.clip] for task in others if task.holdout}
    assert first.holdout
    assert len(tasks) == len(names)
    assert len(stable) < len(names)
    assert tutor.tasks


@pytest.mark.parametrize("word", ["a001c00[2]", "A00?C002", "A001C002.mov", "a001c002.MOV"])
def test_an_exclusion_holds_however_the_clip_is_written(cart: Cart, tutor: Tutor, word: str) -> None:
    cart.words["model"] = {"exclude": [word]}
    shoot(cart, "A001C001", "A001C002", "A001C003")
    cart.serve()
    with cart.shift() as shift:
        excluded = shift.clip("A001C002").identity
    assert excluded not in {sample.clip for sample in samples_of(cart)}
    assert len({sample.clip for sample in samples_of(cart)}) == 2
    assert tutor.tasks


def test_a_clip_that_is_excluded_later_is_forgotten_and_never_taught_again(
    cart: Cart, tutor: Tutor, capsys: pytest.CaptureFixture[str]
) -> None:
    shoot(cart, "A001C001", "A001C002", "A001C003")
    cart.serve()
    with cart.shift() as shift:
        gone = shift.clip("A001C002").identity
    cart.words["model"] = {"exclude": ["A001C002"]}
    shoot(cart, "A002C001", roll="A002", first_seed=8)
    cart.serve()
    assert gone not in {sample.clip for sample in samples_of(cart)}
    assert gone in {sample.clip for sample in tutor.tasks[0].samples}
    assert gone not in {sample.clip for sample in tutor.tasks[-1].samples}
    assert len(tutor.tasks) == 2
    assert "nearset model rollback" in capsys.readouterr().out
    assert_sound(cart)


def test_work_that_waits_is_dropped_when_the_approval_is_withdrawn(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001", "A001C002")
    with cart.shift() as shift:
        while not (waiting := [job for job in shift.production.store.jobs() if job.stage == "sample"]):
            shift.tick()
        assert waiting
    cart.hands.close()
    del cart.words["production"]["training"]
    cart.serve()
    with cart.shift() as shift:
        states = {job.state for job in shift.production.store.jobs() if job.stage == "sample"}
        assert states == {JobState.DROPPED}
    assert tutor.tasks == []
    assert samples_of(cart) == []


def test_what_waits_is_planned_anew_when_the_exclusions_change(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001", "A001C002", "A001C003")
    with cart.shift() as shift:
        while not [job for job in shift.production.store.jobs() if job.stage == "refine"]:
            shift.tick()
        excluded = shift.clip("A001C002").identity
    cart.hands.close()
    cart.words["model"] = {"exclude": ["A001C002"]}
    cart.serve()
    (task,) = tutor.tasks
    assert task.samples
    assert excluded not in {sample.clip for sample in task.samples}


def test_a_thinned_card_is_not_learned_from_again(cart: Cart, tutor: Tutor) -> None:
    cart.words["refine"] = {"samples_a_clip": 2, "replay_gib": 0.0006}
    for number in (1, 2, 3):
        shoot(cart, *(f"A00{number}C00{clip}" for clip in range(1, 5)), roll=f"A00{number}", first_seed=11 * number)
        cart.serve()
        cart.serve()
    assert len(tutor.tasks) == 3
    samples = samples_of(cart)
    taught = [sample for sample in samples if not sample.holdout]
    assert {sample.card for sample in taught} == {1, 2, 3}
    assert sum(sample.size_bytes for sample in samples) <= 0.0006 * 2**30 or len(taught) == 3
    assert_sound(cart)


def test_what_a_killed_child_left_is_swept_at_the_next_start(taught: tuple[Cart, Tutor]) -> None:
    cart, tutor = taught
    with cart.shift() as shift:
        models = models_of(shift)
    kept = kept_files(cart)
    (cart.config.replay / f"{'0' * 64}.safetensors").write_bytes(b"a cut nobody knows of")
    (cart.config.replay / f"{'1' * 64}.part").write_bytes(b"half a cut")
    for ending in ("safetensors", "json", "jpg", "safetensors.part"):
        (cart.config.models / f"{'2' * 64}.{ending}").write_bytes(b"a candidate nobody judged")
    (cart.config.models / "notes.txt").write_text("a person's own")
    cart.serve()
    assert kept_files(cart) == kept
    assert {path.stem for path in cart.config.models.glob("*.safetensors")} == {model.digest for model in models}
    assert (cart.config.models / "notes.txt").exists()
    assert_sound(cart)
    assert len(tutor.tasks) == 1


def test_a_clip_too_short_for_a_cut_says_nothing_of_its_cameras_noise(cart: Cart, tutor: Tutor) -> None:
    cart.card("A001C001.mov")  # six frames
    cart.serve()
    with cart.shift() as shift:
        assert shift.production.store.camera_noise() == []
        assert shift.production.store.samples() == []
        assert shift.clip_states() == ["delivered"]
    assert cart.hands.done.count("sample") == 1
    assert tutor.tasks == []


SONY = b"""<NonRealTimeMeta><Duration value="20"/><Device manufacturer="Sony" modelName="ILCE-7SM3"/>
<AcquisitionRecord><Group name="CameraUnitMetadataSet"><Item name="ISOSensitivity" value="12800"/></Group>
</AcquisitionRecord></NonRealTimeMeta>"""


@pytest.mark.parametrize(
    ("files", "camera", "iso"),
    [
        ({"DCIM/100MEDIA/DJI_0001.MOV": b"", "DCIM/100MEDIA/DJI_0001.SRT": b"1\n[iso : 400]\n2\n[iso : 400]"}, "", 400),
        ({"M4ROOT/CLIP/C0001.MOV": b"", "M4ROOT/CLIP/C0001M01.XML": SONY}, "Sony ILCE-7SM3", 12800),
        ({"A001C001.mov": b""}, "", 0),
    ],
)
def test_noise_is_kept_by_the_camera_and_the_iso_that_a_sidecar_tells(
    cart: Cart, tutor: Tutor, files: dict[str, bytes], camera: str, iso: int
) -> None:
    folder = cart.roll("A001")
    cart.put(folder, {path: data or footage(1, frames=20) for path, data in files.items()})
    seal(folder)
    cart.serve()
    with cart.shift() as shift:
        (noise,) = shift.production.store.camera_noise()
    assert (noise.camera, noise.iso, noise.clips) == (camera, iso, 1)
    assert noise.read > 0
    assert tutor.tasks == []  # one clip alone judges, and there is nothing to learn from yet


def test_every_cut_that_is_kept_comes_again_from_the_productions_own_camera_files(
    folder: Path, cart: Cart, tutor: Tutor
) -> None:
    shoot(cart, "A001C001", "A001C002", "A001C003")
    cart.serve()
    with cart.shift() as shift:
        tasks = [wire.load(SampleTask, job.task) for job in shift.production.store.jobs() if job.stage == "sample"]
    again = folder / "again"
    for task in tasks:
        sample.work(wire.dump(SampleTask, replace(task, replay=str(again))), lambda *_: None)
    assert {path.stem for path in again.iterdir()} == kept_files(cart)
    for digest in kept_files(cart):
        assert Replay(cart.config.replay).load(digest).pictures.shape[0] == 8
    assert tutor.tasks


def kept(number: int, card: int, clip: int, *, holdout: bool) -> KeptSample:
    digest, identity = f"{number:064x}", f"{card:04x}{clip:060x}"
    facts = Sample(digest, identity, f"camera {clip % 2}", 8 * number, 8, holdout, 100)
    return KeptSample(digest, card, identity, 8 * number, holdout, 100, wire.dump(Sample, facts))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40), st.booleans()), max_size=300))
def test_an_update_looks_at_few_cuts_of_many_clips_and_at_its_own_cards_last(cuts) -> None:
    samples = [kept(number, card, clip, holdout=hold) for number, (card, clip, hold) in enumerate(cuts)]
    cards = {x.digest: x.card for x in samples}
    chosen = _chosen(samples, 3)
    taught = [x for x in chosen if not x.holdout]
    judging = [x for x in chosen if x.holdout]
    assert len(set(chosen)) == len(chosen)
    assert len(judging) == min(_JUDGES, sum(x.holdout for x in samples))
    own = [cards[x.digest] == 3 for x in taught]
    assert own == sorted(own)
    of_card = [x for x in samples if x.card == 3 and not x.holdout]
    assert sum(own) == min(_LESSONS, len(of_card))
    clips = {x.clip for x in of_card}
    newest = taught[len(taught) - min(sum(own), len(clips)) :]
    assert {x.clip for x in newest} == {x.clip for x in taught[len(taught) - sum(own) :]} or len(clips) > _LESSONS
    cameras = {wire.load(Sample, x.facts).camera for x in samples if x.holdout}
    if len(judging) > 1:
        assert {x.camera for x in judging} == cameras


def test_a_cut_whose_noise_was_damaged_on_disk_teaches_nothing(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001")
    cart.serve()
    kept = samples_of(cart)[0]
    replay = Replay(cart.config.replay)
    whole = replay.path(kept.digest).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    words = json.loads(whole[8 : 8 + size])
    at = 8 + size + words["power"]["data_offsets"][0]
    shot = whole.index(words["__metadata__"]["shot"].encode())
    assert replay.load(kept.digest)
    for place in (at, shot):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        replay.path(kept.digest).write_bytes(damaged)
        with pytest.raises(BadSample, match="cannot be used"):
            replay.load(kept.digest)
