"""The tree of errors, drawn whole. `engines.errors` owns the base and the lower half.

NearsetError                     nearset
├── EngineError                  engine                    frames, codecs, networks
│   ├── MediaError               media
│   │   ├── Unreadable           media.unreadable
│   │   │   └── BadWave          media.bad_wave
│   │   ├── Undecodable          media.undecodable
│   │   ├── VariableRate         media.variable_rate
│   │   ├── UnknownSpace         media.unknown_space
│   │   ├── NoScreen             media.no_screen           an assist cannot be made; the proxies are
│   │   ├── BadMask              media.bad_mask
│   │   ├── BadPlate             media.bad_plate
│   │   ├── BadPart              media.bad_part            parts of a long clip that do not join; they are made anew
│   │   ├── EncodeFailed         media.encode_failed
│   │   └── ContractBroken       media.contract_broken
│   ├── BackendUnavailable       engine.unavailable        an engine is missing; another serves only where allowed
│   │   ├── GpuMissing           engine.gpu_missing
│   │   ├── WrongDriver          engine.wrong_driver
│   │   ├── BuildFailed          engine.build_failed
│   │   ├── BadPlan              engine.bad_plan
│   │   └── ParityRefused        engine.parity
│   ├── GpuFault                 engine.gpu
│   │   ├── DeviceLost           engine.device_lost
│   │   └── OutOfGpuMemory       engine.out_of_memory
│   ├── BadLook                  engine.bad_look
│   ├── BadSample                engine.bad_sample
│   └── BadWeights               engine.bad_weights
├── ConfigError                  config                    config.yaml, all faults at once
├── RecipeError                  recipe                    recipe.yaml, all faults at once
├── SidecarError                 sidecar                   ALE, MHL, XML, CDL that cannot be read
├── ClipError                    clip                      this clip stops, its card goes on
│   ├── BadHash                  clip.bad_hash
│   ├── FileMissing              clip.file_missing
│   ├── SourceChanged            clip.source_changed
│   ├── UnsafePath               clip.unsafe_path
│   └── NoStandIn                clip.no_stand_in
├── CardError                    card                      this card waits, the service goes on
│   ├── RollNameTaken            card.roll_name_taken
│   └── BadManifest              card.bad_manifest
├── ModelError                   model                     no such model, or not to be had
├── QueueError                   queue                     no such stage to pause
├── PageError                    page                      the status page cannot be served; the service goes on
├── ClusterError                 cluster                   this machine cannot be in the cluster as things are
│   └── BadFreight               cluster.bad_freight       what a node was brought came with other bytes
├── PurgeError                   purge                     not all of a production could be destroyed
├── NotTold                      notice                    nobody was told; no card waits for that
├── EgressError                  egress                    a connection was not opened; nothing left the machine
├── ConfinementError             confinement               a child cannot be kept to its folders; it does no work
├── RootAway                     root.away                 a mount is missing: its jobs are parked
├── DeliveryError                delivery                  nothing half is ever published
│   ├── NameTaken                delivery.name_taken
│   ├── NotSigned                delivery.not_signed
│   ├── MixChanged               delivery.mix_changed
│   ├── TargetAway               delivery.target_away      its deliveries are parked
│   ├── DiskLow                  delivery.disk_low         nothing more is begun until room returns
│   └── DiskFull                 delivery.disk_full
├── StateError                   state                     an event that the table does not allow
├── StateAway                    state.away                the volume of the state refuses: the service begins again
└── WorkerError                  worker                    a child failed; its job is retried
    ├── WorkerDied               worker.died
    ├── WorkerHung               worker.hung
    └── WorkersAway              worker.away               the worker unit does not answer; jobs wait for it
"""

from __future__ import annotations

from engines.errors import NearsetError as NearsetError  # noqa: PLC0414 - the root of the tree, by its daemon name


def refused_by_system(error: OSError) -> NearsetError:
    """Return what to tell of a file or folder that the system refused where nothing more is known of it."""
    where = f" ({error.filename})" if error.filename else ""
    return NearsetError(
        "a file or folder cannot be used",
        why=f"{error.strerror or error}{where}",
        fix="check that it is there, whose it is, and that its volume is mounted and has room",
    )


