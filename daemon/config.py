"""The configuration of one production: read once, checked whole, passed down.

Every fault is told at once with its line. That folders keep apart is for `places.py` to say.
"""

from __future__ import annotations

from datetime import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from daemon import yamlfile
from daemon.choices import Codec, PresetNames, WorkingSpace, check_presets, space_name
from daemon.destinations import check_notify
from daemon.egress import destination_of
from daemon.errors import ConfigError
from daemon.outgoing import LogSection, MetricsSection, NotifySection
from daemon.places import check_places, check_targets
from daemon.section import Folder, Section
from daemon.web.section import PageSection
from engines.colour.look import Working
from engines.media.preset import ProxyCodec


def _clock_time(value: object) -> time:
    try:
        moment = time.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError('a time such as "06:00" is needed')
    return moment


Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Engine = Literal["auto", "native", "openvino", "eager", "eager-cuda", "tensorrt", "tensorrt-rtx", "identity"]


class TrainingSection(Section):
    """Leave to train on this production's footage; both go into the lineage of every model."""

    approved_by: str = Field(min_length=1, description="Who approved it.")
    reference: str = Field(min_length=1, description="What was approved: contract, letter, ticket.")


class ProductionSection(Section):
    """Who is served."""

    code: Code = Field(description="Short name of the production; names its folders.")
    title: str = Field("", description="Full title, for reports.")
    recipe: Folder | None = Field(None, description="recipe.yaml of the production, outside offloads and deliveries.")
    day_starts: Annotated[time, BeforeValidator(_clock_time, json_schema_input_type=str)] = Field(
        time(6), description="A shot before this time belongs to the shoot day before."
    )
    training: TrainingSection | None = Field(None, description="Without it, nothing is learned from this production.")


class Root(Section):
    """A folder that cards are offloaded into."""

    path: Folder
    watch: Literal["auto", "inotify", "poll"] = Field(
        "auto", description="How changes are hinted; auto polls on network mounts."
    )


class StandIns(Section):
    """What may stand in for camera raw that nothing here decodes."""

    camera: bool = Field(default=False, description="The camera's own proxies on the card, such as Sony's Sub folder.")
    folders: list[Folder] = Field([], description="Folders of transcodes that carry their clips' names.")


class OffloadSection(Section):
    """Where cards come from, and when they count as whole."""

    roots: list[Root] = Field(min_length=1, description="Folders that cards are offloaded into; read only.")
    settle_seconds: float = Field(10.0, ge=0, le=3600, description="How long a file must lie unchanged.")
    require_manifest: bool = Field(default=True, description="Take only clips that a manifest (MHL) vouches for.")
    scan_seconds: float = Field(30.0, ge=1, le=3600, description="Between scans while nothing happens.")
    span_wait_minutes: float = Field(60.0, ge=0, le=1440, description="How long half a recording waits for the other.")
    stand_ins: StandIns = StandIns()
    roll_names: dict[str, str] = Field({}, description="Other roll names, by the roll folder's path under its root.")

    @field_validator("roots", mode="before")
    @classmethod
    def _plain_paths(cls, roots: Any) -> Any:
        if not isinstance(roots, list):
            return roots
        return [{"path": root} if isinstance(root, str) else root for root in roots]


class TargetSection(Section):
    """Where complete rolls are delivered to besides: a folder, or S3-compatible storage."""

    name: Code = Field(description="What it is called in logs and status.")
    path: Folder | None = Field(None, description="A folder, say of a mounted NAS; it must be there.")
    url: str | None = Field(None, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,62}(/[A-Za-z0-9._/-]*)?$", description="s3://…")
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^/@\s]+$", description="Of the storage; listed under egress."
    )
    region: str = Field("us-east-1", min_length=1, description="Of the storage.")
    credentials: Folder | None = Field(None, description="INI file as AWS tools read it; default: the environment.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> TargetSection:
        if (self.path is None) == (self.url is None):
            raise ValueError("either a path or a url is needed")
        if (self.url is None) != (self.endpoint is None):
            raise ValueError("a url needs an endpoint, and a path has none")
        return self


class DeliverySection(Section):
    """Where proxies go."""

    root: Folder = Field(description="Folder of deliveries; a folder a production is made in it.")
    presets: PresetNames = Field(
        None, description="What is delivered: the first in proxy/ and enhanced/, each further one in its own folder."
    )
    keep_revisions: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Newest revisions kept of each proxy; default all. None goes on a day it was named.",
    )
    current: Literal["list", "links"] = Field("list", description="current.txt, or links in current/, to the current.")
    targets: list[TargetSection] = Field([], description="Where complete rolls are delivered to besides.")
    keep_free_gib: float = Field(
        2.0, ge=0, le=1 << 20, description="Room that stays free on the volumes of deliveries and targets."
    )


