"""The configuration of one production: read once, checked whole, passed down.

Every fault is told at once with its line. Folders of offloads, deliveries and state never overlap, neither
here nor with another production's, so that nothing delivered is ever taken for a card.
"""

from __future__ import annotations

from datetime import time
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from daemon import yamlfile
from daemon.errors import ConfigError
from engines.media.proxy import ProxyCodec


class Section(BaseModel):
    """A part of a file that people write: unknown keys are faults, types are strict, values stay."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("a path is needed")
    return Path(value).expanduser()


def _clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError('a time such as "06:00" is needed') from error


def _codec(word: object) -> ProxyCodec:
    try:
        return ProxyCodec(str(word))
    except ValueError:
        raise ValueError(f"one of {', '.join(ProxyCodec)} is needed") from None


Folder = Annotated[Path, BeforeValidator(_path, json_schema_input_type=str)]
Codec = Annotated[ProxyCodec, BeforeValidator(_codec, json_schema_input_type=str)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


class ProductionSection(Section):
    """Who is served."""

    code: Code = Field(description="Short name of the production; names its folders.")
    title: str = Field("", description="Full title, for reports.")
    recipe: Folder | None = Field(None, description="recipe.yaml of the production, outside offloads and deliveries.")
    day_starts: Annotated[time, BeforeValidator(_clock_time, json_schema_input_type=str)] = Field(
        time(6), description="A shot before this time belongs to the shoot day before."
    )


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
    settle_seconds: float = Field(10.0, ge=0, le=3600, strict=False, description="How long a file must lie unchanged.")
    require_manifest: bool = Field(default=True, description="Take only clips that a manifest (MHL) vouches for.")
    scan_seconds: float = Field(30.0, ge=1, le=3600, strict=False, description="Between scans while nothing happens.")
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


class StateSection(Section):
    """Where the service keeps what it knows."""

    root: Folder = Field(description="Folder of state, on a local disk; a folder a production is made in it.")


class ProxySection(Section):
    """What proxies are."""

    codec: Codec = Field(ProxyCodec.DNXHR_LB, description="dnxhr_lb, prores_proxy, prores_lt, prores_hq or h264.")
    width: int | None = Field(
        None, ge=64, le=8192, multiple_of=2, description="Pixels; default half of the source, at least 960."
    )


class RestoreSection(Section):
    """The restoration of the enhanced twin."""

    enabled: bool = Field(default=True, description="Make enhanced proxies.")
    strength: float = Field(1.0, ge=0, le=1, strict=False, description="0: the plain picture, 1: fully restored.")
    model: Literal["lite"] = Field("lite", description="Size of the network.")


class EnhanceSection(Section):
    """What the enhanced twin gets."""

    restore: RestoreSection = RestoreSection()


class WorkersSection(Section):
    """The children that do the work."""

    custody: int = Field(1, ge=1, le=16, description="Children that hash and probe.")
    render: int = Field(1, ge=1, le=16, description="Children that render; each uses several cores.")
    attempts: int = Field(3, ge=1, le=10, description="Tries before a job is given up.")
    retry_seconds: float = Field(
        30.0, ge=0, le=3600, strict=False, description="Before the second try; doubled for each further."
    )
    hung_seconds: float = Field(
        120.0, ge=1, le=3600, strict=False, description="Without progress before a child is killed."
    )
    task_hours: float = Field(12.0, gt=0, le=240, strict=False, description="Longest time that one task may take.")
    memory_gib: int = Field(16, ge=2, le=1024, description="Address space a child may use.")


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
    enhance: EnhanceSection = EnhanceSection()
    engine: Literal["auto", "openvino", "eager", "tensorrt", "identity"] = Field(
        "auto",
        description="What runs the network; auto takes the best that is there. identity: for trials, changes nothing.",
    )
    workers: WorkersSection = WorkersSection()
    log: LogSection = LogSection()

    @property
    def production_state(self) -> Path:
        """Folder of everything the service knows of this production."""
        return self.state.root / self.production.code

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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read", why=str(error), fix="`nearset init` writes a commented one"
        ) from error
    document = yamlfile.parse(text, path.name)
    if not document.faults:
        _anchor(document.value, path.parent)
    config = None if document.faults else yamlfile.fit(document, Config)
    if config:
        _check_places(config, document)
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

    Delivery and state roots may be shared between productions, since each has its own folder in them.
    """
    mine = claims(config)
    found = []
    for code, theirs in others.items():
        for kind, folders in mine.items():
            for other_kind, others_folders in theirs.items():
                if kind == other_kind != "offload":
                    continue
                found += [
                    f"{kind} {ours} overlaps with {other_kind} {folder} of production {code}"
                    for ours in folders
                    for folder in others_folders
                    if _overlap(Path(ours), Path(folder))
                ]
    return found


def _anchor(value: Any, base: Path) -> None:
    """Make the relative paths in a plain configuration absolute."""
    if not isinstance(value, dict):
        return
    for section, key in (("production", "recipe"), ("delivery", "root"), ("state", "root")):
        part = value.get(section)
        if isinstance(part, dict) and isinstance(part.get(key), str):
            part[key] = str(base / Path(part[key]).expanduser())
    offload = value.get("offload")
    stand_ins = offload.get("stand_ins") if isinstance(offload, dict) else None
    if isinstance(stand_ins, dict) and isinstance(stand_ins.get("folders"), list):
        stand_ins["folders"] = [
            str(base / Path(folder).expanduser()) if isinstance(folder, str) else folder
            for folder in stand_ins["folders"]
        ]
    if isinstance(offload, dict) and isinstance(offload.get("roots"), list):
        roots = [{"path": root} if isinstance(root, str) else root for root in offload["roots"]]
        for root in roots:
            if isinstance(root, dict) and isinstance(root.get("path"), str):
                root["path"] = str(base / Path(root["path"]).expanduser())
        offload["roots"] = roots


def _check_places(config: Config, document: yamlfile.Document) -> None:
    places: list[tuple[yamlfile.Path, Path]] = [
        (("offload", "roots", number), root.path) for number, root in enumerate(config.offload.roots)
    ]
    places += [(("delivery", "root"), config.delivery.root), (("state", "root"), config.state.root)]
    for (_, first), (at, second) in combinations(places, 2):
        if _overlap(first.resolve(), second.resolve()):
            document.fault(at, f"{second} overlaps with {first}; offloads, deliveries and state must lie apart")
    recipe = config.production.recipe
    for _, folder in places[:-1]:
        if recipe and recipe.resolve().is_relative_to(folder.resolve()):
            document.fault(
                ("production", "recipe"),
                f"{recipe} lies inside {folder}; a card must not command the service",
            )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def rate(value: object) -> Fraction | None:
    """Return a frame rate as people write it: 24, 25, "23.976", "24000/1001"; ValueError for anything else."""
    if value is None or isinstance(value, Fraction):
        return value
    named = {
        "23.976": (24000, 1001),
        "23.98": (24000, 1001),
        "29.97": (30000, 1001),
        "47.952": (48000, 1001),
        "59.94": (60000, 1001),
    }
    try:
        exact = Fraction(*named[str(value)]) if str(value) in named else Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        exact = Fraction(0)
    if isinstance(value, bool) or not 1 <= exact <= 1000:  # noqa: PLR2004 - frames a second
        raise ValueError('a frame rate such as 25 or "24000/1001" is needed')
    return exact
