"""What a command can be told about how a network looks at pictures."""

import argparse
from dataclasses import dataclass
from typing import Any

from seglet.apps.parsing import LONGEST_SIDE, scale, share, whole
from seglet.apps.refiners import Refiner, add_refiner, chosen


@dataclass(frozen=True)
class Seeing:
    """None leaves a choice to the kind of network; `docs/cli.md` has the choices.

    `background_power`, `background` and `least_score` are for networks that learned from tags; see `class_maps`.
    Pictures are first shrunk to the fraction `resize` of their size. `stride` None is two thirds of the window. `depth`
    says where networks that are told depth have it from; see `depths_for`. `brighten` names what pictures go through
    before a network sees them; see `enhancer`.
    """

    scales: tuple[float, ...] | None = None
    flip: bool | None = None
    background_power: float | None = None
    background: float | None = None
    least_score: float | None = None
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    resize: float = 1.0
    refiner: Refiner | None = None
    depth: str | None = None
    brighten: str | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for but windows and a size."""
        own = (self.scales, self.flip, self.background_power, self.background, self.least_score, self.refiner)
        return all(value is None for value in own)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        refiner = {"refiner": None} if self.refiner is None else self.refiner.as_dict()
        seen = {name: getattr(self, name) for name in ("scales", "flip", "background_power", "background")}
        rest = {
            name: getattr(self, name) for name in ("least_score", "window", "stride", "resize", "depth", "brighten")
        }
        return {**seen, **rest, **refiner}


def add_seeing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how the network looks at a picture")
    group.add_argument(
        "--scales", type=scale, nargs="+", help="sizes to look at, averaged (1; for ssss and cam 1 0.5 1.5 2)"
    )
    group.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, help="the mirrored picture too (only for ssss and cam)"
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
        "--brighten", metavar="WAY", help="brighten pictures first: a --method of `seglet enhance`, or its zero-dce/"
    )
    add_refiner(group, None)


def chosen_seeing(arguments: argparse.Namespace) -> Seeing:
    """
    Raises:
        ValueError: options contradict each other.
    """
    if arguments.refiner is None and (arguments.steps is not None or arguments.crf_settings is not None):
        raise ValueError("--steps and --crf-settings are those of a --refiner; give one, or leave them out")
    if arguments.stride is not None and arguments.window is None:
        raise ValueError("--stride lies between windows; give --window too, or leave it out")
    window, stride = arguments.window, arguments.stride
    return Seeing(
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
