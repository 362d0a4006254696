"""`seglet evaluate`: scores a segmenter on images with masks."""

import argparse
from pathlib import Path
from typing import Any

from seglet._version import __version__
from seglet.cli.options.experiment import parse_keys
from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.output import print_result
from seglet.cli.parsing import (
    add_adapt,
    add_device,
    add_json,
    add_method,
    darkness_level,
    positive_fraction,
    whole_number,
)
from seglet.engine.output_folder import check_writable
from seglet.inference.options import InferenceOptions

_CONVENTIONS = {"either": "miou", "present": "miou_present", "all": "miou_all"}
"""Choices of the classes that enter the mean, with the key of each mean in an evaluation."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Score a segmenter on images with masks. A network that learned from tags (ssss, cam) predicts as in its "
        "paper: at several sizes, mirrored, and without the classes that it considers absent."
    )
    parser.add_argument(
        "model", nargs="?", help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub"
    )
    add_method(parser)
    add_adapt(parser)
    parser.add_argument("--data", required=True, help="a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="val", help="split of the data (default val)")
    parser.add_argument(
        "--resize",
        type=positive_fraction,
        default=1.0,
        help="read images at this fraction of their size; masks keep theirs",
    )
    parser.add_argument(
        "--world-size", type=whole_number(1, 4096), help="side of the embedded world's scenes, in pixels"
    )
    parser.add_argument(
        "--darken",
        type=darkness_level,
        metavar="PRESET|STOPS",
        help="score on darkened images: mild, night or extreme as in `seglet data darken`, or the stops of light to "
        "take away, each of which halves it",
    )
    parser.add_argument(
        "--batch", type=whole_number(1, 4096), default=1, help="images at once, where their sizes agree"
    )
    parser.add_argument("--workers", type=whole_number(0, 256), default=2, help="threads that read ahead (default 2)")
    add_device(parser)
    parser.add_argument(
        "--convention",
        choices=list(_CONVENTIONS),
        default="either",
        help="classes in the headline mIoU: in truth or prediction (default), present in the truth, or all",
    )
    parser.add_argument(
        "--known-tags",
        action="store_true",
        help="rule out the classes that an image's tags (or else its mask) lack: the quality of pseudo labels",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the scores there, as JSON")
    add_json(parser)
    add_inference_options(parser)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.files import write_json
    from seglet.inference.evaluate import ScoringOptions, score_model
    from seglet.inference.sources import LabelMethod

    inference = read_inference_options(arguments)
    if arguments.out:
        check_writable(arguments.out)
    if (arguments.model is None) == (arguments.method is None):
        raise ValueError("give a segmenter to score, or --method METHOD for its maps; one of the two")
    options = ScoringOptions(
        inference,
        known_tags=arguments.known_tags,
        darken=arguments.darken,
        batch=arguments.batch,
        workers=arguments.workers,
        device=arguments.device,
    )
    keys = parse_keys(rest)
    if arguments.model is not None and arguments.adapt != "none":
        raise ValueError("--adapt is for a --method with a memory; a segmenter is adapted by `seglet adapt`")
    model = arguments.model or LabelMethod(arguments.method, keys, arguments.adapt)
    scored = score_model(model, _name(arguments), arguments.split, options)
    size = {} if scored.parameters is None else {"parameters": scored.parameters}
    used: dict[str, Any] = {"keys": keys} if keys else {}
    used |= {} if arguments.adapt == "none" else {"adapt": arguments.adapt}
    content = {**_settings(arguments, scored.fingerprint, inference), **used, **size, **scored.evaluation.as_dict()}
    if arguments.out:
        write_json(arguments.out, content)
    print_result(_text(arguments, content), content, arguments.json)
    return 0


def _name(arguments: argparse.Namespace) -> str:
    """Returns the name of the data, with the size of the world's scenes as a part of it."""
    if arguments.world_size is None:
        return str(arguments.data)
    if arguments.data.partition(":")[0] != "world":
        raise ValueError(f"--world-size sizes the embedded world, but the data are {arguments.data!r}; use --resize")
    return f"{arguments.data}{',' if ':' in arguments.data else ':'}size={arguments.world_size}"


def _settings(arguments: argparse.Namespace, fingerprint: str, options: InferenceOptions) -> dict[str, Any]:
    """Returns what was scored and how, for repeating it."""
    named = {name: getattr(arguments, name) for name in ("model", "split", "convention", "known_tags", "darken")}
    if arguments.method is not None:
        named |= {"method": arguments.method, "known_tags": True}
    about = {"seglet": __version__, "data": _name(arguments), "fingerprint": fingerprint}
    return {**about, **named, **options.as_dict()}


def _text(arguments: argparse.Namespace, content: dict[str, Any]) -> str:
    from seglet.evaluation.table import evaluation_table, format_interval, format_score

    key = _CONVENTIONS[arguments.convention]
    between = format_interval(content["intervals"][key])
    summary = f"mIoU ({arguments.convention}) {format_score(content[key])} %" + (
        f", 95 %: {between}" if between else ""
    )
    resize = f" --resize {arguments.resize:g}" if arguments.resize != 1 else ""
    predictor = arguments.model or f"--method {arguments.method} --tags FILE"
    where = f"scores are in {arguments.out}" if arguments.out else "keep these scores with --out FILE"
    return "\n".join(
        [
            f"{arguments.model or arguments.method} on {content['data']} ({arguments.split})",
            "",
            evaluation_table(content),
            "",
            summary,
            *_curve(content.get("cam_curve")),
            where,
            f"next: seglet predict {predictor} IMAGES --out predictions{resize}",
        ]
    )


def _curve(found: dict[str, Any] | None) -> list[str]:
    """Returns a line with the best background threshold of class maps, which a user may want to set."""
    if found is None or found["best"]["miou"] is None:
        return []
    best = found["best"]
    return [f"best background threshold of the maps: {best['threshold']:g}, mIoU {100 * best['miou']:.2f} %"]
