"""What a command can be told about how a network looks at images."""

import argparse

from seglet.cli.options.refiner import add_refiner, chosen
from seglet.cli.parsing import LONGEST_SIDE, scale, share, whole
from seglet.inference.options import InferenceOptions


def add_seeing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how the network looks at an image")
    group.add_argument(
        "--scales", type=scale, nargs="+", help="sizes to look at, averaged (1; for ssss and cam 1 0.5 1.5 2)"
    )
    group.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="the mirrored image too (only for ssss and cam)"
    )
    side = whole(1, LONGEST_SIDE)
    group.add_argument("--window", type=side, nargs=2, metavar=("H", "W"), help="sliding windows of this size")
    group.add_argument("--stride", type=side, nargs=2, metavar=("H", "W"), help="between windows (two thirds)")
    group.add_argument(
        "--background-power", type=scale, metavar="P", help="for ssss: above 1 the background yields (default 3)"
    )
    group.add_argument(
        "--background", type=share, metavar="B", help="for cam: share of its maximum that an object exceeds (0.1)"
    )
    group.add_argument(
        "--least-score", type=share, metavar="S", help="for ssss and cam: presence that keeps a class (default 0.1)"
    )
    group.add_argument(
        "--depth",
        metavar="SOURCE",
        help="for networks told depth: a folder of maps or a depth network (as in training)",
    )
    group.add_argument(
        "--brighten", metavar="WAY", help="brighten images first: a --method of `seglet enhance`, or its zero-dce/"
    )
    add_refiner(group, None)


def chosen_seeing(arguments: argparse.Namespace) -> InferenceOptions:
    """
    Raises:
        ValueError: options contradict each other.
    """
    if arguments.refiner is None and (arguments.steps is not None or arguments.crf_settings is not None):
        raise ValueError("--steps and --crf-settings are those of a --refiner; give one, or leave them out")
    window, stride = arguments.window, arguments.stride
    return InferenceOptions(
        scales=tuple(arguments.scales) if arguments.scales else None,
        flip=arguments.flip,
        background_power=arguments.background_power,
        background=arguments.background,
        least_score=arguments.least_score,
        window=(window[0], window[1]) if window else None,
        stride=(stride[0], stride[1]) if stride else None,
        resize=arguments.resize,
        depth=arguments.depth,
        brighten=arguments.brighten,
        refiner=chosen(arguments, "ssss") if arguments.refiner else None,
    )
