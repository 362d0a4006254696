"""`seglet evaluate`: the scores of a segmenter on pictures with masks."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.apps.output import answer, check_writable
from seglet.apps.parsing import LONGEST_SIDE, add_device, add_json, add_windows, fraction, scale, whole

if TYPE_CHECKING:
    from seglet.data.dataset import Dataset
    from seglet.evaluation.evaluate import Evaluation, EvaluationOptions
    from seglet.models.segmenter import Segmenter

CONVENTIONS = {"either": "miou", "present": "miou_present", "all": "miou_all"}
"""Which classes enter the mean, and what the evaluation calls it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a segmenter's folder, a run's folder, or a name on the hub")
    parser.add_argument("--data", required=True, help="a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="val", help="which part of the data (default val)")
    parser.add_argument(
        "--resize", type=fraction, default=1.0, help="read pictures at this fraction of their size; masks keep theirs"
    )
    parser.add_argument("--world-size", type=whole(1, 4096), help="side of the embedded world's scenes, in pixels")
    parser.add_argument("--batch", type=whole(1, 4096), default=1, help="pictures at once, where their sizes agree")
    parser.add_argument("--workers", type=whole(0, 256), default=2, help="threads that read ahead (default 2)")
    add_device(parser)
    parser.add_argument("--scales", type=scale, nargs="+", default=[1.0], help="sizes to predict at; averaged")
    parser.add_argument("--flip", action="store_true", help="also predict the mirrored picture; averaged")
    add_windows(parser)
    stride = whole(1, LONGEST_SIDE)
    parser.add_argument("--stride", type=stride, nargs=2, metavar=("H", "W"), help="between windows (two thirds)")
    parser.add_argument(
        "--convention",
        choices=list(CONVENTIONS),
        default="either",
        help="classes in the headline mIoU: in truth or prediction (default), present in the truth, or all",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the scores there, as JSON")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.apps.models import check_classes, load_model
    from seglet.data.dataset import open_dataset
    from seglet.files import write_json

    options = _options(arguments)
    if arguments.out:
        check_writable(arguments.out)
    model = load_model(arguments.model, arguments.device)
    data = open_dataset(_name(arguments), arguments.split, resize=arguments.resize, whole_masks=True)
    check_classes(model.classes, data.classes)
    content = {**_about(arguments, data), **score(model, data, options, arguments.workers).as_dict()}
    if arguments.out:
        write_json(arguments.out, content)
    answer(_text(arguments, content), content, arguments.json)
    return 0


def _options(arguments: argparse.Namespace) -> "EvaluationOptions":
    from seglet.evaluation.evaluate import EvaluationOptions

    window, stride = arguments.window, arguments.stride
    return EvaluationOptions(
        batch=arguments.batch,
        window=(window[0], window[1]) if window else None,
        stride=(stride[0], stride[1]) if stride else None,
        scales=tuple(arguments.scales),
        flip=arguments.flip,
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
    from seglet.data.loading import evaluation_samples
    from seglet.engine.console import Steps
    from seglet.evaluation.evaluate import evaluate

    device = next(model.parameters()).device
    with Steps("evaluate", len(data), "pictures") as steps:
        samples = evaluation_samples(data, workers=workers)
        return evaluate(model, samples, data.classes, options, steps.advance, device)


def _about(arguments: argparse.Namespace, data: "Dataset") -> dict[str, Any]:
    """What was scored and how, so that the numbers can be had again."""
    chosen = ("model", "split", "resize", "scales", "flip", "window", "stride", "convention")
    named = {name: getattr(arguments, name) for name in chosen}
    return {"seglet": __version__, "data": _name(arguments), "fingerprint": data.fingerprint, **named}


def _text(arguments: argparse.Namespace, content: dict[str, Any]) -> str:
    from seglet.evaluation.table import interval, percent, table

    key = CONVENTIONS[arguments.convention]
    between = interval(content["intervals"][key])
    verdict = f"mIoU ({arguments.convention}) {percent(content[key])} %" + (f", 95 %: {between}" if between else "")
    resize = f" --resize {arguments.resize:g}" if arguments.resize != 1 else ""
    where = f"scores are in {arguments.out}" if arguments.out else "keep these scores with --out FILE"
    return "\n".join(
        [
            f"{arguments.model} on {content['data']} ({arguments.split})",
            "",
            table(content),
            "",
            verdict,
            where,
            f"next: seglet predict {arguments.model} PICTURES --out predictions{resize}",
        ]
    )
