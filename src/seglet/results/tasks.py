"""Units of work of a results table, each done in a process of its own: plain data that JSON can carry, and `run`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.inference.options import InferenceOptions
from seglet.results.definition import WorldDepth, parse_inference_options
from seglet.results.thinning import ThinTask

if TYPE_CHECKING:
    pass

PSEUDO_LABEL_RECORD = "predictions.json"
"""File that says whether a folder of pseudo labels is finished."""
_WORKERS = 2
"""Threads that read images ahead."""


@dataclass(frozen=True)
class TrainTask:
    """Trains the experiment of these keys in `folder`; an interrupted run is resumed."""

    folder: str
    keys: Mapping[str, Any]

    def run(self) -> None:
        """Trains the experiment."""
        from seglet.engine.experiment import resolve_experiment
        from seglet.engine.train import StartOptions, train_experiment

        begun = any((Path(self.folder) / "checkpoints").glob("step-*"))
        train_experiment(
            resolve_experiment(None, self.keys), Path(self.folder), StartOptions(resume=begun, overwrite=not begun)
        )


@dataclass(frozen=True)
class PrepareTask:
    """Computes the columns and artefacts that the experiment of these keys reads and that are not there yet."""

    folder: str
    keys: Mapping[str, Any]
    experiment: str | None = None
    """File to write the experiment to, for a method that is scored without training; `folder` gets a record then."""

    def run(self) -> None:
        """Computes what is missing.

        Raises:
            ValueError: the values of some images cannot be computed.
        """
        from seglet.engine.columns import datasets_with_columns
        from seglet.engine.console import print_message
        from seglet.engine.experiment import resolve_experiment
        from seglet.engine.prepare import PrepareOptions, prepare_columns
        from seglet.engine.run import installed_versions, source_commit
        from seglet.files import write_json, write_text
        from seglet.inference.from_tags import make_missing_artefacts
        from seglet.inference.models import choose_device

        if self.experiment is not None:
            write_text(Path(self.experiment), json.dumps(self.keys, indent=2))  # JSON is YAML
            record = {"commit": source_commit(), "versions": installed_versions(), "data": None}
            write_json(Path(self.folder) / "record.json", record)
        experiment, device = resolve_experiment(None, self.keys), choose_device("auto")
        parts = datasets_with_columns(experiment, fetch=True)
        make_missing_artefacts(experiment, parts[0][0], device)
        outcomes = [
            outcome
            for data, columns in parts
            for outcome in prepare_columns(data, columns, PrepareOptions(device), print_message)
        ]
        failed = [f"{one.name} of {image}: {reason}" for one in outcomes for image, reason in one.failed.items()]
        if failed:
            raise ValueError("\n  ".join([f"{len(failed)} values cannot be computed:", *failed[:4]]))


@dataclass(frozen=True)
class EvaluateTask:
    """Scores a model, or with `method` the masks that a method makes from tags, and writes the scores to `out`."""

    folder: str
    predictor: str
    data: str
    split: str
    out: str
    options: InferenceOptions = field(default_factory=InferenceOptions)
    method: bool = False
    known_tags: bool = False
    stops: int | None = None
    """Stops of light to take from the images."""
    batch: int = 1
    """Images that a method works on at once, where neighbours are of one size."""

    def run(self) -> None:
        """Computes and writes the scores."""
        from seglet._version import __version__
        from seglet.files import write_json
        from seglet.inference.evaluate import ScoringOptions, score_model
        from seglet.inference.sources import LabelMethod

        options = ScoringOptions(
            self.options,
            known_tags=self.known_tags,
            darken=self.stops,
            batch=self.batch if self.method else 1,
            workers=_WORKERS,
            device="auto",
        )
        model = LabelMethod(self.predictor) if self.method else self.predictor
        scored = score_model(model, self.data, self.split, options)
        record: dict[str, Any] = {"seglet": __version__, "data": self.data, "fingerprint": scored.fingerprint}
        record["split"] = self.split
        record |= {"method" if self.method else "model": self.predictor, "known_tags": self.known_tags or self.method}
        if self.stops is not None:
            record["darken"] = self.stops
        if scored.parameters is not None:
            record["parameters"] = scored.parameters
        write_json(Path(self.out), {**record, **self.options.as_dict(), **scored.evaluation.as_dict()})


@dataclass(frozen=True)
class PseudoLabelTask:
    """Writes images of a split and a model's pseudo labels to `folder`, and beside them a split to validate on."""

    folder: str
    model: str
    data: str
    split: str
    score_on: str
    options: InferenceOptions = field(default_factory=InferenceOptions)
    method: bool = False
    """The model is a method that makes masks from tags: its experiment, or a run."""

    def run(self) -> None:
        """Makes the pseudo labels."""
        from seglet.inference.folder_prediction import FolderOptions, ImageSource, predict_folder
        from seglet.inference.options import PseudoLabelOptions
        from seglet.inference.sources import LabelMethod

        pseudo = PseudoLabelOptions(inference=self.options, score_on=self.score_on)
        options = FolderOptions(Path(self.folder), overwrite=True, pseudo=pseudo)
        model = LabelMethod(self.model) if self.method else self.model
        report = predict_folder(model, ImageSource(data=self.data, split=self.split), options)
        if report.failed:
            raise ValueError(report.text)


