"""The recipe: the artists' dials for each clip, in one file, nearest word wins.

Sections `defaults`, `scenes`, `rolls` and `clips`, the last three by names with wildcards. A word for a clip
beats one for its roll, that one for its scene, that the defaults, and those the configuration. Within a
section the more exact name wins. A word is added in one place: its section below.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from daemon import yamlfile
from daemon.assists import (
    CompWords,
    MatteWords,
    PlateWords,
    ReframeWords,
    RemoveWords,
    StabiliseWords,
    look_for_files,
    spell_out,
)
from daemon.cards.base import is_recording, suffix
from daemon.choices import Codec, PresetNames, space_name
from daemon.config import Config
from daemon.errors import NearsetError, RecipeError
from daemon.framing import BurnInWords, FramingWords
from daemon.lighting import FlickerWords, Light, RelightWords, light_of
from daemon.limits import LimitsWords
from daemon.places import reaches
from daemon.section import Section
from daemon.sidecars import fdl
from engines.media.essence import CodeRange
from engines.media.preset import ProxyCodec
from engines.media.proxy import Rotation

_SECTIONS = ("scenes", "rolls", "clips")
_WILD = re.compile(r"[*?]|\[!?\]?[^]]*\]")
"""What in a pattern stands for more than itself."""
_DECIMAL = re.compile(r"(\d{1,4})\.(\d{1,6})")
_RATIO = re.compile(r"(\d{1,9})(?:/(\d{1,9}))?")


def _rate(value: object) -> Fraction | None:
    """Return a frame rate as people write it: 24, 25, 23.976, "24000/1001"; ValueError for anything else.

    A decimal stands for a whole rate, or for one slowed by 1000/1001 that rounds to it; never for itself,
    since a rate that is off by a little drifts.
    """
    if value is None or isinstance(value, Fraction):
        return value
    text = "" if isinstance(value, bool) else str(value)
    exact: Fraction | None = None
    if decimal := _DECIMAL.fullmatch(text):
        exact = _slowed(Fraction(text), len(decimal[2]))
    elif (ratio := _RATIO.fullmatch(text)) and int(ratio[2] or 1):
        exact = Fraction(int(ratio[1]), int(ratio[2] or 1))
    if exact is None or not 1 <= exact <= 1000:  # noqa: PLR2004 - frames a second
        raise ValueError('a frame rate such as 25, 23.976 or "24000/1001" is needed')
    return exact


def _slowed(written: Fraction, digits: int) -> Fraction | None:
    """Return the whole rate that is written, or the one slowed by 1000/1001 that rounds to it."""
    whole = -(-written.numerator // written.denominator)
    slowed = Fraction(whole * 1000, 1001)
    return next((exact for exact in (Fraction(whole), slowed) if round(exact, digits) == written), None)


Rate = Annotated[Fraction, BeforeValidator(_rate, json_schema_input_type=str)]


def _rotation(word: object) -> Rotation:
    try:
        return Rotation(str(word))
    except ValueError:
        raise ValueError("tag or bake is needed") from None


def _range(word: object) -> CodeRange | None:
    try:
        return None if word is None else CodeRange(str(word))
    except ValueError:
        raise ValueError("legal or full is needed") from None


class ProxyWords(Section):
    """What the proxy is."""

    codec: Codec = Field(ProxyCodec.DNXHR_LB, description="dnxhr_lb, prores_proxy, prores_lt, prores_hq or h264.")
    width: int | None = Field(None, ge=64, le=8192, multiple_of=2, description="Pixels; default half of the source.")
    presets: PresetNames = Field(None, description="What is delivered, instead of delivery.presets.")
    look: Literal["show", "none"] = Field("show", description="show: as agreed on set; none: as recorded.")


class RestoreWords(Section):
    """How the enhanced twin is restored."""

    strength: float = Field(1.0, ge=0, le=1, description="0: the plain picture, 1: fully restored.")


class LookWords(Section):
    """Where the clip's grade comes from, where nobody graded it."""

    match: str | None = Field(None, min_length=1, description="Name of a clip that this one is brought to look like.")


