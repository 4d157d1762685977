"""The mix half of the sound bench: loudness, true peak, gain sharing, and noise reduction beside ffmpeg's afftdn."""

from __future__ import annotations

import math
from fractions import Fraction

import av
import numpy as np
from scipy.signal import correlate, lfilter

from bench.soundstage import Stage
from engines.sound import denoise
from engines.sound.loudness import loudness
from engines.sound.mix import Settings, mixed, share
from engines.sound.wave import Samples

RATE = 48_000
_PEER_DB = -45
"""dBFS of the noise that afftdn is given."""
_PAUSE = 2 * RATE
"""Noise alone before somebody speaks; its middle second is where reduction is measured."""


def bench(stage: Stage) -> bool:
    """Return whether every promise of the mix holds."""
    return all([_levels(stage), _sharing(stage), _reduction(stage)])


def _levels(stage: Stage) -> bool:
    """Loudness and true peak over isos of every kind, by ffmpeg's ebur128."""
    worst_lufs, worst_peak, cases = 0.0, -math.inf, 0
    for target in (-23.0, -24.0):
        for kind in ("one", "three", "quiet", "claps", "shouting", "whisper", "floor"):
            tracks = _isos(stage, kind)
            made = mixed([lambda track=track: track for track in tracks], RATE, Settings(loudness_lufs=target))
            lufs, peak = ebur128(made.samples)
            worst_lufs, worst_peak, cases = max(worst_lufs, abs(lufs - target)), max(worst_peak, peak), cases + 1
    print(f"{cases} mixes by ebur128: off by at most {worst_lufs:.2f} LU, true peak at most {worst_peak:.2f} dBTP")
    return worst_lufs <= 0.5 and worst_peak <= -1.0 + 0.05


def _isos(stage: Stage, kind: str) -> list[Samples]:
    talk = stage.talk(20.0)
    hiss = stage.noise(len(talk)) * 0.002
    if kind == "three":
        return [stage.talk(20.0) * gain + stage.noise(len(talk)) * 0.003 for gain in (1.0, 0.5, 0.7)]
    if kind == "quiet":
        return [talk * 0.01 + hiss * 0.01]
    if kind == "claps":
        loud = talk * 0.3 + hiss
        loud[RATE :: 3 * RATE] = 0.99
        return [loud]
    if kind == "shouting":
        return [np.clip(talk * 8, -1, 1).astype(np.float32)]
    if kind == "whisper":
        return [talk * np.linspace(0.02, 1.5, len(talk)).astype(np.float32) + hiss]
    return [hiss] if kind == "floor" else [talk + hiss]


def _sharing(stage: Stage) -> bool:
    """N open microphones against one: rooms of their own, the same sound in all, and one that is spoken into."""
    worst = 0.0
    for count in (2, 4, 8):
        alone = stage.noise(10 * RATE) * 0.05
        rooms = [stage.noise(10 * RATE) * 0.05 for _ in range(count)]
        hiss = [(stage.rng.standard_normal(10 * RATE) * 0.05).astype(np.float32) for _ in range(count)]
        for tracks in (hiss, [alone] * count):
            gain = _power_db(share([lambda track=track: track for track in tracks], RATE)) - _power_db(tracks[0])
            worst = max(worst, abs(gain))
        talk = stage.talk(10.0)
        spoken = [talk + rooms[0] * 0.02, *(room * 0.02 for room in rooms[1:])]
        worst = max(worst, abs(_power_db(share([lambda t=t: t for t in spoken], RATE)) - _power_db(spoken[0])))
    print(f"gain sharing: 2, 4 and 8 open microphones are within {worst:.2f} dB of one")
    return worst <= 0.5


def _reduction(stage: Stage) -> bool:
    """SI-SDR of noisy speech at equal reduction, ours against the best afftdn, both taught by the same pause."""
    speech = np.concatenate([stage.speech[0], stage.speech[1]])[: 30 * RATE]
    wins, cases, least = 0, 0, math.inf
    for colour in (0.0, 0.7, 0.95):
        for snr in (0, 5, 10, 15):
            noise = lfilter([1], [1, -colour], stage.rng.standard_normal(len(speech) + _PAUSE))
            noise *= speech.std() / noise.std() * 10 ** (-snr / 20)
            noisy = (np.concatenate([np.zeros(_PAUSE), speech]) + noise).astype(np.float32)
            known = denoise.profile(noisy[:_PAUSE], RATE, is_room=True)
            ours = denoise.quieted(noisy, RATE, known, 12.0)
            got, quality = _reduced(noisy, ours), _quality(ours, speech)
            reached, theirs = _peer(noisy, speech, got)
            if reached < got - 0.5:
                quality = _quality(denoise.quieted(noisy, RATE, known, reached), speech)
            wins, cases, least = wins + (quality > theirs), cases + 1, min(least, got)
            print(
                f"  {colour:.2f}, {snr:2} dB: -{got:.1f}, at -{reached:.1f} SI-SDR {quality:.2f}, afftdn {theirs:.2f}",
                flush=True,
            )
    print(f"noise reduction at least {least:.1f} dB; better than afftdn at equal reduction in {wins} of {cases}")
    return least >= 8 and wins == cases


