"""Predicts the images of a folder or a data set and writes masks, overlays and, where asked for, pseudo labels."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from seglet._version import __version__
from seglet.actors import ActorPool
from seglet.data.class_table import CLASS_FILE, class_table_text
from seglet.data.dataset import Dataset
from seglet.data.layouts.twins import masks_beside_images
from seglet.data.opening import open_dataset
from seglet.engine.console import ProgressDisplay, print_message
from seglet.engine.output_folder import check_replaceable
from seglet.files import read_json, write_json, write_text
from seglet.images import MAX_PIXELS
from seglet.inference.calibrate import CalibrationData, calibrate
from seglet.inference.dataset_images import DatasetImages
from seglet.inference.finished_images import PREDICTION_JOURNAL, FinishedImages, state_hash
from seglet.inference.from_tags import Adapting, TagPredictor, classes_named, finds_classes
from seglet.inference.image_jobs import ImageJob, PseudoLabelJob, SegmentationJob, TagMaskJob
from seglet.inference.image_outcomes import ImageOutcome, image_outcomes
from seglet.inference.inputs import ImageFile, gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.known_tags import KnownTags, read_known_tags
from seglet.inference.models import check_channels_of_data, check_classes, model_folder, weights_hash
from seglet.inference.options import InferenceOptions, PseudoLabelOptions, SegmentOptions
from seglet.inference.predict import Predictor, brightened, check_inference_options, memory_cure
from seglet.inference.sources import LabelMethod, ModelLike, open_predictor
from seglet.locks import lock_folder
from seglet.methods.protocols import DeferredTeacher
from seglet.models.segmenter import Segmenter
from seglet.types import Classes

PREDICTION_RECORD = "predictions.json"
_LIMIT_OR_TILES = "--max-pixels {}, or predict it by tiles with --tile 512"
_NO_TAGS = "nothing says which classes are in the images; give --tags FILE, or --data with tags"


@dataclass(frozen=True)
class ImageSource:
    """Images to predict: files, or a split of a data set; and what is known to be in them.

    Args:
        inputs: images, folders of them, and lists of paths.
        data: in place of inputs, a data set, its folder or dataset.json, or `world…`.
        split: split of the data.
        tags: file or folder with the tags of the images, where not those of the data are meant.
        tags_key: field of a JSON file that holds the tags.
        class_names: classes that a method finds, without the background, where the data do not say.
        max_pixels: pixels that an image among the inputs may have; data sets have a limit of their own.
    """

    inputs: Sequence[Path] = ()
    data: str | Dataset | None = None
    split: str = "train"
    tags: Path | None = None
    tags_key: str = ""
    class_names: Sequence[str] | None = None
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if bool(self.inputs) == (self.data is not None):
            raise ValueError("give images, folders or a list, or --data DATA; one of the two")


@dataclass(frozen=True)
class FolderOptions:
    """Options of predicting the images of a folder.

    Args:
        out: folder of the results.
        overwrite: replace the earlier results in it.
        segment: how each image is segmented.
        pseudo: how pseudo labels are made; None for predictions.
        explain: draw how a method's masks come about.
        device: where a model to be loaded computes.
        command: command for the record.
        pool: actors that predict; None for this process.
    """

    out: Path
    overwrite: bool = False
    segment: SegmentOptions = field(default_factory=SegmentOptions)
    pseudo: PseudoLabelOptions | None = None
    explain: bool = False
    device: str | None = "auto"
    command: str = ""
    pool: ActorPool | None = None

    @property
    def inference(self) -> InferenceOptions:
        """Options of prediction, with or without pseudo labels."""
        return self.segment.inference if self.pseudo is None else self.pseudo.inference


def predict_folder(model: ModelLike, source: ImageSource, options: FolderOptions) -> JobReport:
    """Predicts each image and writes the results; an image that cannot be read is reported and skipped.

    Raises:
        ValueError: there are no such model, images or tags, options contradict each other, or the output folder holds
            other files.
    """
    with lock_folder(options.out):
        return _predict_locked(model, source, options)


def _predict_locked(model: ModelLike, source: ImageSource, options: FolderOptions) -> JobReport:
    unfinished = is_unfinished(options.out)
    check_prediction_folder(options.out, options.overwrite or unfinished, options.pseudo is not None)
    masks = [] if source.data is not None else [path for given in source.inputs for path in _masks_below(given)]
    predictor, images, identity, tags = _open(model, source, options, masks)
    check_inference_options(predictor, options.inference)
    job = _job(predictor, images, source, options, masks, tags)
    if isinstance(model, LabelMethod) and model.adapting != "none":
        _remember(predictor, job, model.adapting, options.inference)
    if isinstance(model, LabelMethod) and model.calibrating is not None:
        identity = {**identity, "thresholds": _calibrated(predictor, model.calibrating)}
    finished = FinishedImages(options.out, _deciding(identity, predictor, images, job, options))
    go_on = unfinished and finished.of_this_job and not options.overwrite
    if unfinished and not go_on:
        if not options.overwrite:
            raise ValueError(f"{str(options.out)!r} holds unfinished results of another model, other options or other "
                             "data; choose another folder, or overwrite them")  # fmt: skip
        finished.remove()
    job.begin(go_on)
    record: dict[str, Any] = {"seglet": __version__, "command": options.command, "settings": job.settings}
    record |= {**identity, "classes": list(predictor.classes.names)}
    write_json(options.out / PREDICTION_RECORD, {**record, "finished": False})
    write_text(options.out / CLASS_FILE, class_table_text(predictor.classes))
    with finished:
        done, failed = _work(job, memory_cure(predictor), finished, options.pool)
    next_steps = job.finish(done)
    record |= {"finished": True, "out": str(options.out), **job.summary, "images": done, "failed": failed}
    write_json(options.out / PREDICTION_RECORD, record)
    finished.remove()
    reasons = [f"  {failure['source']}\n    {failure['reason']}" for failure in failed]
    if masks:
        beside = f"masks that lie beside their images: {len(masks)}, such as {masks[0].name}; give the files to segment"
        reasons.append(f"{beside} them too")
    return JobReport(options.out, record, [f"segmented: {len(done)}, failed: {len(failed)}", *reasons, *next_steps])


def _calibrated(predictor: Predictor, source: CalibrationData) -> dict[str, float]:
    """Chooses thresholds on images with masks and says them; returns them for the record."""
    assert isinstance(predictor, TagPredictor)
    found = calibrate(predictor, source)
    for one in found:
        print_message(str(one))
    words = " ".join(f"{one.name}={one.threshold:g}" for one in found)
    print_message(f"the same thresholds without these masks, as a key: class_thresholds {words}")
    return {one.name: one.threshold for one in found}


def is_unfinished(out: Path) -> bool:
    """Returns True for a folder whose job was interrupted, so that the same command may go on."""
    return (out / PREDICTION_JOURNAL).is_file() and (out / PREDICTION_RECORD).is_file()


def _deciding(
    identity: Mapping[str, Any],
    predictor: Predictor,
    images: DatasetImages | None,
    job: ImageJob,
    options: FolderOptions,
) -> dict[str, Any]:
    """Returns all that decides what is made of an image, beside the image."""
    network: Any = predictor.method if isinstance(predictor, TagPredictor) else predictor
    return {
        "seglet": __version__,
        "model": {**identity, "state": state_hash(network)},
        "classes": predictor.classes.names,
        "data": None if images is None else images.samples.fingerprint,
        "settings": job.settings,
        "options": repr((options.segment, options.pseudo, options.explain)),
    }


def _remember(predictor: Predictor, job: ImageJob, adapting: Adapting, options: InferenceOptions) -> None:
    """Lets a method remember the images of a job; those that cannot be read are left to the prediction to report."""
    assert isinstance(predictor, TagPredictor)
    if job.known_tags is None:
        raise ValueError("--adapt remembers images whose classes are known; give --tags FILE, or --data with tags")
    predictor.remember(_readable_images(job.images, job.known_tags, options), adapting, options.resize)


def _readable_images(
    images: Sequence[ImageFile], tags: Mapping[Path, Sequence[int]], options: InferenceOptions
) -> Iterator[tuple[str, UInt8[np.ndarray, "h w 3"], Sequence[int]]]:
    with ProgressDisplay("remember", len(images), "images") as steps:
        for count, file in enumerate(images, 1):
            with contextlib.suppress(ValueError, OSError, MemoryError):
                yield str(file.path), brightened(file.read(), options), tags[file.path]
            steps.advance(count)


def _masks_below(given: Path) -> list[Path]:
    return masks_beside_images(given) if given.is_dir() else []


def check_prediction_folder(out: Path, overwrite: bool, pseudo: bool) -> None:
    """Checks that a folder is new, or holds earlier results of the same kind that may be replaced.

    Raises:
        ValueError: the folder holds what must not be replaced.
    """
    if not check_replaceable(out, PREDICTION_RECORD, overwrite):
        return
    if _holds_pseudo_labels(out) != pseudo:
        kind = "no pseudo labels" if pseudo else "pseudo labels"
        raise ValueError(f"{str(out)!r} holds earlier results that are {kind}; choose another --out")


def _holds_pseudo_labels(folder: Path) -> bool:
    record = read_json(folder / PREDICTION_RECORD)
    settings = record.get("settings") if isinstance(record, dict) else None
    return isinstance(settings, dict) and bool(settings.get("pseudo_labels"))


def _open(
    model: ModelLike, source: ImageSource, options: FolderOptions, masks: Collection[Path]
) -> tuple[Predictor, DatasetImages | None, Mapping[str, Any], list[KnownTags]]:
    """Returns the model, the images of the data set if there is one, how the record names the model, and known tags.

    The tags of a method's images are read before anything is computed for its classes.
    """
    if isinstance(model, LabelMethod):
        images = _dataset_images(source)
        known = None if source.class_names is None else classes_named(source.class_names)
        if images is not None and known is not None:
            _check_names(known.classes, images.samples.classes)
        if images is None and known is None and source.tags is None and finds_classes(model.source, model.keys):
            raise ValueError("nothing says which classes to find; name them with --names road pothole")
        samples, name = (known, None) if images is None else (images.samples, images.name)
        tags: list[KnownTags] = []

        def read_tags_first(classes: Classes) -> None:
            if source.tags is not None:
                files = _files(images, source, options, masks)
                tags.append(read_known_tags(source.tags, source.tags_key, files, classes))
            elif images is None and options.pseudo is None and not finds_classes(model.source, model.keys):
                raise ValueError(_NO_TAGS)

        predictor = open_predictor(model, options.device, samples, name, read_tags_first)
        keys = {"keys": dict(model.keys)} if model.keys else {}
        used = {} if model.adapting == "none" else {"adapt": model.adapting}
        return predictor, images, {"method": model.source, **keys, **used, **_teacher(predictor)}, tags
    if source.class_names is not None:
        raise ValueError("--names are the classes of a --method; a segmenter knows its own, leave them out")
    predictor = open_predictor(model, options.device)
    return predictor, _dataset_images(source, predictor.classes), _identity(model), []


def _check_names(named: Classes, own: Classes) -> None:
    if set(named.foreground.values()) != set(own.foreground.values()):
        raise ValueError(f"the names are {', '.join(named.foreground.values())}, but the data have the classes "
                         f"{', '.join(own.foreground.values())}; leave the names out")  # fmt: skip


def _teacher(predictor: Predictor) -> dict[str, str]:
    """Returns the network that a method asks, and its licence, which the card of a student of the masks lists."""
    if not (isinstance(predictor, TagPredictor) and isinstance(predictor.method, DeferredTeacher)):
        return {}
    from seglet.models.foundation.licences import licence_of

    source = predictor.method.teacher_source()
    return {"teacher": source, "licence": licence_of(source)}


def _identity(model: ModelLike) -> dict[str, str]:
    if not isinstance(model, str | PathLike):
        return {"model": type(model).__name__}
    return {"model": fspath(model), "weights": weights_hash(model_folder(fspath(model)))}


def _dataset_images(source: ImageSource, classes: Classes | None = None) -> DatasetImages | None:
    if source.data is None:
        return None
    named = isinstance(source.data, str)
    samples = open_dataset(source.data, source.split) if isinstance(source.data, str) else source.data
    if classes is not None:
        check_classes(classes, samples.classes)
    return DatasetImages(str(source.data) if named else None, samples)


def _job(
    predictor: Predictor,
    images: DatasetImages | None,
    source: ImageSource,
    options: FolderOptions,
    masks: Collection[Path],
    known: Sequence[KnownTags],
) -> ImageJob:
    files = _files(images, source, options, masks)
    if isinstance(predictor, Segmenter):
        if images is not None:
            check_channels_of_data(predictor, images.samples)
        files = [replace(file, channels=predictor.architecture.channels) for file in files]
    if images is None and isinstance(predictor, Segmenter) and predictor.architecture.whites is not None:
        files = [replace(file, whites=predictor.architecture.whites) for file in files]
    if options.pseudo is None and isinstance(predictor, Segmenter):
        if images is None:
            files = [replace(file, limit_option=_LIMIT_OR_TILES) for file in files]
        return SegmentationJob(predictor, files, options.out, options.segment)
    tags = known[0] if known else _tags(source, files, images, predictor.classes)
    if options.pseudo is not None:
        truth = None if images is None else images.truth
        return PseudoLabelJob(predictor, files, tags, options.out, options.pseudo, truth)
    assert isinstance(predictor, TagPredictor)
    if tags is None and predictor.needs_tags:
        raise ValueError(_NO_TAGS)
    return TagMaskJob(predictor, files, tags, options.out, options.inference, options.explain)


def _files(
    images: DatasetImages | None, source: ImageSource, options: FolderOptions, masks: Collection[Path]
) -> list[ImageFile]:
    files = gather_images(source.inputs, options.out, source.max_pixels) if images is None else images.images
    passed_over = set(masks) - set(source.inputs)
    return [file for file in files if file.path not in passed_over]


def _tags(
    source: ImageSource, files: Sequence[ImageFile], images: DatasetImages | None, classes: Classes
) -> KnownTags | None:
    if source.tags is not None:
        return read_known_tags(source.tags, source.tags_key, files, classes)
    return None if images is None else images.tags()


def _work(
    job: ImageJob, cure: str, finished: FinishedImages, pool: ActorPool | None
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Returns what was made of each image, and the images of which nothing was made, with the reasons.

    `cure` says what helps if memory runs out.
    """
    outcomes = {name: ImageOutcome(made) for name, made in finished.outcomes(job.images).items()}
    due = [image for image in job.images if image.name not in outcomes]
    failed = [{"source": str(image.path), "reason": reason} for image, reason in job.skipped]
    with ProgressDisplay("predict", len(job.images), "images") as steps:
        if outcomes:
            steps.note(f"finished before: {len(outcomes)} of {len(job.images)} images")
            steps.advance(len(outcomes))
        for image, outcome in zip(due, image_outcomes(job, due, cure, pool, steps.note), strict=True):
            outcomes[image.name] = outcome
            if outcome.reason:
                steps.note(f"failed: {image.path}")
            else:
                finished.add(image, outcome.made)
            steps.advance(len(outcomes))
    done = []
    for image in job.images:
        outcome = outcomes[image.name]
        if outcome.reason:
            failed.append({"source": str(image.path), "reason": outcome.reason})
        else:
            done.append({"source": str(image.path), **job.enter(outcome.made)})
    return done, failed
