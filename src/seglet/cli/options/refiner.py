"""Which refiner a command was asked for, and with which settings."""

import argparse

from seglet.cli.parsing import whole
from seglet.inference.options import CRF_SETTINGS, REFINER_STEPS, REFINERS, Refiner


def add_refiner(parser: argparse._ActionsContainer, default: str | None) -> None:
    usual = default or "none"
    parser.add_argument("--refiner", choices=REFINERS, default=default, help=f"what moves masks to edges ({usual})")
    parser.add_argument(
        "--steps", type=whole(0, 1000), metavar="N", help=f"of pamr, par or crf (default {REFINER_STEPS})"
    )
    parser.add_argument(
        "--crf-settings", choices=CRF_SETTINGS, help="strengths of crf (labels for index masks, ssss for scores)"
    )


def chosen(arguments: argparse.Namespace, crf_settings: str) -> Refiner:
    """The refiner that was asked for; a CRF takes `crf_settings` where none are named.

    Raises:
        ValueError: --crf-settings are given to another refiner.
    """
    if arguments.crf_settings is not None and arguments.refiner != "crf":
        raise ValueError("--crf-settings are those of --refiner crf; give it, or leave them out")
    own = (arguments.crf_settings or crf_settings) if arguments.refiner == "crf" else ""
    return Refiner(arguments.refiner, REFINER_STEPS if arguments.steps is None else arguments.steps, own)