class SourceWords(Section):
    """What to take the source for, where it does not say or lies."""

    rate: Rate | None = Field(None, description='Frames a second, such as 25 or "24000/1001".')
    deinterlace: bool = Field(default=False, description="Make progressive frames of fields, one a frame.")
    rotation: Annotated[Rotation, BeforeValidator(_rotation, json_schema_input_type=str)] = Field(
        Rotation.TAG, description="tag: carry a rotation as a tag, bake: turn the picture."
    )
    code_range: Annotated[CodeRange | None, BeforeValidator(_range, json_schema_input_type=str)] = Field(
        None, description="legal or full, where the file's own tag is wrong."
    )
    reel: str | None = Field(None, min_length=1, max_length=32, description="Reel name, where the file has none.")
    squeeze: float | None = Field(
        None,
        ge=0.5,
        le=4,
        description="Of the lens, where the file does not say it: 2 for a picture to be twice as wide.",
    )
    space: Annotated[str | None, BeforeValidator(space_name, json_schema_input_type=str)] = Field(
        None, description="Colour space that it was recorded in, such as arri_logc4 or rec709."
    )


class MixWords(Section):
    """How production sound is brought in, and the guide mix that is made of it."""

    enabled: bool = Field(default=True, description="Make a guide mix where production sound is in sync.")
    loudness_lufs: float = Field(-23.0, ge=-40, le=-10, description="Integrated loudness: -23 (R 128), -24 (A/85).")
    ceiling_dbtp: float = Field(-1.0, ge=-12, le=0, description="Highest true peak.")
    highpass_hz: float = Field(80.0, ge=0, le=300, description="Everything below goes, on each track; 0: nothing.")
    noise_reduction: float = Field(0.5, ge=0, le=1, description="0: none, 1: 24 dB.")
    leveller: float = Field(0.5, ge=0, le=1, description="0: as spoken, 1: all at one level.")
    drift: Literal["report", "correct"] = Field("report", description="What to do about two clocks that part.")
    timecode_alone: bool = Field(
        default=False, description="Take timecode at its word where the camera recorded nothing to check it by."
    )


class Words(Section):
    """Every word, resolved for one clip."""

    proxy: ProxyWords = ProxyWords()
    restore: RestoreWords = RestoreWords()
    source: SourceWords = SourceWords()
    look: LookWords = LookWords()
    framing: FramingWords = FramingWords()
    burn_in: BurnInWords = BurnInWords()
    mix: MixWords = MixWords()
    relight: RelightWords = RelightWords()
    flicker: FlickerWords = FlickerWords()
    limits: LimitsWords = LimitsWords()
    remove: RemoveWords = RemoveWords()
    stabilise: StabiliseWords = StabiliseWords()
    reframe: ReframeWords = ReframeWords()
    matte: MatteWords = MatteWords()
    plate: PlateWords = PlateWords()
    comp: CompWords = CompWords()

    @property
    def light(self) -> Light:
        """What becomes of the clip's light."""
        return light_of(self.relight, self.flicker, self.limits)

    def digest(self) -> str:
        """Return a digest that changes when a word does."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Layer:
    """Words of one entry: section, pattern, the words written there, and where (`recipe.yaml:12:3`) each stands."""

    section: str
    pattern: str
    words: dict[str, dict[str, Any]]
    where: dict[tuple[str, str], str]
    line: int

    def matches(self, *, clip: str, roll: str, scene: str | None) -> bool:
        name = {"clips": clip, "rolls": roll, "scenes": scene}.get(self.section, "")
        return self.section in {"config", "defaults"} or (name is not None and fnmatch.fnmatchcase(name, self.pattern))

    def misses(self, *, clip: str, roll: str) -> bool:
        """Whether only capitals, or the ending of a file's name, keep it from being this clip's or roll's."""
        name = {"clips": clip, "rolls": roll}.get(self.section, "").casefold()
        wanted = self.pattern.casefold()
        endless = wanted.removesuffix(suffix(wanted)) if is_recording(wanted) else wanted
        is_near = any(fnmatch.fnmatchcase(name, pattern) for pattern in (wanted, endless))
        return bool(name) and is_near and not self.matches(clip=clip, roll=roll, scene=None)

    @property
    def nearness(self) -> tuple[int, bool, int, int]:
        """Sorts the nearest last: by section, then exact names, then more literal text, then later lines."""
        order = ("config", "defaults", *_SECTIONS)
        literal = len(_WILD.sub("", self.pattern))
        return order.index(self.section), literal == len(self.pattern), literal, self.line


