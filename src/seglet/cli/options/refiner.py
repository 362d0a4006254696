"""Options of a refiner and its settings."""

import argparse

from seglet.cli.parsing import whole_number
from seglet.inference.options import CRF_SETTINGS, REFINER_STEPS, REFINERS, Refiner


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
        "--crf-settings", choices=CRF_SETTINGS, help="strengths of crf (labels for index masks, ssss for scores)"
    )


def read_refiner(arguments: argparse.Namespace, crf_settings: str) -> Refiner:
    """Returns the refiner that was given; a CRF takes these `crf_settings` if no others are given.

    Raises:
        ValueError: --crf-settings are given to another refiner.
    """
    if arguments.crf_settings is not None and arguments.refiner != "crf":
        raise ValueError("--crf-settings are those of --refiner crf; give it, or leave them out")
    own = (arguments.crf_settings or crf_settings) if arguments.refiner == "crf" else ""
    return Refiner(arguments.refiner, REFINER_STEPS if arguments.steps is None else arguments.steps, own)