class ProvenanceSection(Section):
    """What is said, signed, of every delivered file."""

    sign: bool = Field(
        default=True, description="Sign deliveries (C2PA, or JSON beside) with the production's own key."
    )


class StateSection(Section):
    """Where the service keeps what it knows."""

    root: Folder = Field(description="Folder of state, on a local disk; a folder a production is made in it.")


class ProxySection(Section):
    """What proxies are."""

    codec: Codec = Field(ProxyCodec.DNXHR_LB, description="dnxhr_lb, prores_proxy, prores_lt, prores_hq or h264.")
    width: int | None = Field(
        None, ge=64, le=8192, multiple_of=2, description="Pixels; default half of the source, at least 960."
    )
    look: Literal["show", "none"] = Field("show", description="show: as agreed on set; none: as recorded.")


class ColourSection(Section):
    """From the camera's picture to the show's look."""

    working: WorkingSpace = Field(
        Working.ACESCCT,
        description="What CDLs are written in and the show's LUT takes: acescct, or camera for its log.",
    )
    show_lut: Folder | None = Field(None, description=".cube or .clf to Rec.709; default ACES 2's output transform.")
    cameras: dict[str, Annotated[str, BeforeValidator(space_name)]] = Field(
        {}, description="Colour space by the camera's name with wildcards, where clips do not say it."
    )
    looks: list[Folder] = Field([], description="Folders of looks, beside each shoot day's Looks folder.")
    match_cameras: bool = Field(
        default=False,
        description="Match ungraded clips to another camera's of the same time; needs time-of-day timecode.",
    )


class RestoreSection(Section):
    """The restoration of the enhanced twin."""

    enabled: bool = Field(default=True, description="Make enhanced proxies.")
    strength: float = Field(1.0, ge=0, le=1, description="0: the plain picture, 1: fully restored.")
    model: Literal["lite", "mid"] = Field("lite", description="lite, or mid: a little finer, for three times the work.")


class EnhanceSection(Section):
    """What the enhanced twin gets."""

    restore: RestoreSection = RestoreSection()


class RefineSection(Section):
    """How the production's model learns from each card; only where production.training is set."""

    budget_seconds: float = Field(120.0, ge=5, le=3600, description="Longest time of one card's training.")
    replay_gib: float = Field(2.0, gt=0, le=1024, description="Room for the footage that it learns from.")
    samples_a_clip: int = Field(4, ge=1, le=64, description="Cuts of eight frames kept of each clip.")


class ModelSection(Section):
    """What the production's model may see."""

    exclude: list[str] = Field([], description="Clips or rolls, by names with wildcards, that nothing is learned from.")


def _destination(word: object) -> str:
    try:
        destination_of(str(word))
    except ValueError:
        raise ValueError("a destination such as s3.example.com or 10.0.0.5:9000 is needed") from None
    return str(word)


Destination = Annotated[str, BeforeValidator(_destination, json_schema_input_type=str)]


class QueueSection(Section):
    """What comes first."""

    circle_takes: list[Folder] = Field([], description="Folders of lists of circled takes (CSV, ALE); never on a card.")


class WorkersSection(Section):
    """The children that do the work."""

    custody: int = Field(1, ge=1, le=16, description="Children that hash and probe.")
    render: int = Field(1, ge=1, le=16, description="Children that render; each uses several cores.")
    attempts: int = Field(3, ge=1, le=10, description="Tries before a job is given up.")
    retry_seconds: float = Field(30.0, ge=0, le=3600, description="Before the second try; doubled for each further.")
    hung_seconds: float = Field(120.0, ge=1, le=3600, description="Without progress before a child is killed.")
    task_hours: float = Field(12.0, gt=0, le=240, description="Longest time that one task may take.")
    drain_seconds: float = Field(20.0, ge=0, le=3600, description="How long a stop waits for what is under way.")
    memory_gib: int = Field(16, ge=2, le=1024, description="Address space a child may use.")
    split_minutes: float | None = Field(
        None, gt=0, le=1440, description="Longer clips are enhanced in parts of so long, then joined; default never."
    )


class ClusterSection(Section):
    """Further machines that do work; only where `executor` is ray."""

    file: Folder | None = Field(None, description="This machine's own node file, the head's: its address and token.")
    nodes: list[str] = Field(["*"], description="Nodes that this production's data may go to, by names with wildcards.")

    def allows(self, node: str) -> bool:
        """Return whether this production's data may go to a node."""
        return any(fnmatchcase(node, pattern) for pattern in self.nodes)


