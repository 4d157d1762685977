"""Sync by ear: a clip is found where it is, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from recorder import talk
from scipy.signal import resample_poly

from engines.sound.clap import agree, claps
from engines.sound.fingerprint import RATE, print_of, to_rate
from engines.sound.pairing import Candidate, paired
from engines.sound.sync import matched
from engines.sound.wave import Samples


def ear(sound: Samples):
    def hear(first: float, seconds: float) -> Samples:
        begin, count = round(first * RATE), round(seconds * RATE)
        padded = np.pad(sound, (max(-begin, 0), max(begin + count - len(sound), 0)))
        return padded[max(begin, 0) :][:count]

    return hear


def candidate(
    sound: Samples, told: float | None = None, recorder: int = 0, speeds: tuple[float, ...] = (1.0,)
) -> Candidate:
    return Candidate(len(sound) / RATE, recorder, told, ear(sound), lambda: print_of(sound), speeds)


@pytest.fixture(scope="module")
def scene() -> Samples:
    return to_rate(talk(1), 48_000)


@pytest.fixture(scope="module")
def other() -> Samples:
    return to_rate(talk(2), 48_000)


def noisy(clip: Samples, snr_db: float) -> Samples:
    noise = np.random.default_rng(3).standard_normal(len(clip)) * clip.std() * 10 ** (-snr_db / 20)
    return (clip + noise).astype(np.float32)


@pytest.mark.parametrize("told", [None, 6.3, 15.0])
def test_a_clip_in_noise_is_found_whatever_its_timecode_says(
    scene: Samples, other: Samples, told: float | None
) -> None:
    clip = noisy(scene[6 * RATE : 12 * RATE], -3)
    pairing = paired(clip, [candidate(other), candidate(scene, told)])
    (found,) = pairing.found
    assert found.candidate == 1
    assert abs(found.match.seconds - 6.0) < 0.001
    assert found.by_timecode == (told == 6.3)


def test_a_clip_is_not_found_where_it_is_not(scene: Samples, other: Samples) -> None:
    assert paired(scene[: 8 * RATE], [candidate(other, 0.0)]).found == ()
    assert paired(np.zeros(4 * RATE, np.float32), [candidate(scene)]).found == ()
    assert paired(scene[: 8 * RATE], []).found == ()


def test_a_clip_that_lies_in_two_takes_of_one_recorder_is_in_neither(scene: Samples) -> None:
    clip = scene[6 * RATE : 10 * RATE]
    assert len(paired(clip, [candidate(scene), candidate(scene[RATE:])]).rivals) == 2
    both = paired(clip, [candidate(scene, recorder=1), candidate(scene[RATE:], recorder=2)])
    assert [round(found.match.seconds) for found in both.found] == [6, 5]


def test_a_take_that_holds_a_word_of_the_clip_does_not_hold_back_the_one_that_holds_it_all(
    scene: Samples, other: Samples
) -> None:
    """As playback of a rehearsal does: clear by itself, and far below the take that the clip was shot with."""
    clip = scene[4 * RATE : 16 * RATE]
    borrowed = other.copy()
    borrowed[9 * RATE : 12 * RATE] += scene[9 * RATE : 12 * RATE] * 0.2
    assert paired(clip, [candidate(borrowed)]).found
    pairing = paired(clip, [candidate(borrowed), candidate(scene)])
    assert [(found.candidate, round(found.match.seconds, 2)) for found in pairing.found] == [(1, 4.0)]
    assert pairing.rivals == ()
    alone = paired(clip, [candidate(scene)])
    assert pairing.found[0].match.confidence <= alone.found[0].match.confidence


def test_a_clip_over_two_takes_is_in_both(scene: Samples) -> None:
    pairing = paired(scene[: 16 * RATE], [candidate(scene[: 8 * RATE]), candidate(scene[8 * RATE :])])
    assert [(found.candidate, round(found.match.seconds, 2)) for found in pairing.found] == [(0, 0.0), (1, -8.0)]


def test_drift_is_measured_from_first_to_last() -> None:
    long = np.concatenate([to_rate(talk(seed), 48_000) for seed in (1, 2, 4)])
    ppm = 40.0
    places = np.arange(50 * RATE) * (1 + ppm * 1e-6) + 3 * RATE
    clip = np.interp(places, np.arange(len(long)), long).astype(np.float32)
    match = matched(clip, ear(long), 3.01)
    assert match is not None
    assert match.is_clear
    assert abs(match.seconds - 3.0) < 0.001
    assert abs(match.drift_ppm - ppm) < 5


def test_a_recording_pulled_down_is_found_at_its_own_speed(scene: Samples) -> None:
    pulled = resample_poly(scene, 1000, 1001).astype(np.float32)
    clip = scene[6 * RATE : 14 * RATE]
    (found,) = paired(clip, [candidate(pulled, 6.0, speeds=(1.0, 1.001, 1 / 1.001))]).found
    assert abs(found.match.drift_ppm + 999) < 20
    assert abs(found.match.seconds - 6.0 / 1.001) < 0.005


def test_a_slate_is_a_witness(scene: Samples, other: Samples) -> None:
    clip, sound = scene[5 * RATE : 9 * RATE].copy() * 0.2, scene.copy() * 0.2
    clip[2 * RATE : 2 * RATE + 20] += 0.9
    sound[7 * RATE : 7 * RATE + 20] += 0.9
    (found,) = paired(clip, [candidate(sound)]).found
    assert found.claps_agree is True
    assert agree(claps(clip), claps(sound), 5.0, 0.02) is True
    assert agree(claps(clip), claps(sound), 4.0, 0.02) is False
    assert agree(claps(clip), claps(other), 4.0, 0.02) is None


@pytest.mark.samples
@pytest.mark.parametrize(("name", "seconds"), [("timbl_2", 12.254), ("timbl_3", 12.231)])
def test_real_speech_is_found_where_it_was_taken_from(samples: Path, name: str, seconds: float) -> None:
    whole, part = (_load(samples / "sound" / "speech_sync" / f"{it}.mp3") for it in ("timbl_1", name))
    (found,) = paired(part, [candidate(whole)]).found
    assert abs(found.match.seconds - seconds) < 0.001


def _load(path: Path) -> Samples:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        return np.concatenate(
            [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        )
