"""The guide mix: as loud as asked for, never above its ceiling, and no louder for every open microphone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder import RATE, bwf, talk
from test_wave import opened

from engines.sound import denoise
from engines.sound.limiter import limited
from engines.sound.loudness import loudness, true_peak
from engines.sound.mix import Settings, mixed, share
from engines.sound.place import placed
from engines.sound.wave import Samples


def given_(samples: Samples) -> Samples:
    return samples


def hiss(seed: int, seconds: float = 5.0) -> Samples:
    return (np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 0.05).astype(np.float32)


def power_db(samples: Samples) -> float:
    return 10 * float(np.log10((samples.astype(float) ** 2).mean()))


def test_the_meter_reads_what_the_standard_says() -> None:
    """Source: EBU Tech 3341: a sine of 1 kHz at -23 dBFS in both channels is -23 LUFS, in one of them 3 LU less."""
    sine = (10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * np.arange(20 * RATE) / RATE)).astype(np.float32)
    assert loudness(np.stack([sine, sine], axis=1), RATE) == pytest.approx(-23.0, abs=0.1)
    assert loudness(sine, RATE) == pytest.approx(-26.0, abs=0.1)
    assert loudness(np.concatenate([sine, np.zeros(20 * RATE, np.float32)]), RATE) == pytest.approx(-26.0, abs=0.1)
    assert loudness(np.zeros(RATE, np.float32), RATE) == -np.inf


def test_a_peak_between_samples_is_seen() -> None:
    sine = np.sin(2 * np.pi * (RATE / 4) * np.arange(4800) / RATE + np.pi / 4).astype(np.float32)
    assert np.abs(sine).max() < 0.71
    assert true_peak(sine) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("gain", [0.02, 1.0, 8.0])
def test_a_mix_has_the_loudness_and_stays_under_the_ceiling(gain: float) -> None:
    loud = np.clip(talk(1, 6.0) * gain, -1, 1).astype(np.float32)
    loud[RATE :: 2 * RATE] = 0.99
    made = mixed([partial(given_, loud), partial(given_, hiss(1, 6.0) * 0.02)], RATE, Settings())
    assert abs(loudness(made.samples, RATE) + 23) <= 0.5
    assert true_peak(made.samples) <= -1.0 + 0.01
    assert made.reached


def test_silence_is_not_brought_up() -> None:
    made = mixed([partial(given_, np.zeros(5 * RATE, np.float32))], RATE, Settings())
    assert not made.reached
    assert not made.samples.any()


@pytest.mark.parametrize("count", [2, 5])
def test_many_open_microphones_are_as_loud_as_one(count: int) -> None:
    apart = [hiss(seed) for seed in range(count)]
    alike = [hiss(9)] * count
    for tracks in (apart, alike):
        total = share([partial(given_, track) for track in tracks], RATE)
        assert abs(power_db(total) - power_db(tracks[0])) <= 0.5


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 20.0), st.integers(0, 1000))
def test_nothing_passes_the_ceiling(gain: float, seed: int) -> None:
    burst = np.random.default_rng(seed).standard_normal(4800) * gain
    assert true_peak(limited(burst.astype(np.float32), RATE, -1.0)) <= -1.0 + 0.01


def test_noise_goes_and_speech_stays() -> None:
    speech = np.concatenate([np.zeros(2 * RATE, np.float32), talk(1, 8.0)])
    noise = hiss(4, 10.0) * 0.4
    noisy = (speech + noise).astype(np.float32)
    quiet = denoise.quieted(noisy, RATE, denoise.profile(noisy, RATE), 12.0)
    assert len(quiet) == len(noisy)
    assert power_db(noisy[RATE // 2 : RATE]) - power_db(quiet[RATE // 2 : RATE]) >= 8
    error = [power_db((made - speech)[2 * RATE :]) for made in (noisy, quiet)]
    assert error[1] < error[0] - 2
    assert denoise.quieted(noisy, RATE, denoise.profile(noisy, RATE), 0.0) is noisy


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_a_track_is_placed_in_a_clips_time(rate: int) -> None:
    seconds = np.arange(3 * rate) / rate
    with opened(bwf(0.5 * np.sin(2 * np.pi * 440 * seconds), 0, rate=rate)) as wave:
        for drift in (0.0, 100.0):
            made = placed(wave, 0, 1.0, RATE, RATE, drift)
            expected = 0.5 * np.sin(2 * np.pi * 440 * (1 + np.arange(RATE) / RATE * (1 + drift * 1e-6)))
            assert np.abs(made - expected).max() < 0.005
        early = placed(wave, 0, -0.5, RATE, RATE)
        assert not early[: RATE // 2 - 64].any()
