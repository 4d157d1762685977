"""The line, in order. Start reading here.

    intake    scan the roots, find cards and clips, wait until files lie quiet
    manifest  read the manifests, hash every byte, admit what holds            [child: hash]
    looks     read the grades that lie about; send back the clips that another one is for now
    probe     measure what the clip holds                                      [child: probe]
    circles   mark the circled takes, which come first in every stage
    spans     make one clip of a recording that goes on on another roll, or let its half wait
    part      enhance a long clip in parts, several at once, for render to join              [child: decode, enhance]
    render    plain proxy first, then the enhanced twin                        [child: decode, enhance, grade, encode]
    publish   put a finished proxy in place, whole and never over another
    listen    read what a sound roll's files say, and take their fingerprints                     [child: listen]
    room      learn a place's noise from its room tones, where training is approved                [child: learn]
    sync      find each clip in the sound of its day, by timecode and by ear                      [child: decode, match]
    mix       make the guide mix of what was found                                               [child: mix]
    assist    make the matte, clean plate and slap comp that the recipe asks for                 [child: decode, encode]
    turnover  ALE, timelines, record, report and .complete for the roll and its day
    deliver   bring complete rolls and days to further targets                                    [child: send]
    retention remove revisions that were replaced, where the configuration keeps only so many
    sample    keep cuts of a verified clip to learn from, where training is approved            [child: decode]
    refine    the production's model learns from the card; the gate promotes or refuses it      [child: train]

A stage has a plan side, which the control process calls at every tick and which must be quick, and most
have a work side, which runs in a child and alone may import torch, av or openvino.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from daemon.production import Moment, Production
from daemon.stages.assist import Assist
from daemon.stages.circles import Circles
from daemon.stages.deliver import Deliver
from daemon.stages.intake import Intake
from daemon.stages.listen import Listen
from daemon.stages.looks import Looks
from daemon.stages.manifest import Manifests
from daemon.stages.mix import Mix
from daemon.stages.part import Part
from daemon.stages.probe import Probe
from daemon.stages.refine import Refine
from daemon.stages.render import Render
from daemon.stages.retention import Retention
from daemon.stages.room import Rooms
from daemon.stages.sample import Sampling
from daemon.stages.spans import Spans
from daemon.stages.sync import Sync
from daemon.stages.turnover import Turnover
from daemon.store import Job
from daemon.worker import Work


class Stage(Protocol):
    """A station's plan side."""

    name: str

    def plan(self, production: Production, now: Moment) -> None:
        """Look what is due: fire events, queue jobs. Quick, repeatable, and alone in changing states."""


@runtime_checkable
class WorkingStage(Stage, Protocol):
    """A station whose work is done by children.

    Where it `is_vital`, a clip cannot go on without it. Where it `is_told`, a roll's turnover says what it gave up, and
    a person may ask for that alone again.
    """

    is_vital: bool
    is_told: bool

    def settle(self, production: Production, job: Job, result: str, now: Moment) -> None:
        """Take the result of a job of this stage and end the job with it."""


def stages() -> tuple[Stage, ...]:
    """Return the line, fresh, in order."""
    gate = (Intake(), Manifests(), Looks(), Probe(), Circles(), Spans())
    made = (Part(), Render(), Listen(), Rooms(), Sync(), Mix(), Assist(), Turnover(), Deliver(), Retention())
    return (*gate, *made, Sampling(), Refine())


def pausable() -> tuple[str, ...]:
    """Return the names of the stages that can be paused: what children work for, and what writes or clears deliveries.

    Scanning and marking only read, and are always on.
    """
    return tuple(stage.name for stage in stages() if isinstance(stage, WorkingStage | Turnover | Retention))


def work_of(stage: str) -> Work:
    """Return the work side of a stage."""
    from daemon import provenance, sending  # noqa: PLC0415 - as below
    from daemon.doctor import hardware, media  # noqa: PLC0415 - as below
    from daemon.stages import (  # noqa: PLC0415 - named here so that the table reads whole
        assist,
        deliver,
        listen,
        manifest,
        mix,
        parting,
        probe,
        refine,
        rendering,
        room,
        sample,
        sync,
    )

    work: dict[str, Work] = {
        "manifest": manifest.work,
        "probe": probe.work,
        "part": parting.work,
        "render": rendering.work,
        "listen": listen.work,
        "room": room.work,
        "sync": sync.work,
        "mix": mix.work,
        "assist": assist.work,
        "sample": sample.work,
        "refine": refine.work,
        "deliver": deliver.work,
        "attest": provenance.work,
        "notify": sending.work,
        "examine": media.work,
        "try_hardware": hardware.work,
    }
    return work[stage]