class GpuSection(Section):
    """What runs on a GPU: engines, where `engine` names one, and pictures into and out of it."""

    instead: Literal["none", "native", "openvino", "eager"] = Field(
        "none", description="What serves while that engine is missing; each output says which ran. none: clips wait."
    )
    plans_gib: float = Field(4.0, gt=0, le=1024, description="Room for the plans that this machine built.")
    decode: Literal["auto", "none"] = Field(
        "auto", description="auto: where the engine is a GPU's, NVDEC decodes what it was seen to decode exactly."
    )
    encode: Literal["none", "nvenc"] = Field(
        "none", description="nvenc: H.264 by the card; other bytes on another card, which each record says."
    )


class Config(Section):
    """The configuration of one production."""

    production: ProductionSection
    offload: OffloadSection
    delivery: DeliverySection
    state: StateSection
    provenance: ProvenanceSection = ProvenanceSection()
    proxy: ProxySection = ProxySection()
    colour: ColourSection = ColourSection()
    enhance: EnhanceSection = EnhanceSection()
    engine: Engine = Field(
        "auto",
        description="What runs the network; auto takes the best that is there. identity: for trials, changes nothing.",
    )
    gpu: GpuSection = GpuSection()
    refine: RefineSection = RefineSection()
    model: ModelSection = ModelSection()
    egress: list[Destination] = Field(
        [], description="Hosts, host:port, that connections are opened to, by the process that delivers; default none."
    )
    queue: QueueSection = QueueSection()
    workers: WorkersSection = WorkersSection()
    executor: Literal["local", "ray"] = Field(
        "local", description="Where jobs run: on this machine, or on the nodes of a Ray cluster, too."
    )
    cluster: ClusterSection = ClusterSection()
    page: PageSection = PageSection()
    log: LogSection = LogSection()
    notify: NotifySection = NotifySection()
    metrics: MetricsSection = MetricsSection()

    @model_validator(mode="after")
    def _cluster_is_named(self) -> Config:
        if self.executor == "ray" and self.cluster.file is None:
            raise ValueError("executor ray needs cluster.file, the head's node file")
        return self

    @property
    def production_state(self) -> Path:
        """Folder of everything the service knows of this production."""
        return self.state.root / self.production.code

    @property
    def database(self) -> Path:
        """The database file of everything the service knows."""
        return self.production_state / "nearset.sqlite"

    @property
    def models(self) -> Path:
        """Folder of the production's own weights and their lineage."""
        return self.production_state / "models"

    @property
    def certificates(self) -> Path:
        """Folder of the production's own certificates and of the key that signs its deliveries."""
        return self.production_state / "certificates"

    @property
    def luts(self) -> Path:
        """Folder of the LUTs that looks name, by the digest of their bytes."""
        return self.production_state / "luts"

    @property
    def replay(self) -> Path:
        """Folder of the footage that the production's model learns from."""
        return self.production_state / "replay"

    @property
    def plans(self) -> Path:
        """Folder of the engine plans that this machine built; they hold the production's weights."""
        return self.production_state / "engines"

    @property
    def logbook(self) -> Path:
        """Folder of the log that is kept."""
        return self.production_state / "log"

    @property
    def fingerprints(self) -> Path:
        """Folder of what production sound is found by."""
        return self.production_state / "sound"

    @property
    def production_delivery(self) -> Path:
        """Folder of this production's deliveries."""
        return self.delivery.root / self.production.code

    @property
    def staging(self) -> Path:
        """Hidden folder on the delivery's own filesystem, where files are made."""
        return self.production_delivery / ".nearset-staging"


def load(path: Path) -> Config:
    """Return the configuration in a file; relative paths in it start from its folder.

    Raises:
        ConfigError: the file is not there, or has faults; all of them are told.
    """
    try:
        document = yamlfile.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read",
            why=getattr(error, "strerror", None) or str(error),
            fix="`nearset init` writes a commented one"
            if isinstance(error, FileNotFoundError)
            else "name a text file, in UTF-8, that whoever runs this may read",
        ) from error
    here = path.absolute().parent
    config = None if document.value is None else yamlfile.fit(document, Config, context=here)
    check_places(document, here)
    check_targets(document)
    check_notify(document, here)
    check_presets(document)
    if document.faults or config is None:
        raise ConfigError(
            f"{path} has {len(document.faults)} fault{'s' * (len(document.faults) != 1)}",
            why="\n  " + "\n  ".join(document.faults),
            fix="correct them; `nearset config schema` lists every key",
        )
    return config


def schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration."""
    return Config.model_json_schema()
