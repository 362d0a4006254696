"""Options of `seglet predict --pseudo-labels`, beside the inference options."""

import argparse
from pathlib import Path

from seglet.cli.parsing import unit_fraction
from seglet.inference.options import DEFAULT_THRESHOLD, InferenceOptions, PseudoLabelOptions

_PSEUDO_LABEL_OPTIONS = ("tags", "tags_key", "threshold", "scores", "score_on", "score_split")
"""Options that need --pseudo-labels."""


def add_pseudo_label_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of pseudo labels, tags among them."""
    group = parser.add_argument_group("pseudo labels")
    group.add_argument("--pseudo-labels", action="store_true", help="make --out a data set to train on")
    group.add_argument(
        "--tags",
        type=Path,
        metavar="FILE|DIR",
        help="known classes of each image, which rule all others out: CSV, JSON, XML, folders",
    )
    group.add_argument("--tags-key", metavar="KEY", help="field of the JSON file that holds the tags")
    group.add_argument(
        "--threshold",
        type=unit_fraction,
        metavar="T",
        help=f"probability below which a pixel is void (default {DEFAULT_THRESHOLD})",
    )
    group.add_argument(
        "--scores", action="store_true", default=None, help="also write score maps, which `seglet refine` reads"
    )
    group.add_argument(
        "--score-on", metavar="DATA", help="data whose val images and true masks are copied beside the pseudo labels"
    )
    group.add_argument("--score-split", metavar="SPLIT", help="split of --score-on (val)")


def read_pseudo_label_options(arguments: argparse.Namespace, inference: InferenceOptions) -> PseudoLabelOptions | None:
    """Returns how pseudo labels are made, or None if none are asked for.

    Raises:
        ValueError: options contradict each other.
    """
    if not arguments.pseudo_labels:
        of_method = ("tags", "tags_key") if arguments.method is not None else ()
        options = [name for name in _PSEUDO_LABEL_OPTIONS if name not in of_method]
        stray = next((name for name in options if getattr(arguments, name) is not None), None)
        if stray is not None:
            raise ValueError(
                f"--{stray.replace('_', '-')} belongs to pseudo labels; add --pseudo-labels, or leave it out"
            )
        return None
    _check_options(arguments)
    return PseudoLabelOptions(
        DEFAULT_THRESHOLD if arguments.threshold is None else arguments.threshold,
        inference,
        bool(arguments.scores),
        arguments.score_on,
        arguments.score_split or "val",
    )


def _check_options(arguments: argparse.Namespace) -> None:
    """Checks that the options of pseudo labels fit together.

    Raises:
        ValueError: options contradict each other.
    """
    if arguments.samples:
        raise ValueError("pseudo labels are made without Monte-Carlo passes; leave --samples out")
    if arguments.tags_key is not None and arguments.tags is None:
        raise ValueError("--tags-key names a field of a file of tags; say which with --tags FILE")
    if arguments.score_split is not None and arguments.score_on is None:
        raise ValueError("--score-split names a split of a data set; say which with --score-on DATA")
