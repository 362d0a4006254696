"""`seglet predict`: masks, overlays and confidences of images."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.options.inference import add_seeing, chosen_seeing
from seglet.cli.options.pseudo_labels import add_pseudo_labels, pseudo_settings
from seglet.cli.output import answer
from seglet.cli.parsing import add_device, add_json, add_method, fraction, whole

if TYPE_CHECKING:
    from seglet.inference.dataset_images import DatasetImages
    from seglet.inference.from_tags import TagPredictor
    from seglet.inference.inputs import ImageFile
    from seglet.inference.known_tags import KnownTags
    from seglet.inference.options import PseudoLabelOptions
    from seglet.inference.predict import Predictor
    from seglet.inference.pseudo_label_set import PseudoLabelJob
    from seglet.inference.tagged_images import TaggedImagesJob
    from seglet.inference.write import SegmentationJob
    from seglet.types import Classes

RECORD = "predictions.json"
DESCRIPTION = """\
Segment images. For each one, under --out, with the folders of the input kept:
  masks/NAME.png        class of each pixel, a palette PNG
  overlays/NAME.jpg     the image under its mask
  confidence/NAME.png   probability of that class: 0 to 255 for 0 to 1
  uncertainty/NAME.png  with --samples: Monte-Carlo deviation, summed over classes: 0 to 255 for 0 to 1 and above
  explained/NAME.png    with --explain: how a --method came to the mask
classes.txt says what the masks mean, predictions.json what became of each image and how. One that cannot be read is
reported and passed over.

With --method in place of a model, a method makes masks from the tags of each image (--tags, or those of --data) with
no training at all, or as a run of it has learned to: see `docs/methods/diclip.md`.

A network that learned from tags (ssss, cam) looks at each image as its paper does: at several sizes, mirrored, and
without the classes that are not there; see the options below.

