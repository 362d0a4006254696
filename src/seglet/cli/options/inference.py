"""Inference options: sizes, mirrored views, windows, depth, brightening and refinement."""

import argparse

from seglet.cli.parsing import LONGEST_SIDE, scale_factor, unit_fraction, whole_number
from seglet.inference.options import CRF_SETTINGS, REFINER_STEPS, REFINERS, SAM_MODEL, InferenceOptions, Refiner


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `InferenceOptions` apart from --resize, whose help differs between commands."""
    group = parser.add_argument_group("inference")
    group.add_argument(
        "--scales",
        type=scale_factor,
        nargs="+",
        help="factors of the size to predict at, averaged (as saved with the model, else 1; ssss, cam: 1 0.5 1.5 2)",
    )
    group.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="also predict the mirrored image (as saved with the model, else only for ssss and cam)",
    )
    side = whole_number(1, LONGEST_SIDE)
    group.add_argument(
        "--size", type=side, nargs=2, metavar=("H", "W"), help="squeeze images to this size first, as ExCEL to 320 320"
    )
    group.add_argument("--window", type=side, nargs=2, metavar=("H", "W"), help="sliding windows of this size")
    group.add_argument(
        "--whole-images", action="store_true", help="no windows, also for a model that was validated in windows"
    )
    group.add_argument(
        "--stride", type=side, nargs=2, metavar=("H", "W"), help="step between windows (two thirds of the window)"
    )
    group.add_argument(
        "--background-power",
        type=scale_factor,
        metavar="P",
        help="for ssss: above 1 weakens the background (as saved with the model, else 3)",
    )
    group.add_argument(
        "--background",
        type=unit_fraction,
        metavar="B",
        help="for cam: share of a map's maximum that an object must exceed (0.1)",
    )
    group.add_argument(
        "--least-score",
        type=unit_fraction,
        metavar="S",
        help="for ssss and cam: least probability of presence of a class (as saved, else 0.1)",
    )
    group.add_argument(
        "--depth",
        metavar="SOURCE",
        help="for networks that take depth: a folder of maps or a depth network (as in training)",
    )
    group.add_argument(
        "--brighten", metavar="METHOD", help="brighten images first: a --method of `seglet enhance`, or its zero-dce/"
    )
    add_refiner_options(group, None)


def read_inference_options(arguments: argparse.Namespace) -> InferenceOptions:
    """Returns the inference options that were given.

    Raises:
        ValueError: options contradict each other.
    """
    of_refiner = (arguments.steps, arguments.crf_settings, arguments.sam_model)
    if arguments.refiner is None and any(value is not None for value in of_refiner):
        raise ValueError("--steps, --crf-settings and --sam-model are those of a --refiner; give one, or none of them")
    size, window, stride = arguments.size, arguments.window, arguments.stride
    return InferenceOptions(
        scales=tuple(arguments.scales) if arguments.scales else None,
        flip=arguments.flip,
        background_power=arguments.background_power,
        background=arguments.background,
        least_score=arguments.least_score,
        size=(size[0], size[1]) if size else None,
        window=(window[0], window[1]) if window else None,
        stride=(stride[0], stride[1]) if stride else None,
        whole_images=arguments.whole_images,
        resize=arguments.resize,
        depth=arguments.depth,
        brighten=arguments.brighten,
        refiner=read_refiner(arguments, "ssss") if arguments.refiner else None,
    )


def add_refiner_options(parser: argparse._ActionsContainer, default: str | None) -> None:
    """Adds the options --refiner, --steps and --crf-settings."""
    usual = default or "none"
    parser.add_argument(
        "--refiner", choices=REFINERS, default=default, help=f"refinement of masks to image edges ({usual})"
    )
    parser.add_argument(
        "--steps", type=whole_number(0, 1000), metavar="N", help=f"steps of the refiner (default {REFINER_STEPS})"
    )
    parser.add_argument(
        "--sam-model", metavar="MODEL", help=f"SAM or SAM 2 of sam: a name, hub id or folder ({SAM_MODEL})"
    )
    parser.add_argument(
        "--crf-settings", choices=CRF_SETTINGS, help="strengths of crf (labels for index masks, ssss for scores)"
    )


def read_refiner(arguments: argparse.Namespace, crf_settings: str) -> Refiner:
    """Returns the refiner that was given; a CRF takes these `crf_settings` if no others are given.

    Raises:
        ValueError: --crf-settings, --sam-model or --steps are given to a refiner that has none.
    """
    if arguments.crf_settings is not None and arguments.refiner != "crf":
        raise ValueError("--crf-settings are those of --refiner crf; give it, or leave them out")
    if arguments.refiner == "sam" and arguments.steps is not None:
        raise ValueError("--refiner sam votes once and has no --steps; leave them out")
    own = (arguments.crf_settings or crf_settings) if arguments.refiner == "crf" else ""
    steps = REFINER_STEPS if arguments.steps is None else arguments.steps
    return Refiner(arguments.refiner, steps, own, arguments.sam_model or "")