class RecipeBook:
    """A production's recipe; paths in it start from its `folder`."""

    def __init__(self, layers: list[_Layer], folder: Path = Path()) -> None:
        self._layers = sorted(layers, key=lambda layer: layer.nearness)
        self.folder = folder
        self._resolved: dict[tuple[int, ...], Words] = {}
        self._missed: dict[tuple[str, str], list[_Layer]] = {}

    def words(self, *, clip: str, roll: str, scene: str | None = None) -> Words:
        """Return the words for a clip: resolved once for all clips that the same entries speak of."""
        found = self._matching(clip, roll, scene)
        key = tuple(map(id, found))
        if key not in self._resolved:
            merged: dict[str, dict[str, Any]] = {}
            for layer in found:
                for section, words in layer.words.items():
                    merged.setdefault(section, {}).update(words)
            self._resolved[key] = Words.model_validate(merged)
        return self._resolved[key]

    @property
    def matches_light(self) -> bool:
        """Whether any clip's light is brought to another's."""
        return any(layer.words.get("relight", {}).get("match") for layer in self._layers)

    @property
    def relights(self) -> bool:
        """Whether the balance of any clip's light is to be another."""
        return any("relight" in layer.words for layer in self._layers)

    def explain(self, *, clip: str, roll: str, scene: str | None = None) -> list[tuple[str, str, str]]:
        """Return for each word of a clip its name, its value, and where that was written."""
        words = self.words(clip=clip, roll=roll, scene=scene).model_dump(mode="json")
        origin: dict[tuple[str, str], str] = {}
        for layer in self._matching(clip, roll, scene):
            origin |= layer.where
        return [
            (f"{section}.{word}", str(value), origin.get((section, word), "default"))
            for section, section_words in words.items()
            for word, value in section_words.items()
        ]

    def missed(self, *, clip: str, roll: str) -> list[tuple[str, str]]:
        """Return entries that would be this clip's or roll's but for capitals or a file's ending, and are nobody's.

        Each by where it stands and the name that it misses; nobody's as far as words were asked for.
        """
        if (clip, roll) not in self._missed:
            self._missed[clip, roll] = [it for it in self._layers if it.where and it.misses(clip=clip, roll=roll)]
        if not (near := self._missed[clip, roll]):
            return []
        used = {layer for found in self._resolved for layer in found}
        names = {"clips": clip, "rolls": roll}
        return [(next(iter(it.where.values())), names[it.section]) for it in near if id(it) not in used]

    def _matching(self, clip: str, roll: str, scene: str | None) -> list[_Layer]:
        return [layer for layer in self._layers if layer.matches(clip=clip, roll=roll, scene=scene)]


def load(path: Path | None, config: Config) -> RecipeBook:
    """Return the recipe in a file over the configuration's words; without a file those alone.

    Raises:
        RecipeError: the file is not there, or has faults; all of them are told.
    """
    layers = [_from_config(config)]
    if path is None:
        return RecipeBook(layers)
    try:
        document = yamlfile.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path} cannot be read",
            why=str(error),
            fix="put it there, or take production.recipe out of the config",
        ) from error
    layers += _layers(document, path.parent)
    if config.delivery.presets:
        _check_presets(document, layers[1:])
    for layer in layers[1:]:
        _read_framing(document, layer, path, config)
    if document.faults:
        raise RecipeError(
            f"{path} has {len(document.faults)} fault{'s' * (len(document.faults) != 1)}",
            why="\n  " + "\n  ".join(document.faults),
            fix="correct them; the last good recipe stays in force until then",
        )
    return RecipeBook(layers, path.parent)


