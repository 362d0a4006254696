"""`seglet.pseudo_label`: masks of a model or a method as a data set to train on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

from seglet import methods
from seglet.api.keywords import InferenceKeywords, as_model, inference_options
from seglet.data.class_table import classes_of
from seglet.data.dataset import Dataset
from seglet.data.folder_dataset import describe_data
from seglet.data.opening import names_world
from seglet.data.shards.file_rows import split_sizes
from seglet.data.tags.resolve import table_from_tags
from seglet.data.tags.source import read_tags
from seglet.images import MAX_PIXELS
from seglet.inference.folder_prediction import FolderOptions, ImageSource, predict_folder
from seglet.inference.inputs import gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.options import DEFAULT_THRESHOLD, PseudoLabelOptions
from seglet.inference.sources import LabelMethod, ModelLike, is_data_set

ImagesLike = Dataset | str | PathLike[str] | Iterable[str | PathLike[str]]
"""A data set, the name or folder of one, a folder of images, or a list of image files."""


def pseudo_label(
    model: ModelLike,
    data: ImagesLike,
    *,
    out: str | PathLike[str],
    split: str | None = None,
    tags: str | PathLike[str] | None = None,
    tags_key: str = "",
    classes: Sequence[str] | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    scores: bool = False,
    score_on: str | PathLike[str] | None = None,
    score_split: str = "val",
    overwrite: bool = False,
    device: str | None = None,
    max_pixels: int | None = None,
    keys: Mapping[str, Any] | None = None,
    **options: Unpack[InferenceKeywords],
) -> JobReport:
    """Makes masks of the pixels that a model is sure of, and writes them with their images as a data set to train on.

    The folder `out` is that of `seglet predict --pseudo-labels`: `seglet.train("supervised", data=out)` trains on it.

    Args:
        model: a segmenter; the folder of one or of a run; a run; an exported .onnx file; a name on the hub; or a method
            that makes masks from tags, by name or experiment file.
        data: a folder of images, a list of image files, or a data set: `world…`, its folder or dataset.json, or what
            `open_dataset` returns. A folder is a data set if it has a dataset.json or masks, or if `split` is given.
        out: new folder for the results.
        split: split of a data set; train, or the only one, if not given.
        tags: file or folder with the classes of each image: CSV, JSON, XML or a folder for each class. Classes that are
            not among an image's tags are ruled out. Without it, the tags of a data set are taken.
        tags_key: field of a JSON file that holds the tags.
        classes: names of the classes that a method finds, without the background; all names in `tags` if not given.
        threshold: probability below which a pixel is void.
        scores: also write the probabilities of all classes.
        score_on: data whose true masks are put beside the pseudo labels, to validate on.
        score_split: split of these data.
        overwrite: replace the earlier results in `out`.
        device: auto, cpu, cuda, …; None for where the model is, or for a GPU if it has to be loaded.
        max_pixels: pixels that an image in a file may have, 64 million if not given; data sets have their own limit.
        keys: keys of a method in place of those of its experiment, such as `{"model": "facebook/sam3"}`.
        **options: how the model predicts; see `InferenceKeywords`.

    Returns:
        A report whose text says what was made, and whose `failed` lists the images that could not be labelled.

    Raises:
        ValueError: there are no such model, images or tags, an option does not apply, or `out` holds other files.
    """
    found = _with_keys(as_model(model), keys)
    file = None if tags is None else Path(tags)
    names, chosen = _image_source(data, split), list(classes) if classes is not None else None
    if chosen is None and file is not None and names.inputs and _finds_any_class(found):
        chosen = _names_in_tags(file, tags_key, names.inputs, Path(out))
    source = ImageSource(names.inputs, names.data, names.split, file, tags_key, chosen, max_pixels or MAX_PIXELS)
    scored = score_on if score_on is None else str(score_on)
    pseudo = PseudoLabelOptions(threshold, inference_options(options), scores, scored, score_split)
    folder = FolderOptions(Path(out), overwrite, pseudo=pseudo, device=device, command=_command(model))
    return predict_folder(found, source, folder)


def _command(model: ModelLike) -> str:
    name = fspath(model) if isinstance(model, str | PathLike) else type(model).__name__
    return f"seglet.pseudo_label({name!r}, …)"


def _with_keys(model: ModelLike, keys: Mapping[str, Any] | None) -> ModelLike:
    """Returns the model; a method with these keys.

    Raises:
        ValueError: there are some for another model.
    """
    if keys is None:
        return model
    if not isinstance(model, LabelMethod):
        raise ValueError("keys are those of a method by its name or experiment; leave them out for a model")
    return replace(model, keys={**model.keys, **keys})


def _image_source(data: ImagesLike, split: str | None) -> ImageSource:
    if isinstance(data, Dataset):
        return ImageSource(data=data)
    if not isinstance(data, str | PathLike):
        return ImageSource(tuple(Path(file) for file in data))
    name = str(data)
    if names_world(name):
        return ImageSource(data=name, split=split or "train")
    if split is not None or name.endswith(".json") or is_data_set(Path(name)):
        return ImageSource(data=name, split=split or _usual_split(Path(name)))
    return ImageSource((Path(name),))


def _usual_split(data: Path) -> str:
    splits = list(split_sizes(data) or describe_data(data).splits)
    return splits[0] if len(splits) == 1 else "train"


def _finds_any_class(model: object) -> bool:
    """Returns True for a method by its name, which knows no classes of its own."""
    return isinstance(model, LabelMethod) and model.source in methods.method_names()


def _names_in_tags(file: Path, key: str, inputs: Sequence[Path], out: Path) -> list[str]:
    known = {image.path.absolute() for image in gather_images(inputs, out)}
    table = classes_of(table_from_tags(read_tags(file, known, key)))
    return list(table.foreground.values())