class ConfigError(NearsetError):
    """The configuration cannot be used; the message lists every fault with file, line and column."""

    code = "config"


class RecipeError(NearsetError):
    """The recipe cannot be used; the message lists every fault with file, line and column."""

    code = "recipe"


class SidecarError(NearsetError):
    """A sidecar cannot be read; the media beside it may still be good."""

    code = "sidecar"


class ClipError(NearsetError):
    """This clip cannot go on; its card can."""

    code = "clip"


class BadHash(ClipError):
    """The bytes are not the ones that the manifest vouches for."""

    code = "clip.bad_hash"


class FileMissing(ClipError):
    """A manifest or the card's index names a file that is not there."""

    code = "clip.file_missing"


class SourceChanged(ClipError):
    """A camera file changed after it was hashed."""

    code = "clip.source_changed"


class UnsafePath(ClipError):
    """A path leads outside its root, through a link, or to something that is not a regular file."""

    code = "clip.unsafe_path"


class NoStandIn(ClipError):
    """A stand-in was asked for, and none matches the clip's name, timecode and frame count."""

    code = "clip.no_stand_in"


class CardError(NearsetError):
    """This card waits; the service goes on."""

    code = "card"


class RollNameTaken(CardError):
    """Another card already has this roll name."""

    code = "card.roll_name_taken"


class BadManifest(CardError):
    """A manifest cannot be trusted: unreadable, out of chain, or contradicting another."""

    code = "card.bad_manifest"


class ClusterError(NearsetError):
    """This machine cannot be head or node of a cluster as things are."""

    code = "cluster"


class BadFreight(ClusterError):
    """A file came to a node, or from one, with other bytes than were told, or under a name that is none of ours."""

    code = "cluster.bad_freight"


class PurgeError(NearsetError):
    """What is kept of a production could not be destroyed, or not whole."""

    code = "purge"


class RootAway(NearsetError):
    """An offload root is not mounted, or another volume is mounted in its place."""

    code = "root.away"


class ModelError(NearsetError):
    """A model of this production is not there, or cannot be what was asked of it."""

    code = "model"


class QueueError(NearsetError):
    """What was asked of the queue cannot be done."""

    code = "queue"


class PageError(NearsetError):
    """The status page, or something on it, cannot be served; the service goes on without it."""

    code = "page"


class DeliveryError(NearsetError):
    """A delivery could not be published; nothing half is left behind."""

    code = "delivery"


class NameTaken(DeliveryError):
    """A file that is not ours already has the name."""

    code = "delivery.name_taken"


class NotSigned(DeliveryError):
    """A delivery that is to be signed cannot be."""

    code = "delivery.not_signed"


class MixChanged(DeliveryError):
    """A guide mix that a proxy is to hold is not what was delivered."""

    code = "delivery.mix_changed"


class DiskFull(DeliveryError):
    """The delivery volume has no room."""

    code = "delivery.disk_full"


class DiskLow(DeliveryError):
    """The delivery volume has no room for what comes next; it is begun once there is."""

    code = "delivery.disk_low"


class TargetAway(DeliveryError):
    """A delivery target cannot be reached, or refuses; its deliveries wait."""

    code = "delivery.target_away"


class NotTold(NearsetError):
    """A notification was not taken; it is tried again, then let go."""

    code = "notice"


class EgressError(NearsetError):
    """A connection that is not allowed was not opened, or a process cannot be kept from opening one."""

    code = "egress"


class ConfinementError(NearsetError):
    """A process cannot be kept to the folders that it is for."""

    code = "confinement"


class StateError(NearsetError):
    """An event that the table of states does not allow in this state."""

    code = "state"


class StateAway(NearsetError):
    """The volume of a production's state refuses to be read or written; what was committed there holds."""

    code = "state.away"


class WorkerError(NearsetError):
    """A child failed; its job is retried, then failed with this reason."""

    code = "worker"


class WorkerDied(WorkerError):
    """A child ended without an answer."""

    code = "worker.died"


class WorkerHung(WorkerError):
    """A child went past its time limit and was killed."""

    code = "worker.hung"


class WorkersAway(WorkerError):
    """The worker unit does not answer, or refuses: no child can be had of it."""

    code = "worker.away"
