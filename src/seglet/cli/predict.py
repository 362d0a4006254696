"""`seglet predict`: writes masks, overlays and confidences of images."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.options.actors import add_actor_options, read_actor_pool
from seglet.cli.options.experiment import parse_keys
from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.options.pseudo_labels import add_pseudo_label_options, read_pseudo_label_options
from seglet.cli.options.tiles import add_tile_options, read_raster_options
from seglet.cli.output import print_result
from seglet.cli.parsing import (
    add_adapt,
    add_calibrate,
    add_device,
    add_json,
    add_method,
    positive_fraction,
    unit_fraction,
    whole_number,
)

if TYPE_CHECKING:
    from seglet.inference.calibrate import CalibrationData
    from seglet.inference.folder_prediction import ImageSource
    from seglet.inference.options import InferenceOptions
    from seglet.inference.sources import LabelMethod

_DESCRIPTION = """\
Segment images. For each one, under --out, with the folders of the input kept:
  masks/NAME.png        class of each pixel, a palette PNG
  overlays/NAME.jpg     the image under its mask
  confidence/NAME.png   probability of that class: 0 to 255 for 0 to 1
  uncertainty/NAME.png  with --samples: Monte-Carlo deviation, summed over classes: 0 to 255 for 0 to 1 and above
  explained/NAME.png    with --explain: the steps from which a --method made the mask
classes.txt has the classes of the masks, predictions.json the result of each image and the options. An image that
cannot be read is reported and skipped. After an interruption the same command goes on with the images that are missing.

A video, or with --video a folder of its frames in the order of their names, becomes masks/NAME/000001.png and so on,
and NAME.mp4 with the masks over the frames.

With --tile, images of any size, GeoTIFFs among them, are read and segmented by tiles and never are in memory whole:
  masks/NAME.tif        a GeoTIFF at the same place on Earth, void (255) where the image has no data
  confidence/NAME.tif   probability of the class: 0 to 255 for 0 to 1
  polygons/NAME.gpkg    with --polygons gpkg or geojson: outlines of the classes

With --method in place of a model, a method makes masks from the tags of each image (--tags, or those of --data),
without training or as trained by a run: see `docs/methods/diclip.md`. Keys of the method are options, `--KEY VALUE`,
behind the images.

A network that learned from tags (ssss, cam) predicts as in its paper: at several sizes, mirrored, and without the
classes that it considers absent; see the options below.

