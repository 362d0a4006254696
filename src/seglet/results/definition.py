"""Definitions of results tables: their rows, the experiment keys that rows share, and how rows are scored."""

import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from seglet import methods
from seglet.data.simulated_labels import SparseKind
from seglet.inference.options import REFINER_STEPS, InferenceOptions, Refiner
from seglet.values import build_config, check_known_keys, did_you_mean

ADAPTATION_KEYS = ("method", "images", "batch", "blend", "steps", "crop", "rate")
"""Options of `seglet adapt` that a row may set."""
WorldDepth = Literal["", "true", "other", "constant"]
"""Depth of a scene of the embedded world: its own, that of the next scene, or the same everywhere."""
OF_THE_METHODS = "of the methods"
"""Stands in place of a table's rows where each method brings its own, in a file `demo.json` beside its code."""


@dataclass(frozen=True)
class TableRow:
    """One row of a table: an experiment, or the model of another row, and how it is scored."""

    experiment: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the experiment; `teacher` and `student_weights` may be `@row`, for the model of that row."""
    model_of: str | None = None
    """The row whose model is scored in another way; nothing is trained."""
    labels_of: str | None = None
    """The row whose model or untrained method makes the pseudo labels that this one is trained on, from known tags."""
    pseudo_labels: InferenceOptions = field(default_factory=InferenceOptions)
    """Inference options for these pseudo labels."""
    sparse: SparseKind | None = None
    """Kind of the labels that are simulated from the masks to train on, by other draws on every seed."""
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    """Inference options for scoring."""
    known_tags: bool = False
    """Also score the images of the table's `known_tags_on`, with the classes ruled out that their tags lack."""
    supervision: str = ""
    """Description of what the row learns from."""
    world: str = ""
    """Options of the embedded world that it is scored on, beside its size: `dark=1`."""
    maps: bool = False
    """Score the masks that the method makes from tags: as the row `model_of` was trained to, else untrained."""
    needs: str = ""
    """The extra of seglet's installation that the row needs."""
    control: tuple[str, ...] = ()
    """Rows of the same budget that this one is compared with, seed by seed."""
    between: tuple[str, ...] = ()
    """The rows that bound this one, such as few masks alone and all masks: the column `gap` has its share of the way
    from the first to the second."""
    matched_to: str | None = None
    """The row whose logged `weight_effective`, averaged over the run on the same seed, becomes this one's
    `kd_weight`: plain distillation that pulls as much."""
    adapts: str | None = None
    """The row whose model is adapted to images of split `train` without their annotation."""
    adaptation: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `AdaptOptions` for that, such as `method`; darkness and seed are the table's."""
    world_depth: WorldDepth = ""
    """Depth that a network takes of each scene of the embedded world in place of an estimated one."""
    zero_dce: bool = False
    """Brighten the scored images by a Zero-DCE that is trained on the images that the row learns from."""

    @classmethod
    def read(cls, keys: Mapping[str, Any]) -> "TableRow":
        """Builds a row from a table's JSON, where keys of the row and of its experiment stand side by side.

        Raises:
            ConfigError: an inference option is unknown or of the wrong type.
        """
        own = {f.name for f in fields(cls)} - {"experiment"}
        given: dict[str, Any] = {key: value for key, value in keys.items() if key in own}
        for key in ("pseudo_labels", "inference"):
            given[key] = parse_inference_options(given.get(key, {}))
        controls = given.get("control", ())
        given["control"] = (controls,) if isinstance(controls, str) else tuple(controls)
        given["between"] = tuple(given.get("between", ()))
        check_known_keys(given.get("adaptation", {}), ADAPTATION_KEYS, "adaptation")
        return cls({key: value for key, value in keys.items() if key not in own}, **given)

    @property
    def teacher(self) -> str | None:
        """The row whose model is the teacher, `@row`, trained once for all seeds; a folder is none."""
        return self._row_of("teacher")

    @property
    def start(self) -> str | None:
        """The row whose model this one starts from, `student_weights: @row`, on the same seed unless it teaches too."""
        return self._row_of("student_weights")

    def _row_of(self, key: str) -> str | None:
        value = str(self.experiment.get(key) or "")
        return value[1:] if value.startswith("@") else None

    @property
    def borrows(self) -> str | None:
        """The row whose model this one has, as it is or adapted; None for a row that is trained."""
        return self.model_of or self.adapts

    @property
    def untrained(self) -> bool:
        """True for masks of a method that nothing has trained."""
        return self.maps and self.model_of is None

    @property
    def sources(self) -> list[str]:
        """The rows that must be finished before this one."""
        rows = (self.teacher, self.start, self.model_of, self.labels_of, self.matched_to, self.adapts)
        return [row for row in dict.fromkeys(rows) if row]


