"""Trackers of experiments: metrics, experiment, sample images and model card go to those that the key `log` names."""

import importlib.util
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from seglet import files
from seglet.engine.console import print_message
from seglet.engine.experiment import Experiment
from seglet.engine.provenance import CardOptions, read_provenance
from seglet.engine.run import Run
from seglet.images import read_image
from seglet.models.io.model_card import model_card
from seglet.models.segmenter import Segmenter
from seglet.values import ConfigError

_HINTS = {
    "wandb": "; `wandb login`, or WANDB_MODE=offline to keep it in the run's folder",
    "mlflow": "; MLFLOW_TRACKING_URI names the server; without it, it stays in the run's folder",
}
_IDS = "ids.json"
"""File in the run's `log` folder with the names that the trackers have for the run."""


class Tracker:
    """One tracker of a run; what goes wrong in it later is told once and does not end the training.

    Args:
        name: of the kind, for messages.
        logger: takes metrics and the experiment.
        show: takes a PNG file of sample images.
        attach: takes the model card, a Markdown file.
    """

    def __init__(self, name: str, logger: Logger, show: Callable[[Path], None], attach: Callable[[Path], None]) -> None:
        self.name = name
        self.logger = logger
        self.show = show
        self.attach = attach
        self._works = True

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Sends the values of a step."""
        self._try(lambda: self.logger.log_metrics(dict(values), step))

    def results(self, images: Iterable[Path], card: Path) -> None:
        """Sends sample images, PNG files, and the model's card."""
        for path in images:
            self._try(partial(self.show, path))
        self._try(partial(self.attach, card))

    def close(self, status: str) -> None:
        """Ends the tracker's run: `success` or `failed`."""
        self._try(lambda: self.logger.finalize(status))

    def _try(self, act: Callable[[], object]) -> None:
        if not self._works:
            return
        try:
            act()
        except Exception as error:  # noqa: BLE001  a tracker's fault, such as a lost network, must not end a training
            self._works = False
            print_message(f"warning: {self.name} stopped taking results ({error}); metrics.jsonl has them all")


def check_trackers(names: tuple[str, ...]) -> None:
    """Checks that the packages of the trackers are installed.

    Raises:
        ConfigError: one is not.
    """
    for name in names:
        if name != "csv" and not _is_installed(name):
            extra = "log" if name == "tensorboard" else name
            raise ConfigError(
                f"log: {name} is not installed; run `pip install 'seglet[{extra}]'`, "
                "or leave it out: the same numbers are in metrics.jsonl"
            )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # it was loaded in part
        return False


@contextmanager
def trackers_of(run: Run, experiment: Experiment, names: tuple[str, ...]) -> Iterator[list[Tracker]]:
    """Gives the trackers of a run, begun or resumed, with its experiment; `csv` is written when the block ends.

    Raises:
        ConfigError: one cannot begin, such as W&B without a login.
    """
    ids = _known_ids(run.log / _IDS)
    made: list[Tracker] = []
    status = "failed"
    try:
        for name in names:
            if name != "csv":
                made.append(_begun(name, run, experiment, ids))
        if made:
            files.write_json(run.log / _IDS, ids)
        yield made
        status = "success"
    finally:
        for tracker in made:
            tracker.close(status)
        if "csv" in names:
            _write_csv(run)


def send_results(run: Run, segmenter: Segmenter, trackers: Sequence[Tracker]) -> None:
    """Sends the images that the run has saved, and the card of its model, to its trackers."""
    count = sum(parameter.numel() for parameter in segmenter.network.parameters())
    provenance = read_provenance(run.folder, CardOptions())
    card = run.log / "model-card.md"
    files.write_text(card, model_card(segmenter.architecture, segmenter.classes, count, provenance))
    for tracker in trackers:
        tracker.results(sorted(run.samples.glob("*.png")), card)


def _known_ids(path: Path) -> dict[str, str]:
    found = files.read_json(path) if path.is_file() else {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _begun(name: str, run: Run, experiment: Experiment, ids: dict[str, str]) -> Tracker:
    try:
        tracker = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}[name](run, ids)
        tracker.logger.log_hyperparams({key: _plain(value) for key, value in experiment.values().items()})
    except Exception as error:  # a package's own
        reason = str(error).strip() or type(error).__name__
        raise ConfigError(f"log: {name} cannot begin: {reason}{_HINTS.get(name, '')}") from error
    return tracker


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) or value is None else json.dumps(value, default=str)


def _tensorboard(run: Run, ids: dict[str, str]) -> Tracker:
    logger = TensorBoardLogger(str(run.events), name="", version="", default_hp_metric=False)
    writer: Any = logger.experiment

    def show(path: Path) -> None:
        writer.add_image(path.stem, np.asarray(read_image(path)), 0, dataformats="HWC")

    def attach(path: Path) -> None:
        writer.add_text("model card", path.read_text(encoding="utf-8"), 0)

    return Tracker("tensorboard", logger, show, attach)


def _wandb(run: Run, ids: dict[str, str]) -> Tracker:
    import wandb

    number = ids.setdefault("wandb", uuid.uuid4().hex[:16])
    project = os.environ.get("WANDB_PROJECT", "seglet")
    run.log.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(console="off", silent=True)
    logger = WandbLogger(run.folder.name, str(run.log), id=number, project=project, settings=settings)
    experiment: Any = logger.experiment

    def show(path: Path) -> None:
        logger.log_image(path.stem, [str(path)])

    def attach(path: Path) -> None:
        card = wandb.Artifact(f"card-{number}", type="model-card")
        card.add_file(str(path))
        experiment.log_artifact(card)

    def finish(status: str) -> None:
        wandb.finish(exit_code=int(status != "success"))

    tracker = Tracker("wandb", logger, show, attach)
    vars(logger)["finalize"] = finish  # Lightning's leaves the run open, for a second training in the process
    return tracker


def _mlflow(run: Run, ids: dict[str, str]) -> Tracker:
    place = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(run.log / 'mlflow.db').absolute()}"
    run.log.mkdir(parents=True, exist_ok=True)
    artefacts = None if os.environ.get("MLFLOW_TRACKING_URI") else (run.log / "mlruns").absolute().as_uri()
    logger = MLFlowLogger("seglet", run.folder.name, place, run_id=ids.get("mlflow"), artifact_location=artefacts)
    number = ids["mlflow"] = str(logger.run_id)

    def send(path: Path) -> None:
        logger.experiment.log_artifact(number, str(path))

    return Tracker("mlflow", logger, send, send)


def _write_csv(run: Run) -> None:
    """Writes metrics.csv from metrics.jsonl: a column for each name, a line for each step that wrote."""
    lines = run.read_metrics()
    names = list(dict.fromkeys(name for line in lines for name in line))
    rows = [",".join("" if (value := line.get(name)) is None else repr(value) for name in names) for line in lines]
    run.log.mkdir(parents=True, exist_ok=True)
    files.write_text(run.log / "metrics.csv", "\n".join([",".join(names), *rows]) + "\n")