With --pseudo-labels, --out becomes a data set to train on: masks hold confident pixels, the rest is void; classes that
are not among the known tags of an image (--tags, or those of --data) are ruled out. Added are:
  images/NAME           a link to each image
  scores/NAME.npz       with --scores: probabilities of all classes, which `seglet refine` reads
  tags.json             the known tags, if there are some"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "model", nargs="?", help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub"
    )
    parser.add_argument("inputs", type=Path, nargs="*", metavar="INPUT", help="image, folder or list (.txt)")
    parser.add_argument("--data", help="in place of INPUT: a data set's folder or dataset.json, or world")
    parser.add_argument("--split", help="split of --data (default train)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="overwrite earlier results in --out")
    parser.add_argument(
        "--samples", type=whole_number(0, 10_000), default=0, metavar="T", help="Monte-Carlo passes (none)"
    )
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, help="seed of the Monte-Carlo passes (0)")
    parser.add_argument(
        "--resize",
        type=positive_fraction,
        default=1.0,
        help="segment at this fraction of the size, as in training (default 1)",
    )
    parser.add_argument(
        "--thresholds",
        nargs="+",
        metavar="CLASS=P",
        help="take these classes where their probability reaches P, and the most probable of the others elsewhere",
    )
    parser.add_argument("--video", action="store_true", help="the images of the folder are frames of a video")
    parser.add_argument(
        "--smooth",
        type=unit_fraction,
        default=0.0,
        metavar="A",
        help="of a video: share of the frames before in each (0)",
    )
    parser.add_argument("--fps", type=float, default=25.0, help="with --video: frames a second (25)")
    add_method(parser)
    parser.add_argument(
        "--names", nargs="+", metavar="CLASS", help="with --method: the classes, without background, or road,pothole"
    )
    add_adapt(parser)
    add_calibrate(parser)
    parser.add_argument(
        "--explain", action="store_true", help="with --method: draw the steps from which each mask is made"
    )
    add_device(parser)
    add_max_pixels(parser)
    add_json(parser)
    add_inference_options(parser)
    add_tile_options(parser)
    add_pseudo_label_options(parser)
    add_actor_options(parser)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.images.video import is_video
    from seglet.inference.folder_prediction import FolderOptions, predict_folder
    from seglet.inference.options import SegmentOptions

    inference = replace(read_inference_options(arguments), thresholds=tuple(arguments.thresholds or ()))
    if (rasters := read_raster_options(arguments, inference)) is not None:
        from seglet.inference.raster_prediction import predict_rasters

        report = predict_rasters(arguments.model, arguments.inputs, rasters)
        print_result(report.text, report.record, arguments.json)
        return 2 if report.failed else 0
    if arguments.video or any(is_video(path) for path in arguments.inputs):
        return _run_video(arguments, inference)
    pseudo = read_pseudo_label_options(arguments, inference)
    if arguments.explain and (arguments.method is None or pseudo is not None):
        raise ValueError("--explain draws how a --method makes masks; give one, and leave --pseudo-labels out")
    pool = read_actor_pool(arguments)
    options = FolderOptions(
        arguments.out,
        arguments.overwrite,
        SegmentOptions(arguments.samples, arguments.seed, inference),
        pseudo,
        arguments.explain,
        arguments.device if pool is None else "cpu",
        arguments.command_line,
        pool,
    )
    report = predict_folder(_model(arguments, rest), _images(arguments), options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0


def _run_video(arguments: argparse.Namespace, inference: "InferenceOptions") -> int:
    from seglet.inference.video_prediction import VideoOptions, predict_video

    if arguments.model is None or len(arguments.inputs) != 1:
        raise ValueError("give a segmenter and one video, or with --video one folder of frames")
    others = {"--data": arguments.data, "--method": arguments.method, "--samples": arguments.samples}
    others |= {"--pseudo-labels": arguments.pseudo_labels, "--explain": arguments.explain}
    others["--engine ray"] = arguments.engine == "ray"
    if wrong := [name for name, value in others.items() if value]:
        raise ValueError(f"{', '.join(wrong)}: not of videos; leave it out, or give images")
    options = VideoOptions(
        arguments.out,
        arguments.smooth,
        arguments.fps,
        arguments.overwrite,
        inference,
        arguments.device,
        read_max_pixels(arguments),
        arguments.command_line,
    )
    report = predict_video(arguments.model, arguments.inputs[0], options)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0


def _class_names(words: list[str] | None) -> list[str] | None:
    """Returns the names of --names, which may also be one list with commas."""
    if words is None:
        return None
    return [name for word in words for name in (part.strip() for part in word.split(",")) if name]


def _model(arguments: argparse.Namespace, rest: list[str]) -> "str | LabelMethod":
    from seglet.inference.sources import LabelMethod

    if arguments.method is None:
        if arguments.adapt != "none":
            raise ValueError("--adapt is for a --method with a memory; a segmenter is adapted by `seglet adapt`")
        if arguments.calibrate is not None:
            raise ValueError("--calibrate chooses thresholds of a --method; a segmenter has none, leave it out")
        if arguments.model is None:
            raise ValueError("give a segmenter to segment with, or --method METHOD")
        return str(arguments.model)
    if arguments.samples:
        raise ValueError("a method makes masks without Monte-Carlo passes; leave --samples out")
    return LabelMethod(arguments.method, parse_keys(rest), arguments.adapt, _calibration(arguments))


def _calibration(arguments: argparse.Namespace) -> "CalibrationData | None":
    from seglet.inference.calibrate import CalibrationData

    if arguments.calibrate is None:
        if arguments.calibrate_split is not None:
            raise ValueError("--calibrate-split names a split of a data set; say which with --calibrate DATA")
        return None
    return CalibrationData(arguments.calibrate, arguments.calibrate_split or "train")


def _images(arguments: argparse.Namespace) -> "ImageSource":
    """Returns the images; with a method in place of a model, the first word names one of them."""
    from seglet.inference.folder_prediction import ImageSource
    from seglet.inference.sources import is_data_set

    inputs = arguments.inputs
    if arguments.method is not None and arguments.model is not None:
        inputs = [Path(arguments.model), *inputs]
    data, names = arguments.data, _class_names(arguments.names)
    if data is None and arguments.split is not None and inputs:
        raise ValueError("--split names a part of a data set; give it with --data DATA")
    if data is not None and names is not None and not inputs and Path(data).is_dir() and not is_data_set(Path(data)):
        inputs, data = [Path(data)], None  # images alone, whose classes are named
    return ImageSource(
        inputs,
        data,
        arguments.split or "train",
        arguments.tags,
        arguments.tags_key or "",
        names,
        read_max_pixels(arguments),
    )
