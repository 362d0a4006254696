"""Plan of a label-cost curve: a results table with a row for each kind of annotation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from seglet import methods
from seglet.data.simulated_labels import SparseKind
from seglet.data.splits.fractions import LabelledPortion
from seglet.engine.experiment import known_keys
from seglet.engine.settings import Settings
from seglet.results.definition import TableDefinition
from seglet.results.label_cost.cost_data import WORLD_SCENES, CostData
from seglet.results.label_cost.times import AnnotationTimes
from seglet.results.plan import TablePlan
from seglet.values import did_you_mean

TAGS_ROW, ALL_MASKS_ROW = "tags", "masks for all"
"""Kinds of annotation beside a few masks."""
_SHARED = {
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
"""Keys of the experiment that all rows share."""
_WORLD = {"world_scenes": WORLD_SCENES, "world_size": 64, "crop": [64, 64], "scored_scenes": 300}
_FOLDER = {"crop": [192, 192], "scored_scenes": 0}
"""Further keys on the embedded world, and on data on disk."""
_NETWORK = {"student": "deeplabv3plus-resnet18", "width": 0.25, "auxiliary_weight": 0}
_INFERENCE = {"scales": [1, 0.75, 1.25], "background_power": 1}
_METHODS: Mapping[str, Mapping[str, Any]] = {
    "ssss": {
        "method": "ssss",
        "student": "ssss-resnet18",
        "width": 0.25,
        "learning_rate": 0.003,
        "inference": _INFERENCE,
    },
    "diclip": {"method": "diclip", "learning_rate": 0.0001, "head_rate": 10, "schedule": "poly-warmup", "needs": "hub"},
    "fixmatch": {"method": "fixmatch", **_NETWORK},
    "supervised": {"method": "supervised", **_NETWORK},
}
_DICLIP_ON_WORLD = {
    "clip_model": "tiny-clip",
    "prompts": "world",
    "attention": "identity",
    "cache_from": "real",
    "cache_size": 64,
    "cache_images": 20,
    "adapter_prompts": 20,
    "width": 0.5,
}
"""Keys of DiCLIP on the embedded world: those of its short run in `seglet demo`."""


@dataclass(frozen=True)
class CostStudy:
    """Settings of a label-cost curve.

    Args:
        data: the images.
        few: shares or numbers of images that have masks, a row for each.
        seeds: seeds of every row.
        by_tags: method of the row that learns from tags.
        by_few: method of the rows that learn from a few masks.
        keys: keys of the experiment for all rows whose methods have them.
        sparse: kinds of sparse labels, simulated from the masks of all images, a row for each.
    """

    data: CostData
    few: tuple[LabelledPortion, ...] = (LabelledPortion(1, 8),)
    seeds: tuple[int, ...] = (0, 1, 2)
    by_tags: str = "ssss"
    by_few: str = "fixmatch"
    keys: Mapping[str, Any] = field(default_factory=dict)
    sparse: tuple[SparseKind, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings that decide what a run of a row becomes, for JSON."""
        data = self.data
        splits = {"train": data.train, "score": data.score, "fingerprint": data.fingerprint}
        return {**splits, "tags": self.by_tags, "few": self.by_few, "keys": dict(self.keys)}

    def rows(self) -> dict[str, dict[str, Any]]:
        """Returns the definition of a row for each kind of annotation, by rising number of masks.

        Raises:
            ValueError: no method has such a key.
        """
        data = self.data
        on_world = _DICLIP_ON_WORLD if data.is_world and self.by_tags == "diclip" else {}
        tags = {**_METHODS[self.by_tags], **on_world, "train_split": data.train}
        found: dict[str, dict[str, Any]] = {TAGS_ROW: {**tags, "supervision": "which classes are in each image"}}
        for portion in sorted(self.few, key=lambda portion: portion.of(data.images)):
            row = {**_METHODS[self.by_few], "train_split": data.few_masks_split(portion)}
            found[few_masks_name(portion)] = {**row, "supervision": f"masks for {portion.of(data.images)} images"}
        for kind in self.sparse:
            row = {**_METHODS["supervised"], "sparse": kind, "train_split": data.train}
            found[kind] = {**row, "supervision": f"{kind} in every image"}
        every = {**_METHODS["supervised"], "train_split": data.train, "supervision": "a mask for every image"}
        found[ALL_MASKS_ROW] = every
        own = {name: known_keys(methods.load_method(row["method"]).Config) for name, row in found.items()}
        known = {key for keys in own.values() for key in keys}
        if stray := [key for key in self.keys if key not in known]:
            raise ValueError(f"no run of the curve has a key {stray[0]!r}{did_you_mean(stray[0], known)}")
        for name, row in found.items():
            row.update({key: value for key, value in self.keys.items() if key in own[name]})
        return {row_name(name): row for name, row in found.items()}

    def table(self, out: Path, command: str) -> TablePlan:
        """Returns the plan of the table that trains the rows; its runs go below `out`."""
        usual = _WORLD if self.data.is_world else _FOLDER
        content = {
            "title": "What annotation buys: short runs from tags, a few masks and masks for all",
            "score_on": self.data.score,
            "scored_scenes": usual["scored_scenes"],
            "seeds": list(self.seeds),
            "columns": ["miou", "pixel_accuracy", "ece", "supervision"],
            "shared": {**_SHARED, **{key: value for key, value in usual.items() if key != "scored_scenes"}},
            "rows": self.rows(),
            "command": command,
        }
        overrides = {**shared_keys(self.keys), "data": self.data.data}
        if not self.data.is_world:
            overrides["val_split"] = self.data.score  # there may be no split val; no model is chosen by its scores
        return TablePlan(TableDefinition.read("runs", content), out / "runs", out, overrides, seeds=self.seeds)

    def minutes(self, times: AnnotationTimes) -> dict[str, float]:
        """Returns the minutes of annotation for each kind."""
        images = self.data.images
        few = {few_masks_name(portion): portion.of(images) * times.mask / 60 for portion in self.few}
        return {TAGS_ROW: images * times.tags / 60, **few, ALL_MASKS_ROW: images * times.mask / 60}


def shared_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys that every method has."""
    names = {field.name for field in fields(Settings)}
    return {key: value for key, value in keys.items() if key in names}


def few_masks_name(portion: LabelledPortion) -> str:
    """Returns the name of a kind of annotation: `masks for 1/8`, `masks for 20`."""
    return f"masks for {portion.name.replace('_', '/')}"


def row_name(name: str) -> str:
    """Returns the name of a kind of annotation as a row of a table and part of a folder's name."""
    return name.replace(" ", "-").replace("/", "_")
