"""Which refiner a command was asked for, and with which settings."""

import argparse
from dataclasses import dataclass
from typing import Any

from seglet.apps.parsing import whole

NAMES = ("pamr", "par", "crf")
CRF_SETTINGS = ("ssss", "labels", "weclip", "seco", "excel")
STEPS = 10  # all the papers that `labels.crf_settings` names, and PAMR and PAR on VOC


@dataclass(frozen=True)
class Refiner:
    """`steps` are iterations for a CRF; `crf_settings` names one of `labels.crf_settings`, and is empty for others."""

    name: str
    steps: int = STEPS
    crf_settings: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        own = {"crf_settings": self.crf_settings} if self.crf_settings else {}
        return {"refiner": self.name, "steps": self.steps, **own}


def add_refiner(parser: argparse._ActionsContainer, default: str | None) -> None:
    usual = default or "none"
    parser.add_argument("--refiner", choices=NAMES, default=default, help=f"what moves masks to edges ({usual})")
    parser.add_argument("--steps", type=whole(0, 1000), metavar="N", help=f"of pamr, par or crf (default {STEPS})")
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
    return Refiner(arguments.refiner, STEPS if arguments.steps is None else arguments.steps, own)
