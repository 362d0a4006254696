"""`seglet evaluate`: the scores of a segmenter on images with masks."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.options.inference import add_seeing, chosen_seeing
from seglet.cli.output import answer, check_writable
from seglet.cli.parsing import add_device, add_json, add_method, darkness, fraction, whole
from seglet.inference.options import InferenceOptions

if TYPE_CHECKING:
    from seglet.data.dataset import Dataset
    from seglet.evaluation.evaluate import Evaluation, EvaluationOptions
    from seglet.models.segmenter import Segmenter

CONVENTIONS = {"either": "miou", "present": "miou_present", "all": "miou_all"}
"""Which classes enter the mean, and what the evaluation calls it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Score a segmenter on images with masks. A network that learned from tags (ssss, cam) looks at each image "
        "as its paper does: at several sizes, mirrored, and without the classes that are not there."
    )
    parser.add_argument(
        "model", nargs="?", help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub"
    )
    add_method(parser)
    parser.add_argument("--data", required=True, help="a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="val", help="which part of the data (default val)")
    parser.add_argument(
        "--resize", type=fraction, default=1.0, help="read images at this fraction of their size; masks keep theirs"
    )
    parser.add_argument("--world-size", type=whole(1, 4096), help="side of the embedded world's scenes, in pixels")
    parser.add_argument(
        "--darken",
        type=darkness,
        metavar="HOW",
        help="score on images as they would be in the dark: mild, night or extreme, which are those of `seglet data "
        "darken`, or how many stops of light to take away, each of which halves it",
    )
    parser.add_argument("--batch", type=whole(1, 4096), default=1, help="images at once, where their sizes agree")
    parser.add_argument("--workers", type=whole(0, 256), default=2, help="threads that read ahead (default 2)")
    add_device(parser)
    parser.add_argument(
        "--convention",
        choices=list(CONVENTIONS),
        default="either",
        help="classes in the headline mIoU: in truth or prediction (default), present in the truth, or all",
    )
    parser.add_argument(
        "--known-tags",
        action="store_true",
        help="rule out the classes that an image's tags (or else its mask) lack: how good pseudo labels would be",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the scores there, as JSON")
    add_json(parser)
    add_seeing(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.dark.darkened_dataset import DarkenedDataset
    from seglet.data.opening import open_dataset
    from seglet.files import write_json
    from seglet.inference.brighten import EnhancedDataset, find_enhancer
    from seglet.inference.depth import add_depth_column
    from seglet.inference.evaluate_maps import evaluate_maps
    from seglet.inference.from_tags import open_method
    from seglet.inference.models import check_classes, load_model
    from seglet.inference.predict import check_inference_options, learned_from_tags
    from seglet.models.onnx_segmenter import parameter_count

    options = chosen_seeing(arguments)
    if arguments.out:
        check_writable(arguments.out)
    if (arguments.model is None) == (arguments.method is None):
        raise ValueError("give a segmenter to score, or --method METHOD for its maps; one of the two")
    model = None if arguments.model is None else load_model(arguments.model, arguments.device)
    maps = model is None or learned_from_tags(model) or options.refiner is not None or arguments.known_tags
    # maps are refined at the size of the image, wherever the network works, as `seglet predict` does it
    size = 1.0 if maps else arguments.resize
    data = open_dataset(_name(arguments), arguments.split, resize=size, whole_masks=True)
    seer = model or open_method(arguments.method, data, _name(arguments), arguments.device)
    check_inference_options(seer, options)
    check_classes(seer.classes, data.classes)
    if arguments.darken is not None:
        data = DarkenedDataset(data, arguments.darken)
    if model is not None:
        data = add_depth_column(data, model, options.depth)
    if options.brighten is not None and not maps:
        data = EnhancedDataset(data, find_enhancer(options.brighten))
    if model is None or maps:
        known_tags = arguments.known_tags or model is None
        found = evaluate_maps(seer, data, options, known_tags, arguments.workers, arguments.batch)
    else:
        found = score(model, data, _options(options, arguments.batch), arguments.workers).as_dict()
    size = {} if model is None else {"parameters": parameter_count(model)}
    content = {**_about(arguments, data, options), **size, **found}
    if arguments.out:
        write_json(arguments.out, content)
    answer(_text(arguments, content), content, arguments.json)
    return 0


def _options(options: InferenceOptions, batch: int) -> "EvaluationOptions":
    from seglet.evaluation.evaluate import EvaluationOptions

    return EvaluationOptions(
        batch=batch,
        window=options.window,
        stride=options.stride,
        scales=options.scales or (1.0,),
        flip=bool(options.flip),
    )


def _name(arguments: argparse.Namespace) -> str:
    """The data, with the size of the world's scenes as part of its name."""
    if arguments.world_size is None:
        return str(arguments.data)
    if arguments.data.partition(":")[0] != "world":
        raise ValueError(f"--world-size sizes the embedded world, but the data are {arguments.data!r}; use --resize")
    return f"{arguments.data}{',' if ':' in arguments.data else ':'}size={arguments.world_size}"


def score(model: "Segmenter", data: "Dataset", options: "EvaluationOptions", workers: int = 0) -> "Evaluation":
    """The evaluation of a model on all samples, with progress on stderr."""
    from seglet.data.loading.loaders import evaluation_samples
    from seglet.engine.console import ProgressDisplay
    from seglet.evaluation.evaluate import evaluate_samples

    device = next(model.parameters()).device
    with ProgressDisplay("evaluate", len(data), "images") as steps:
        samples = evaluation_samples(data, workers=workers)
        return evaluate_samples(model, samples, data.classes, options, steps.advance, device)


def _about(arguments: argparse.Namespace, data: "Dataset", options: InferenceOptions) -> dict[str, Any]:
    """What was scored and how, so that the numbers can be had again."""
    named = {name: getattr(arguments, name) for name in ("model", "split", "convention", "known_tags", "darken")}
    if arguments.method is not None:
        named |= {"method": arguments.method, "known_tags": True}
    about = {"seglet": __version__, "data": _name(arguments), "fingerprint": data.fingerprint}
    return {**about, **named, **options.as_dict()}


def _text(arguments: argparse.Namespace, content: dict[str, Any]) -> str:
    from seglet.evaluation.table import interval, percent, table

    key = CONVENTIONS[arguments.convention]
    between = interval(content["intervals"][key])
    verdict = f"mIoU ({arguments.convention}) {percent(content[key])} %" + (f", 95 %: {between}" if between else "")
    resize = f" --resize {arguments.resize:g}" if arguments.resize != 1 else ""
    seer = arguments.model or f"--method {arguments.method} --tags FILE"
    where = f"scores are in {arguments.out}" if arguments.out else "keep these scores with --out FILE"
    return "\n".join(
        [
            f"{arguments.model or arguments.method} on {content['data']} ({arguments.split})",
            "",
            table(content),
            "",
            verdict,
            *_curve(content.get("cam_curve")),
            where,
            f"next: seglet predict {seer} IMAGES --out predictions{resize}",
        ]
    )


def _curve(found: dict[str, Any] | None) -> list[str]:
    """The best background threshold of class maps, which a user may want to set."""
    if found is None or found["best"]["miou"] is None:
        return []
    best = found["best"]
    return [f"best background threshold of the maps: {best['threshold']:g}, mIoU {100 * best['miou']:.2f} %"]
