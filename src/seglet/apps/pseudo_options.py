"""What `seglet predict --pseudo-labels` can be told."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.apps.parsing import scale, share
from seglet.apps.refiners import Refiner, add_refiner, chosen

THRESHOLD = 0.5
OWN = (
    "tags", "tags_key", "threshold", "scales", "flip", "background_power", "refiner", "steps", "crf_settings", "scores",
    "score_on", "score_split",
)  # fmt: skip


@dataclass(frozen=True)
class PseudoSettings:
    """How pseudo labels are made; None leaves a choice to the kind of network.

    A pixel whose probability is below `threshold` gets no label. `background_power` is for networks taught by tags:
    above 1 the background yields to other classes.
    """

    threshold: float = THRESHOLD
    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    background_power: float | None = None
    window: tuple[int, int] | None = None
    resize: float = 1.0
    refiner: Refiner | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        refiner = {"refiner": None} if self.refiner is None else self.refiner.as_dict()
        seen = {"scales": self.scales, "flip": self.flip, "background_power": self.background_power}
        return {"threshold": self.threshold, **seen, "window": self.window, "resize": self.resize, **refiner}


def add_pseudo_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pseudo labels")
    group.add_argument("--pseudo-labels", action="store_true", help="make --out a data set to train on")
    group.add_argument(
        "--tags",
        type=Path,
        metavar="FILE|DIR",
        help="known classes of each picture: CSV, JSON, XML, folders; no others",
    )
    group.add_argument("--tags-key", metavar="KEY", help="field of the JSON file that holds the tags")
    group.add_argument(
        "--threshold", type=share, metavar="T", help=f"probability below which a pixel is void (default {THRESHOLD})"
    )
    group.add_argument("--scales", type=scale, nargs="+", help="sizes to look at (1; for ssss and cam 1 0.5 1.5 2)")
    group.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="look at the mirrored picture too (only for ssss and cam)"
    )
    group.add_argument(
        "--background-power", type=scale, metavar="P", help="for ssss and cam: above 1 background yields (default 3)"
    )
    add_refiner(group, None)
    group.add_argument("--scores", action="store_true", default=None, help="also write score maps, to refine later")
    group.add_argument(
        "--score-on", metavar="DATA", help="data whose val pictures and true masks are put beside the pseudo labels"
    )
    group.add_argument("--score-split", metavar="SPLIT", help="another split of them than val")


def pseudo_settings(arguments: argparse.Namespace) -> PseudoSettings | None:
    """None where no pseudo labels are asked for.

    Raises:
        ValueError: options contradict each other.
    """
    if not arguments.pseudo_labels:
        stray = next((name for name in OWN if getattr(arguments, name) is not None), None)
        if stray is not None:
            raise ValueError(
                f"--{stray.replace('_', '-')} belongs to pseudo labels; add --pseudo-labels, or leave it out"
            )
        return None
    _check(arguments)
    window = arguments.window
    return PseudoSettings(
        threshold=THRESHOLD if arguments.threshold is None else arguments.threshold,
        scales=tuple(arguments.scales) if arguments.scales else None,
        flip=arguments.flip,
        background_power=arguments.background_power,
        window=(window[0], window[1]) if window else None,
        resize=arguments.resize,
        refiner=chosen(arguments, "ssss") if arguments.refiner else None,
    )


def _check(arguments: argparse.Namespace) -> None:
    if arguments.samples:
        raise ValueError("pseudo labels are made without Monte-Carlo passes; leave --samples out")
    if arguments.refiner is None and (arguments.steps is not None or arguments.crf_settings is not None):
        raise ValueError("--steps and --crf-settings are those of a --refiner; give one, or leave them out")
    if arguments.tags_key is not None and arguments.tags is None:
        raise ValueError("--tags-key names a field of a file of tags; say which with --tags FILE")
    if arguments.score_split is not None and arguments.score_on is None:
        raise ValueError("--score-split names a split of a data set; say which with --score-on DATA")
