"""What is trained for the label-cost curve: one row for each kind of annotation, as a table's definition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from seglet import methods
from seglet.data.description import Description
from seglet.data.errors import DataError
from seglet.data.folder_dataset import describe_data
from seglet.data.opening import names_world
from seglet.data.splits.fractions import Portion
from seglet.data.splits.stratify import portion_name, split_labelled
from seglet.data.world.options import open_world
from seglet.engine.experiment import known_keys
from seglet.engine.settings import Settings
from seglet.files import write_json
from seglet.results.definition import TableDefinition
from seglet.results.label_cost.times import Times
from seglet.values import did_you_mean

TAGS, ALL = "tags", "masks for all"
SHARED = {
    "batch": 16,
    "optimiser": "adamw",
    "learning_rate": 0.002,
    "steps": 600,
    "validate_every": 600,
    "checkpoint_every": 200,
    "selection": "last",
    "workers": 0,
    "scale": [0.75, 1.5],
}
WORLD = {"world_scenes": 400, "world_size": 64, "crop": [64, 64], "scored_scenes": 300}
FOLDER = {"crop": [192, 192], "scored_scenes": 0}
NETWORK = {"student": "deeplabv3plus-resnet18", "width": 0.25, "auxiliary_weight": 0}
INFERENCE = {"scales": [1, 0.75, 1.25], "background_power": 1}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "ssss": {
        "method": "ssss",
        "student": "ssss-resnet18",
        "width": 0.25,
        "learning_rate": 0.003,
        "inference": INFERENCE,
    },
    "diclip": {"method": "diclip", "learning_rate": 0.0001, "head_rate": 10, "schedule": "poly-warmup", "needs": "hub"},
    "fixmatch": {"method": "fixmatch", **NETWORK},
    "supervised": {"method": "supervised", **NETWORK},
}
DICLIP_WORLD = {
    "clip_model": "tiny-clip",
    "prompts": "world",
    "attention": "identity",
    "cache_from": "real",
    "cache_size": 64,
    "cache_images": 20,
    "adapter_prompts": 20,
    "width": 0.5,
}
"""On the embedded world, what its short run in `seglet demo` takes."""


@dataclass(frozen=True)
class Source:
    """The images that a curve is of. Rows read `data`, others are told `shown`; `classes` are without background."""

    data: str
    shown: str
    images: int
    classes: int
    fingerprint: str
    train: str
    score: str
    description: Description | None = None

    def write(self) -> None:
        """The description of data on disk, with its draws of a few masks, where the rows look for it."""
        if self.description is not None:
            Path(self.data).parent.mkdir(parents=True, exist_ok=True)
            self.description.save(Path(self.data))


def few_split(portion: Portion, world: bool) -> str:
    """The split of the images that keep their masks; data on disk have another draw for each seed."""
    return f"{portion.name}/labelled" if world else f"{portion.name}-seed{{seed}}/labelled"


def world_source(data: str, train: str, score: str, scenes: int) -> Source:
    """The embedded world, of which every scene has a mask."""
    world = open_world(data, train, scenes=scenes)
    return Source(data, data, len(world), len(world.classes) - 1, world.fingerprint, train, score)


def folder_source(
    data: str, out: Path, splits: tuple[str, str], few: Sequence[Portion], seeds: Sequence[int]
) -> Source:
    """Data on disk. A description of them with the draws of the few masks belongs in `out`; theirs is left as it is.

    Raises:
        DataError: no such split, or one with images that have no mask: they could not be learned from or scored on.
    """
    description = describe_data(Path(data))
    train, score = splits
    for split in splits:
        _check_masks(description, split)
    divided = description
    for portion in few:
        for seed in seeds:
            divided = _with_draw(divided, train, portion, seed)
    items, classes = description.items(train), description.classes
    count = len(classes) - (classes.background is not None)
    fingerprint = description.fingerprint([*items, *description.items(score)])
    return Source(str(out / "dataset.json"), "DIR", len(items), count, fingerprint, train, score, divided)


def _with_draw(description: Description, split: str, portion: Portion, seed: int) -> Description:
    """With two more splits, called by the seed also if that is 0."""
    divided, _ = split_labelled(description, split, portion, seed)
    drawn, called = portion_name(portion, seed), f"{portion.name}-seed{seed}"
    parts = {f"{called}/{part}": divided.splits[f"{drawn}/{part}"] for part in ("labelled", "unlabelled")}
    return replace(description, splits={**description.splits, **parts})


def _check_masks(description: Description, split: str) -> None:
    items = description.items(split)
    without = [item.id for item in items if item.mask is None]
    if without:
        raise DataError(
            f"{len(without)} of {len(items)} images of split {split!r} have no mask, such as {without[0]!r}; "
            "what masks are worth can only be seen on images that have some: make a split of those, and name it"
        )


def rows(
    source: Source, few: Sequence[Portion], by_tags: str, by_few: str, keys: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """A recipe for each kind of annotation, by rising number of masks; `keys` hold for the methods that have them.

    Raises:
        ValueError: no method has such a key.
    """
    world = names_world(source.data)
    tags = {**METHODS[by_tags], **(DICLIP_WORLD if world and by_tags == "diclip" else {}), "train_split": source.train}
    found = {TAGS: {**tags, "supervision": "which classes are in each image"}}
    for portion in sorted(few, key=lambda portion: portion.of(source.images)):
        split, count = few_split(portion, world), portion.of(source.images)
        recipe = {**METHODS[by_few], "train_split": split, "supervision": f"masks for {count} images"}
        found[few_name(portion)] = recipe
    found[ALL] = {**METHODS["supervised"], "train_split": source.train, "supervision": "a mask for every image"}
    theirs = {name: known_keys(methods.load_method(recipe["method"]).Config) for name, recipe in found.items()}
    known = {key for named in theirs.values() for key in named}
    if stray := [key for key in keys if key not in known]:
        raise ValueError(f"no run of the curve has a key {stray[0]!r}{did_you_mean(stray[0], known)}")
    for name, recipe in found.items():
        recipe.update({key: value for key, value in keys.items() if key in theirs[name]})
    return {folder_name(name): recipe for name, recipe in found.items()}


def common(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Those that every method has."""
    names = {field.name for field in fields(Settings)}
    return {key: value for key, value in keys.items() if key in names}