@dataclass(frozen=True)
class EnhancerTask:
    """Trains a Zero-DCE network on the images of a data set and keeps it in `folder`, unless one is there."""

    folder: str
    data: str
    seed: int

    def run(self) -> None:
        """Trains and saves the network."""
        from seglet.inference.folder_enhancement import EnhanceOptions, enhance_folder

        out = Path(self.folder)
        enhance_folder([], EnhanceOptions(out, "zero-dce", train_data=self.data, seed=self.seed, device="cpu"))


@dataclass(frozen=True)
class AdaptTask:
    """Adapts a model to the images of a data set's split `train`, without their annotation, as `folder`/model."""

    folder: str
    model: str
    data: str
    settings: Mapping[str, Any]
    """Fields of `AdaptOptions`."""
    stops: int | None = None
    """Stops of light to take from the images."""

    def run(self) -> None:
        """Adapts and saves the model, anew where an earlier attempt was interrupted."""
        from seglet.inference.adapt import AdaptOptions, adapt_model

        options = AdaptOptions(Path(self.folder), darken=self.stops, overwrite=True, **self.settings)
        adapt_model(self.model, [], self.data, "train", options)


@dataclass(frozen=True)
class WorldDepthTask:
    """Writes depth maps of scenes of the embedded world to `folder`, unless they are there."""

    folder: str
    data: str
    size: int
    scenes: Mapping[str, int]
    """Number of scenes of each split."""
    kind: WorldDepth

    def run(self) -> None:
        """Writes the maps; the last file to be written says that they are complete."""
        import numpy as np

        from seglet.data.world.options import open_world
        from seglet.files import write_json

        folder, record = Path(self.folder), Path(self.folder) / "depth.json"
        if record.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        for split, count in self.scenes.items():
            world = open_world(self.data, split, scenes=count, size=self.size)
            for index in range(len(world)):
                depth = world.scene((index + (self.kind == "other")) % len(world)).depth
                values = np.zeros_like(depth) if self.kind == "constant" else depth
                np.save(folder / f"{world.ids[index]}.npy", values.astype(np.float16))
        write_json(record, {"kind": self.kind, "scenes": dict(self.scenes)})


Task = ThinTask | TrainTask | PrepareTask | EvaluateTask | PseudoLabelTask | EnhancerTask | AdaptTask | WorldDepthTask
_KINDS: dict[str, type[Task]] = {
    "thin": ThinTask,
    "train": TrainTask,
    "prepare": PrepareTask,
    "evaluate": EvaluateTask,
    "pseudo-labels": PseudoLabelTask,
    "enhancer": EnhancerTask,
    "adapt": AdaptTask,
    "world-depth": WorldDepthTask,
}


def task_name(task: Task) -> str:
    """Returns the name of the kind of task."""
    return next(name for name, kind in _KINDS.items() if isinstance(task, kind))


def task_to_json(task: Task) -> dict[str, Any]:
    """Returns the task as plain values."""
    values = {"task": task_name(task), **asdict(task)}
    if isinstance(task, EvaluateTask | PseudoLabelTask):
        values["options"] = task.options.as_dict()
    return values


def task_from_json(values: Mapping[str, Any]) -> Task:
    """Builds the task that `task_to_json` turned into these values."""
    own = {key: value for key, value in values.items() if key != "task"}
    if "options" in own:
        own["options"] = parse_inference_options(own["options"])
    return _KINDS[values["task"]](**own)
