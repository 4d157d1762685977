"""Errors that frames can raise, and the one base that every nearset error shares.

Owns the shape of an error: what happened, why, how to fix, and a stable code. `daemon.errors` continues
the tree for productions and draws it whole. Must not know of cards, clips or jobs.
"""

from __future__ import annotations

from typing import ClassVar


class NearsetError(Exception):
    """An error a person can act on.

    `code` is stable across versions: logs, pages and tests name it. `what` says what happened, `why` the
    cause, `fix` what to do about it.
    """

    code: ClassVar[str] = "nearset"

    def __init__(self, what: str, *, why: str, fix: str) -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.code}: {self.what}. Why: {self.why}. Fix: {self.fix}."


class EngineError(NearsetError):
    """Something about frames, codecs, networks or the libraries that run them."""

    code = "engine"


class MediaError(EngineError):
    """The media cannot be read or written."""

    code = "media"


class Unreadable(MediaError):
    """The bytes are not media that a decoder here accepts, or they break while decoding."""

    code = "media.unreadable"


class BadWave(Unreadable):
    """A sound file is cut short, contradicts itself, or holds samples that are none."""

    code = "media.bad_wave"


class Undecodable(MediaError):
    """Camera raw that no decoder here can read; named, reported, never in the way of its card."""

    code = "media.undecodable"


class VariableRate(MediaError):
    """The clip has no constant frame rate and the recipe names none."""

    code = "media.variable_rate"


class EncodeFailed(MediaError):
    """The encoder or the muxer refused."""

    code = "media.encode_failed"


class ContractBroken(MediaError):
    """A written file breaks a line of the relink contract; it must not be delivered."""

    code = "media.contract_broken"


class BackendUnavailable(EngineError):
    """The engine that the configuration names cannot run on this machine."""

    code = "engine.unavailable"


class GpuMissing(BackendUnavailable):
    """No NVIDIA GPU can be used here: none is there, or its driver is not installed."""

    code = "engine.gpu_missing"


class WrongDriver(BackendUnavailable):
    """The GPU's driver is too old for the engine's library, or its parts do not fit each other."""

    code = "engine.wrong_driver"


class BuildFailed(BackendUnavailable):
    """An engine's plan could not be built."""

    code = "engine.build_failed"


class BadPlan(BackendUnavailable):
    """A plan is damaged, or was not made on this machine; it is never run."""

    code = "engine.bad_plan"


class ParityRefused(BackendUnavailable):
    """An engine gives other pictures than the reference, and there is none before it that could go on serving."""

    code = "engine.parity"


class GpuFault(EngineError):
    """The GPU failed in the midst of work that it can do."""

    code = "engine.gpu"


class DeviceLost(GpuFault):
    """The GPU stopped answering; the process that used it can use it no more."""

    code = "engine.device_lost"


class OutOfGpuMemory(GpuFault):
    """The GPU has no memory left for the work."""

    code = "engine.out_of_memory"


class BadSample(EngineError):
    """A sample of the replay store is missing or damaged."""

    code = "engine.bad_sample"


class BadWeights(EngineError):
    """A weights file is truncated, has another topology, or holds values that are not finite."""

    code = "engine.bad_weights"


class UnknownSpace(MediaError):
    """In which colour space a clip was recorded is not known; a person is asked."""

    code = "media.unknown_space"


class BadLook(EngineError):
    """A look's LUT cannot be read."""

    code = "engine.bad_look"


class NoScreen(MediaError):
    """A matte is asked for and the picture shows no screen of that colour."""

    code = "media.no_screen"


class BadMask(MediaError):
    """A painted mask cannot be read, or has another size than the picture."""

    code = "media.bad_mask"


class BadPlate(MediaError):
    """A plate is not there, cannot be read, or does not fit the clip that it goes with."""

    code = "media.bad_plate"


class BadPart(MediaError):
    """A part of a clip that was enhanced in parts is gone, damaged, or not of the pictures that it must be of."""

    code = "media.bad_part"