def _from_config(config: Config) -> _Layer:
    words: dict[str, dict[str, Any]] = {
        "proxy": {
            "codec": str(config.proxy.codec),
            "width": config.proxy.width,
            "look": config.proxy.look,
            "presets": config.delivery.presets,
        },
        "restore": {"strength": config.enhance.restore.strength},
    }
    where = {(section, word): "config" for section, named in words.items() for word in named}
    return _Layer("config", "", words, where, 0)


def _check_presets(document: yamlfile.Document, layers: list[_Layer]) -> None:
    """Note a codec or width where the configuration's presets say what proxies are."""
    for layer in layers:
        for word in ("codec", "width"):
            if layer.words.get("proxy", {}).get(word) is not None:
                why = "delivery.presets says what proxies are; name proxy.presets here"
                document.fault((*_place(layer), "proxy", word), why)


def _read_framing(document: yamlfile.Document, layer: _Layer, recipe: Path, config: Config) -> None:
    """Put what a layer's FDL says into its words, so that another content is another word."""
    framing = layer.words.get("framing", {})
    if not framing.get("fdl"):
        return
    path = recipe.absolute().parent / Path(framing["fdl"]).expanduser()
    folders = [root.path for root in config.offload.roots] + [config.delivery.root]
    try:
        if any(reaches(path, folder.resolve()) for folder in folders):
            raise RecipeError("it lies inside an offload or a delivery", why="a card must not command", fix="move it")
        canvases = fdl.parse(path.read_bytes(), source=path.name)
    except (OSError, NearsetError) as error:
        document.fault((*_place(layer), "framing", "fdl"), str(error))
        return
    framing["canvases"] = [
        asdict(canvas) | {"decisions": [asdict(one) for one in canvas.decisions]} for canvas in canvases
    ]


def _place(layer: _Layer) -> tuple[str, ...]:
    """Return where a layer's words stand in the recipe."""
    return (layer.section, layer.pattern) if layer.section in _SECTIONS else (layer.section,)


def _layers(document: yamlfile.Document, folder: Path) -> list[_Layer]:
    if not isinstance(document.value, dict):
        if not document.faults:
            document.fault((), "sections are needed: defaults, scenes, rolls, clips")
        return []
    layers = []
    for section, value in document.value.items():
        if value is None:
            continue
        if section == "defaults":
            layers.append(_layer(document, (section,), section, "", folder))
        elif section in _SECTIONS and isinstance(value, dict):
            layers += [_layer(document, (section, pattern), section, pattern, folder) for pattern in value]
        elif section in _SECTIONS:
            document.fault((section,), "names with words are needed")
        else:
            document.fault((section,), f"not a section; there are defaults, {', '.join(_SECTIONS)}")
    return [layer for layer in layers if layer is not None]


def _layer(document: yamlfile.Document, path: yamlfile.Path, section: str, pattern: str, folder: Path) -> _Layer | None:
    value: Any = document.value
    for step in path:
        value = value[step]
    spell_out(document, path, value)
    if (fitting := yamlfile.fit(document, Words, path)) is None:
        return None
    look_for_files(document, path, fitting, folder)
    words = {name: dict(part) for name, part in value.items()}
    where = {}
    for name, part in words.items():
        for word in part:
            line, column = document.place((*path, name, word))
            where[name, word] = f"{document.name}:{line}:{column} {'.'.join(str(step) for step in path)}"
    return _Layer(section, pattern, words, where, document.place(path)[0])