def parse_inference_options(keys: Mapping[str, Any]) -> InferenceOptions:
    """Builds inference options from a table's JSON: the fields of the dataclass and, for the refiner, `refiner`,
    `steps` and `crf_settings`.

    Raises:
        ConfigError: an option is unknown or of the wrong type.
    """
    of_refiner = ("refiner", "steps", "crf_settings")
    check_known_keys(keys, [*(f.name for f in fields(InferenceOptions)), *of_refiner], "inference options")
    options = build_config(InferenceOptions, {key: value for key, value in keys.items() if key not in of_refiner})
    if keys.get("refiner") is None:
        return options
    settings = str(keys.get("crf_settings", "ssss")) if keys["refiner"] == "crf" else ""
    return replace(options, refiner=Refiner(str(keys["refiner"]), int(keys.get("steps", REFINER_STEPS)), settings))


@dataclass(frozen=True)
class TableDefinition:
    """Content of a results table: its rows, what they have in common, and the paper's numbers beside them."""

    name: str
    title: str
    rows: Mapping[str, TableRow]
    seeds: tuple[int, ...]
    shared: Mapping[str, Any]
    """Keys of the experiment that all rows share."""
    score_on: str
    """The split that rows are scored on."""
    needs_data: str | None = None
    """The data set that the user must give; None for the embedded world."""
    paper: tuple[Mapping[str, Any], ...] = ()
    """Numbers of the paper, by row."""
    columns: tuple[str, ...] | None = None
    """Scores to show; None for the usual ones."""
    once: tuple[str, ...] = ()
    """Rows that have the first seed alone."""
    scored_scenes: int = 500
    """Scenes of the embedded world that rows are scored on."""
    stops: tuple[int, ...] = ()
    """Stops of light to take from the images; each row is scored again for each."""
    darken: int | None = None
    """Stops of light to take from the images for the rows' main scores; None for none."""
    known_tags_on: str = "train"
    """The split whose images rows with `known_tags` are also scored on, each with the classes of its tags alone."""
    also_on: tuple[str, ...] = ()
    """Splits that rows are scored on too, as their images are."""
    shares: tuple[str, ...] = ()
    """Endings of the rows' names that say which share of the images has masks."""
    command: str | None = None
    """The command that fills the table, if it is not `seglet table`."""
    file: str = ""
    """The file that a table of one's own is read from."""

    selected: bool = False
    """Score the models that validation selected, and let them teach, instead of those of the last step."""
    weights_of: str = ""
    """The only backbone whose rows start from `student_weights`, if any; others have initial weights of their own."""

    @classmethod
    def read(cls, name: str, content: Mapping[str, Any]) -> "TableDefinition":
        """Builds a definition from its JSON, where a row may lay its keys over those of a shipped experiment, `preset`.

        Raises:
            ConfigError: a key is unknown, or an inference option of a row is, or there is no such preset.
        """
        known = [f.name for f in fields(cls) if f.name != "name"]
        check_known_keys(content, known, f"table {name}")
        given: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in content.items()}
        given["rows"] = {row: TableRow.read(keys) for row, keys in with_presets(content["rows"]).items()}
        return cls(name, **given)


def with_presets(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Puts the keys of shipped experiments below those of the rows that name one as their `preset`.

    Raises:
        ConfigError: there is no such experiment.
    """
    named = {str(keys["preset"]) for keys in rows.values() if "preset" in keys}
    if not named:
        return {row: dict(keys) for row, keys in rows.items()}
    from seglet.engine.presets import read_presets

    presets = read_presets(named)
    own = {row: {key: value for key, value in keys.items() if key != "preset"} for row, keys in rows.items()}
    return {row: {**presets.get(str(keys.get("preset")), {}), **own[row]} for row, keys in rows.items()}


def table_names() -> list[str]:
    """Lists the tables of the package."""
    folder = importlib.resources.files("seglet.results") / "definitions"
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def table_definition(name: str) -> TableDefinition:
    """Reads the definition of one of the package's tables.

    Raises:
        ValueError: there is no such table; the message names the right ones.
    """
    if name not in table_names():
        there = table_names()
        raise ValueError(f"there is no table {name!r}{did_you_mean(name, there)}; there are {', '.join(there)}")
    text = (importlib.resources.files("seglet.results") / "definitions" / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    if content["rows"] == OF_THE_METHODS:
        content["rows"] = {row: keys for method in methods.method_names() for row, keys in demo_rows(method).items()}
    return TableDefinition.read(name, content)


def demo_rows(method: str) -> dict[str, Any]:
    """Reads the short runs on the embedded world that a method brings; empty if it brings none.

    A row's keys under `imagenet` replace its others where the ImageNet weights of EfficientNet-Lite0 are installed.
    """
    file = importlib.resources.files("seglet.methods") / methods.method_folder(method) / "demo.json"
    rows: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {row: _with_installed_weights(keys) for row, keys in rows.items()}


def _with_installed_weights(keys: Mapping[str, Any]) -> dict[str, Any]:
    own, pretrained = {name: value for name, value in keys.items() if name != "imagenet"}, keys.get("imagenet")
    if pretrained is None:
        return own
    from seglet.models.backbones.imagenet import find_imagenet_file

    return own if find_imagenet_file("efficientnet_lite0") is None else {**own, **pretrained}