With --pseudo-labels, --out becomes a data set to train on: in masks only what the network is sure of, the rest void;
classes that are not among the known tags of an image (--tags, or those of --data) are ruled out before. Added are:
  images/NAME           a link to each image
  scores/NAME.npz       with --scores: probabilities of all classes, which `seglet refine` reads
  tags.json             what was known, if anything was"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "model", nargs="?", help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub"
    )
    parser.add_argument("inputs", type=Path, nargs="*", metavar="INPUT", help="image, folder or list (.txt)")
    parser.add_argument("--data", help="in place of INPUT: a data set's folder or dataset.json, or world")
    parser.add_argument("--split", help="which part of --data (default train)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="write over the earlier results in --out")
    parser.add_argument("--samples", type=whole(0, 10_000), default=0, metavar="T", help="Monte-Carlo passes (none)")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of their dropout masks")
    parser.add_argument(
        "--resize", type=fraction, default=1.0, help="segment at this fraction of the size, as in training (default 1)"
    )
    add_method(parser)
    parser.add_argument("--names", nargs="+", metavar="CLASS", help="with --method: the classes, without background")
    parser.add_argument("--explain", action="store_true", help="with --method: draw how each mask came about")
    add_device(parser)
    add_json(parser)
    add_seeing(parser)
    add_pseudo_labels(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.class_table import CLASS_FILE, class_table_text
    from seglet.files import write_json, write_text
    from seglet.inference.depth import find_depth_source
    from seglet.inference.from_tags import TagPredictor
    from seglet.inference.inputs import gather_images
    from seglet.inference.models import load_model, model_folder, weights_hash
    from seglet.inference.options import PseudoLabelOptions
    from seglet.inference.predict import check_inference_options
    from seglet.inference.tagged_images import TaggedImagesJob
    from seglet.inference.write import SegmentationJob, SegmentOptions
    from seglet.models.segmenter import Segmenter

    seeing = chosen_seeing(arguments)
    pseudo = pseudo_settings(arguments, seeing)
    if arguments.explain and (arguments.method is None or pseudo is not None):
        raise ValueError("--explain draws how a --method makes masks; give one, and leave --pseudo-labels out")
    claim(arguments.out, arguments.overwrite, pseudo is not None)
    model: Segmenter | TagPredictor
    if arguments.method is not None:
        model, data = _method(arguments)
        about = {"method": arguments.method}
    else:
        folder = model_folder(_model(arguments))
        model = load_model(str(folder), arguments.device)
        data = _of_data(arguments, model.classes)
        about = {"model": arguments.model, "weights": weights_hash(folder)}
    check_inference_options(model, seeing)
    way: SegmentationJob | PseudoLabelJob | TaggedImagesJob
    if isinstance(model, TagPredictor) and pseudo is None:
        images, tags = _tagged(arguments, data, model.classes)
        way = TaggedImagesJob(model, images, tags, arguments.out, seeing, arguments.explain)
    elif not isinstance(model, TagPredictor) and pseudo is None:
        images = gather_images(arguments.inputs, arguments.out) if data is None else data.images
        settings = SegmentOptions(arguments.samples, arguments.seed, seeing)
        way = SegmentationJob(model, images, arguments.out, settings, depths=find_depth_source(model, seeing.depth))
    else:
        way = _labelling(model, data, arguments, pseudo or PseudoLabelOptions())
    record = {"seglet": __version__, "command": arguments.command_line, "settings": way.about}
    record |= {**about, "classes": list(model.classes.names)}
    write_json(arguments.out / RECORD, {**record, "finished": False})
    write_text(arguments.out / CLASS_FILE, class_table_text(model.classes))
    done, failed = segment_all(way)
    next_steps = way.finish(done)
    record |= {"finished": True, "out": str(arguments.out), **way.summary, "images": done, "failed": failed}
    write_json(arguments.out / RECORD, record)
    answer("\n".join([*_account(done, failed), *next_steps]), record, arguments.json)
    return 2 if failed else 0


def _of_data(arguments: argparse.Namespace, classes: "Classes") -> "DatasetImages | None":
    """
    Raises:
        ValueError: neither files nor data are given, or both; or the data cannot be read or have other classes.
    """
    from seglet.data.opening import open_dataset
    from seglet.inference.dataset_images import DatasetImages
    from seglet.inference.models import check_classes

    if bool(arguments.inputs) == (arguments.data is not None):
        raise ValueError("give images, folders or a list, or --data DATA; one of the two")
    if arguments.data is None:
        if arguments.split is not None:
            raise ValueError("--split names a part of a data set; say which with --data DATA")
        return None
    samples = open_dataset(arguments.data, arguments.split or "train")
    check_classes(classes, samples.classes)
    return DatasetImages(arguments.data, samples)


def _model(arguments: argparse.Namespace) -> str:
    """
    Raises:
        ValueError: no model is given, or what belongs to a method.
    """
    if arguments.model is None:
        raise ValueError("give a segmenter to segment with, or --method METHOD")
    if arguments.names is not None:
        raise ValueError("--names are the classes of a --method; a segmenter knows its own, leave them out")
    return str(arguments.model)


def _method(arguments: argparse.Namespace) -> "tuple[TagPredictor, DatasetImages | None]":
    """A method in place of a model, whose name is then the first image's.

    Raises:
        ValueError: nobody says which classes there are, or options do not fit.
    """
    from seglet.data.opening import open_dataset
    from seglet.inference.dataset_images import DatasetImages
    from seglet.inference.from_tags import classes_named, open_method

    if arguments.model is not None:
        arguments.inputs, arguments.model = [Path(arguments.model), *arguments.inputs], None
    if bool(arguments.inputs) == (arguments.data is not None):
        raise ValueError("give images, folders or a list, or --data DATA; one of the two")
    if arguments.samples:
        raise ValueError("a method makes masks without Monte-Carlo passes; leave --samples out")
    if arguments.data is not None:
        samples = open_dataset(arguments.data, arguments.split or "train")
        model = open_method(arguments.method, samples, arguments.data, arguments.device)
        return model, DatasetImages(arguments.data, samples)
    unseen = None if arguments.names is None else classes_named(arguments.names)
    return open_method(arguments.method, unseen, None, arguments.device), None


def _tagged(
    arguments: argparse.Namespace, data: "DatasetImages | None", classes: "Classes"
) -> "tuple[list[ImageFile], KnownTags]":
    """
    Raises:
        ValueError: nobody says which classes are in the images.
    """
    from seglet.inference.inputs import gather_images
    from seglet.inference.known_tags import read_known_tags

    images = list(gather_images(arguments.inputs, arguments.out)) if data is None else data.images
    if arguments.tags is not None:
        return images, read_known_tags(arguments.tags, arguments.tags_key or "", images, classes)
    known = None if data is None else data.tags()
    if known is None:
        raise ValueError("nothing says which classes are in the images; give --tags FILE, or --data with tags")
    return images, known


def _labelling(
    model: "Predictor", data: "DatasetImages | None", arguments: argparse.Namespace, pseudo: "PseudoLabelOptions"
) -> "PseudoLabelJob":
    from seglet.inference.inputs import gather_images
    from seglet.inference.known_tags import read_known_tags
    from seglet.inference.pseudo_label_set import PseudoLabelJob

    images = gather_images(arguments.inputs, arguments.out) if data is None else data.images
    tags = None if data is None or arguments.tags is not None else data.tags()
    if arguments.tags is not None:
        tags = read_known_tags(arguments.tags, arguments.tags_key or "", images, model.classes)
    return PseudoLabelJob(model, images, tags, arguments, pseudo, None if data is None else data.truth)


def claim(folder: Path, overwrite: bool, pseudo: bool) -> None:
    """
    Raises:
        ValueError: the folder holds what must not be written over.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file; choose a new folder with --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / RECORD).is_file():
        raise ValueError(f"{str(folder)!r} holds other files; choose a new folder with --out")
    if not overwrite:
        raise ValueError(f"{str(folder)!r} holds earlier results; choose another --out, or --overwrite them")
    if _holds_pseudo_labels(folder) != pseudo:
        kind = "no pseudo labels" if pseudo else "pseudo labels"
        raise ValueError(f"{str(folder)!r} holds earlier results that are {kind}; choose another --out")


def _holds_pseudo_labels(folder: Path) -> bool:
    from seglet.files import read_json

    record = read_json(folder / RECORD)
    settings = record.get("settings") if isinstance(record, dict) else None
    return isinstance(settings, dict) and bool(settings.get("pseudo_labels"))


def segment_all(
    way: "SegmentationJob | PseudoLabelJob | TaggedImagesJob",
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """What was made of each image, and of which nothing was made and why."""
    from seglet.engine.console import ProgressDisplay
    from seglet.inference.batch import failure_reason

    done: list[dict[str, Any]] = []
    failed = [{"source": str(image.path), "reason": reason} for image, reason in way.passed_over]
    with ProgressDisplay("predict", len(way.images), "images") as steps:
        for count, image in enumerate(way.images, start=1):
            try:
                done.append({"source": str(image.path), **way.make(image, image.read())})
            except (ValueError, OSError, MemoryError, RuntimeError) as error:
                failed.append({"source": str(image.path), "reason": failure_reason(error)})
                steps.note(f"failed: {image.path}")
            steps.advance(count)
    return done, failed


def _account(done: list[dict[str, Any]], failed: list[dict[str, str]]) -> list[str]:
    lines = [f"segmented: {len(done)}, failed: {len(failed)}"]
    return lines + [f"  {failure['source']}\n    {failure['reason']}" for failure in failed]