def few_name(portion: Portion) -> str:
    """What a row is called: `masks for 1/8`, `masks for 20`."""
    return f"masks for {portion.name.replace('_', '/')}"


def folder_name(name: str) -> str:
    """The row's name in a table and on the disk."""
    return name.replace(" ", "-").replace("/", "_")


def minutes(source: Source, few: Sequence[Portion], times: Times) -> dict[str, float]:
    """Of annotation, for each kind."""
    cost = {TAGS: source.images * times.tags / 60}
    cost |= {few_name(portion): portion.of(source.images) * times.mask / 60 for portion in few}
    return {**cost, ALL: source.images * times.mask / 60}


def definition(source: Source, recipes: Mapping[str, Any], seeds: Sequence[int], command: str) -> TableDefinition:
    """Returns the definition of the table that trains them."""
    usual = WORLD if names_world(source.data) else FOLDER
    content = {
        "title": "What annotation buys: short runs from tags, a few masks and masks for all",
        "score_on": source.score,
        "scored_scenes": usual["scored_scenes"],
        "seeds": list(seeds),
        "columns": ["miou", "pixel_accuracy", "ece", "supervision"],
        "shared": {**SHARED, **{key: value for key, value in usual.items() if key != "scored_scenes"}},
        "rows": dict(recipes),
        "command": command,
    }
    return TableDefinition.read("runs", content)


def settle(out: Path, settings: Mapping[str, Any]) -> None:
    """Takes the folder for runs of these settings.

    Raises:
        ValueError: it holds other files, or runs of other settings.
    """
    from seglet.engine.output_folder import check_output_folder

    record = {"settings": dict(settings)}
    check_output_folder(out, "plan.json", record, overwrite=False)
    write_json(out / "plan.json", record)
