"""Brightens the images of a folder, by a rule or by a Zero-DCE network that is trained on dark images before."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from seglet._version import __version__
from seglet.data.enhance.by_name import ENHANCERS, Enhancer
from seglet.data.opening import open_dataset
from seglet.engine.output_folder import check_output_folder
from seglet.files import path_below, replace_atomically, write_json
from seglet.images import MAX_PIXELS
from seglet.inference.batch import outcome_lines, process_all, processor_count
from seglet.inference.brighten import ZeroDCEEnhancer
from seglet.inference.dataset_images import DatasetImages
from seglet.inference.inputs import ImageFile, gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.models import choose_device
from seglet.inference.zero_dce_training import ZeroDCETraining, train_zero_dce
from seglet.locks import lock_folder
from seglet.models.zero_dce import load_zero_dce, save_zero_dce

ENHANCE_RECORD = "enhanced.json"
ZERO_DCE = "zero-dce"
"""Name of the method that is a network, and of the folder that it is saved in."""


@dataclass(frozen=True)
class EnhanceOptions:
    """Options of brightening the images of a folder.

    Args:
        out: folder of the results.
        method: one of `ENHANCERS`, or `ZERO_DCE`.
        train_on: folder of dark images that a network learns from.
        train_data: in its place, a data set whose split train it learns from.
        steps: steps of its training; None for 500.
        seed: seed of its training.
        model: a saved network, in place of training.
        device: where the network is trained.
        jobs: processes; None for one for each processor.
        overwrite: also brighten images that are finished, and train again.
        command: command for the record.
        max_pixels: pixels that an image may have.

    Raises:
        ValueError: options of a network are given to a rule, or there is not exactly one source of a network.
    """

    out: Path
    method: str = "clahe"
    train_on: Path | None = None
    train_data: str | None = None
    steps: int | None = None
    seed: int = 0
    model: Path | None = None
    device: str = "auto"
    jobs: int | None = None
    overwrite: bool = False
    command: str = ""
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        sources = ("train_on", "train_data", "model")
        if self.method != ZERO_DCE:
            if given := [name for name in (*sources, "steps") if getattr(self, name) is not None]:
                raise ValueError(f"--{given[0].replace('_', '-')} is for --method zero-dce; give it, or leave this out")
        elif sum(getattr(self, name) is not None for name in sources) != 1:
            raise ValueError(
                "zero-dce needs dark images to learn from (--train-on DIR or --train-data DATA) or a saved network "
                "(--model), one of them"
            )
        if self.model is not None and self.steps is not None:
            raise ValueError("--steps are for training; give --train-on in place of --model, or leave them out")

    @property
    def training(self) -> ZeroDCETraining:
        """Length and seed of the training of a network."""
        return ZeroDCETraining(500 if self.steps is None else self.steps, seed=self.seed)

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings that decide the results, for JSON."""
        settings: dict[str, Any] = {"method": self.method}
        if self.model is not None:
            settings["model"] = str(self.model.resolve())
        learnt = self.train_data if self.train_on is None else str(self.train_on.resolve())
        if learnt is not None:
            settings |= {"train_on": learnt, "steps": self.training.steps, "seed": self.seed}
        return settings


def enhance_folder(inputs: Sequence[Path], options: EnhanceOptions) -> JobReport:
    """Brightens every image that is not finished yet; one that cannot be read is reported.

    Args:
        inputs: images, folders of them and lists of paths; none to train a network only.

    Raises:
        ValueError: there is nothing to do, or the output folder holds other results.
    """
    with lock_folder(options.out):
        return _enhance_locked(inputs, options)


def _enhance_locked(inputs: Sequence[Path], options: EnhanceOptions) -> JobReport:
    if not inputs and (options.method != ZERO_DCE or options.model is not None):
        raise ValueError("there is nothing to brighten; give images, folders or a list")
    out = options.out
    tasks = [EnhanceTask(image, out) for image in gather_images(inputs, out, options.max_pixels)] if inputs else []
    settings = {"images": [str(path.resolve()) for path in inputs], **options.as_dict()}
    record: dict[str, Any] = {"seglet": __version__, "command": options.command, "settings": settings}
    record["finished"] = False
    check_output_folder(out, ENHANCE_RECORD, record, options.overwrite)
    write_json(out / ENHANCE_RECORD, record)
    work = partial(enhance_file, _enhancer(options))
    outcomes = process_all("enhance", work, tasks, options.jobs or processor_count(), options.overwrite)
    failed = [{"file": outcome.name, "reason": outcome.reason} for outcome in outcomes if outcome.reason]
    done = [outcome.name for outcome in outcomes if not outcome.reason]
    record |= {"finished": True, "out": str(out), "files": done, "failed": failed}
    write_json(out / ENHANCE_RECORD, record)
    return JobReport(out, record, [*outcome_lines("enhanced", outcomes), f"the images are in {out}"])


@dataclass(frozen=True)
class EnhanceTask:
    """The work on one image, as `process_all` takes it."""

    image: ImageFile
    out: Path

    @property
    def name(self) -> str:
        return self.image.name

    @property
    def sources(self) -> tuple[Path, ...]:
        return (self.image.path,)

    @property
    def results(self) -> tuple[Path, ...]:
        return (path_below(self.out, self.name, ".png"),)


def enhance_file(enhancer: Enhancer, task: EnhanceTask) -> dict[str, Any]:
    """Brightens one image and writes it; there is nothing more to record."""
    bright = enhancer(task.image.read())
    with replace_atomically(task.results[0]) as temporary:
        Image.fromarray(bright).save(temporary, "PNG", compress_level=3)
    return {}


def _enhancer(options: EnhanceOptions) -> Enhancer:
    if options.method != ZERO_DCE:
        return ENHANCERS[options.method]
    return ZeroDCEEnhancer(load_zero_dce(_trained(options) if options.model is None else options.model))


def _trained(options: EnhanceOptions) -> Path:
    """Returns the folder of the network, which is trained unless one of the same settings is there."""
    folder = options.out / ZERO_DCE
    if not folder.is_dir() or options.overwrite:
        if options.train_on is not None:
            images = gather_images([options.train_on], options.out, options.max_pixels)
        else:
            name = str(options.train_data)
            images = DatasetImages(name, open_dataset(name, "train")).images
        network = train_zero_dce(images, options.training, choose_device(options.device))
        save_zero_dce(folder, network, asdict(options.training))
    return folder
