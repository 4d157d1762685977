"""The configuration of one production: read once, checked whole, passed down.

Every fault is told at once with its line. Folders of offloads, deliveries and state never overlap, neither
here nor with another production's, so that nothing delivered is ever taken for a card.
"""

from __future__ import annotations

from datetime import time
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from daemon import yamlfile
from daemon.choices import Codec, PresetNames, WorkingSpace, check_presets, space_name
from daemon.errors import ConfigError
from engines.colour.look import Working
from engines.media.preset import ProxyCodec


class Section(BaseModel):
    """A part of a file that people write: unknown keys are faults, types are strict, values stay."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _path(value: object, info: ValidationInfo) -> Path:
    """Return a path; a relative one starts from the folder that the context names."""
    return _folder(value, info.context or Path())


def _folder(value: object, here: Path) -> Path:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a path is needed")
    try:
        path = Path(here, Path(value).expanduser())
        path.resolve()
    except (RuntimeError, OSError) as error:
        raise ValueError(f"a path that leads somewhere is needed ({error})") from error
    return path


def _clock_time(value: object) -> time:
    try:
        moment = time.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError('a time such as "06:00" is needed')
    return moment


Folder = Annotated[Path, BeforeValidator(_path, json_schema_input_type=str)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


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
    stand_ins: StandIns = StandIns()
    roll_names: dict[str, str] = Field({}, description="Other roll names, by the roll folder's path under its root.")

    @field_validator("roots", mode="before")
    @classmethod
    def _plain_paths(cls, roots: Any) -> Any:
        if not isinstance(roots, list):
            return roots
        return [{"path": root} if isinstance(root, str) else root for root in roots]


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


class WorkersSection(Section):
    """The children that do the work."""

    custody: int = Field(1, ge=1, le=16, description="Children that hash and probe.")
    render: int = Field(1, ge=1, le=16, description="Children that render; each uses several cores.")
    attempts: int = Field(3, ge=1, le=10, description="Tries before a job is given up.")
    retry_seconds: float = Field(30.0, ge=0, le=3600, description="Before the second try; doubled for each further.")
    hung_seconds: float = Field(120.0, ge=1, le=3600, description="Without progress before a child is killed.")
    task_hours: float = Field(12.0, gt=0, le=240, description="Longest time that one task may take.")
    memory_gib: int = Field(16, ge=2, le=1024, description="Address space a child may use.")


class GpuSection(Section):
    """Engines that run on a GPU; only where `engine` names one."""

    instead: Literal["none", "openvino", "eager"] = Field(
        "none", description="What serves while that engine is missing; each output says which ran. none: clips wait."
    )
    plans_gib: float = Field(4.0, gt=0, le=1024, description="Room for the plans that this machine built.")


class LogSection(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(Section):
    """The configuration of one production."""

    production: ProductionSection
    offload: OffloadSection
    delivery: DeliverySection
    state: StateSection
    proxy: ProxySection = ProxySection()
    colour: ColourSection = ColourSection()
    enhance: EnhanceSection = EnhanceSection()
    engine: Literal["auto", "openvino", "eager", "eager-cuda", "tensorrt", "tensorrt-rtx", "identity"] = Field(
        "auto",
        description="What runs the network; auto takes the best that is there. identity: for trials, changes nothing.",
    )
    gpu: GpuSection = GpuSection()
    refine: RefineSection = RefineSection()
    model: ModelSection = ModelSection()
    workers: WorkersSection = WorkersSection()
    log: LogSection = LogSection()

    @property
    def production_state(self) -> Path:
        """Folder of everything the service knows of this production."""
        return self.state.root / self.production.code

    @property
    def models(self) -> Path:
        """Folder of the production's own weights and their lineage."""
        return self.production_state / "models"

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
    def production_delivery(self) -> Path:
        """Folder of this production's deliveries."""
        return self.delivery.root / self.production.code


def load(path: Path) -> Config:
    """Return the configuration in a file; relative paths in it start from its folder.

    Raises:
        ConfigError: the file is not there, or has faults; all of them are told.
    """
    try:
        document = yamlfile.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read", why=str(error), fix="`nearset init` writes a commented one"
        ) from error
    here = path.absolute().parent
    config = None if document.value is None else yamlfile.fit(document, Config, context=here)
    _check_places(document, here)
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


def claims(config: Config) -> dict[str, list[str]]:
    """Return the folders that a production holds, by what for; kept in its state for its neighbours to see."""
    return {
        "offload": [str(root.path.resolve()) for root in config.offload.roots],
        "delivery": [str(config.delivery.root.resolve())],
        "state": [str(config.state.root.resolve())],
    }


def clashes(config: Config, others: dict[str, dict[str, list[str]]]) -> list[str]:
    """Return how this production's folders overlap with what others (by code) claim.

    Productions may have the same delivery or state root, since each has its own folder in it; one inside
    another's is an overlap, and so are codes that differ in case alone: some volumes do not tell them apart.
    """
    mine = config.production.code.casefold()
    return [
        f"{kind} {ours} overlaps with {other_kind} {folder} of production {code}"
        for code, theirs in others.items()
        for kind, folders in claims(config).items()
        for other_kind, their_folders in theirs.items()
        for ours in folders
        for folder in their_folders
        if _overlap(Path(ours), Path(folder))
        and not (kind == other_kind != "offload" and ours == folder and code.casefold() != mine)
    ]


def _check_places(document: yamlfile.Document, here: Path) -> None:
    """Note every pair of folders that overlap, and a recipe or look that a card or a delivery could bring.

    Goes by what is written, so that it is told together with all other faults.
    """
    roots = _written(document, here, "offload", "roots")
    delivery, state = _written(document, here, "delivery", "root"), _written(document, here, "state", "root")
    for (_, first), (at, second) in combinations(roots + delivery + state, 2):
        if _overlap(first.resolve(), second.resolve()):
            document.fault(at, f"{second} overlaps with {first}; offloads, deliveries and state must lie apart")
    for at, folder in _written(document, here, "offload", "stand_ins", "folders"):
        for _, own in delivery + state:
            if _overlap(folder.resolve(), own.resolve()):
                document.fault(at, f"{folder} overlaps with {own}; what is made here stands in for nothing")
    for keys in (("production", "recipe"), ("colour", "show_lut"), ("colour", "looks")):
        for at, control in _written(document, here, *keys):
            for _, folder in roots + delivery:
                if reaches(control, folder.resolve()):
                    document.fault(at, f"{control} lies inside {folder}; a card must not command the service")


def _written(document: yamlfile.Document, here: Path, *keys: str) -> list[tuple[yamlfile.Path, Path]]:
    """Return the paths that are written under a key, one or a list of them, each with where it stands."""
    value = document.value
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    listed: list[tuple[yamlfile.Path, Any]] = [(keys, value)]
    if isinstance(value, list):
        listed = [((*keys, number), each) for number, each in enumerate(value)]
    found: list[tuple[yamlfile.Path, Path]] = []
    for at, each in listed:
        try:
            found.append((at, _folder(each.get("path") if isinstance(each, dict) else each, here)))
        except ValueError:
            continue  # told by the key's own check
    return found


def reaches(path: Path, folder: Path) -> bool:
    """Return whether a path, or any link on the way to where it leads, lies inside a folder."""
    here = path.parent.resolve() / path.name
    while here.is_symlink() and not here.is_relative_to(folder):
        step = here.parent / here.readlink()
        here = step.parent.resolve() / step.name
    return here.is_relative_to(folder) or path.resolve().is_relative_to(folder)


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