def _peer(noisy: Samples, speech: Samples, reduction: float) -> tuple[float, float]:
    """Return the reduction asked for, or the most that afftdn reaches, and its best SI-SDR there.

    Its floor ends at -20 dBFS, so the noise is brought to -45 first. It is told a floor at the noise's level and above
    it, and is taught the noise's shape by the pause or not: shape and floor go separately there.
    """
    level = np.float32(10 ** ((_PEER_DB - _power_db(noisy[:_PAUSE])) / 20))
    loud = noisy * level
    reached = []
    for above in (0, 3, 6, 10, 20):
        for taught in (False, True):
            points = []
            for asked in (9, 12, 18):
                made = afftdn(loud, f"nr={asked}:nf={_PEER_DB + above}", taught=taught)
                points.append((_reduced(loud, made), _quality(made, speech)))
            points.sort()
            at = min(reduction, points[-1][0])
            reached.append((at, float(np.interp(at, *zip(*points, strict=True)))))
    furthest = max(at for at, _ in reached)
    return max((pair for pair in reached if pair[0] >= furthest - 0.5), key=lambda pair: pair[1])


def afftdn(samples: Samples, words: str, *, taught: bool) -> Samples:
    """Return samples through afftdn, in step with what went in."""
    commands = "0.1 afftdn sn start; 1.8 afftdn sn stop"
    chain = [("asendcmd", f"c='{commands}'")] if taught else []
    made = filtered(samples, [*chain, ("afftdn", words)])
    lag = int(np.argmax(correlate(made[: 8 * RATE], samples[: 8 * RATE], "full"))) - (min(len(samples), 8 * RATE) - 1)
    return np.pad(made[max(lag, 0) :], (max(-lag, 0), max(lag, 0)))[: len(samples)]


def filtered(samples: Samples, chain: list[tuple[str, str]]) -> Samples:
    """Return samples through filters of libavfilter."""
    graph = av.filter.Graph()
    last = source = graph.add_abuffer(format="flt", sample_rate=RATE, layout="mono", time_base=Fraction(1, RATE))
    for name, words in [*chain, ("aformat", "sample_fmts=flt:channel_layouts=mono")]:
        step = graph.add(name, words)
        last.link_to(step)
        last = step
    sink = graph.add("abuffersink")
    last.link_to(sink)
    graph.configure()
    made: list[np.ndarray] = []
    for first in range(0, len(samples), 4800):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, first : first + 4800]), "flt", "mono")
        frame.sample_rate, frame.pts = RATE, first
        source.push(frame)
        _drain(sink, made)
    source.push(None)
    _drain(sink, made)
    return np.concatenate(made)


def _drain(sink: av.filter.context.FilterContext, made: list[np.ndarray]) -> None:
    while True:
        try:
            made.append(sink.pull().to_ndarray().reshape(-1))
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def ebur128(samples: Samples) -> tuple[float, float]:
    """Return integrated loudness and true peak as ffmpeg's ebur128 measures them: a judge that is not ours."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=RATE, layout="mono", time_base=Fraction(1, RATE))
    meter, sink = graph.add("ebur128", "peak=true:metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    said: dict[str, str] = {}
    for first in range(0, len(samples), 4800):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, first : first + 4800]), "flt", "mono")
        frame.sample_rate, frame.pts = RATE, first
        source.push(frame)
        _read(sink, said)
    source.push(None)
    _read(sink, said)
    return float(said["lavfi.r128.I"]), 20 * math.log10(max(float(said["lavfi.r128.true_peaks_ch0"]), 1e-9))


def _read(sink: av.filter.context.FilterContext, said: dict[str, str]) -> None:
    while True:
        try:
            said |= dict(sink.pull().metadata)
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _reduced(before: Samples, after: Samples) -> float:
    middle = slice(RATE // 2, RATE * 3 // 2)
    return _power_db(before[middle]) - _power_db(after[middle])


def _quality(made: Samples, speech: Samples) -> float:
    """Return the SI-SDR in dB over what is spoken. Source: Le Roux et al., SDR - half-baked or well done?, 2019."""
    said, meant = made[_PAUSE:].astype(float), speech.astype(float)
    target = (said @ meant) / (meant @ meant) * meant
    return 10 * math.log10((target @ target) / ((said - target) @ (said - target)))


def _power_db(samples: Samples) -> float:
    return 10 * math.log10(float((samples.astype(float) ** 2).mean()) + 1e-20)


def measured(samples: Samples) -> float:
    """Return our own meter's word, to be compared with ebur128's."""
    return loudness(samples, RATE)
