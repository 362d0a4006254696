"""What `seglet predict --pseudo-labels` can be told, beside how the network looks at an image."""

import argparse
from pathlib import Path

from seglet.cli.parsing import share
from seglet.inference.options import DEFAULT_THRESHOLD, InferenceOptions, PseudoLabelOptions

OWN = ("tags", "tags_key", "threshold", "scores", "score_on", "score_split")


def add_pseudo_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pseudo labels")
    group.add_argument("--pseudo-labels", action="store_true", help="make --out a data set to train on")
    group.add_argument(
        "--tags",
        type=Path,
        metavar="FILE|DIR",
        help="known classes of each image: CSV, JSON, XML, folders; no others",
    )
    group.add_argument("--tags-key", metavar="KEY", help="field of the JSON file that holds the tags")
    group.add_argument(
        "--threshold",
        type=share,
        metavar="T",
        help=f"probability below which a pixel is void (default {DEFAULT_THRESHOLD})",
    )
    group.add_argument("--scores", action="store_true", default=None, help="also write score maps, to refine later")
    group.add_argument(
        "--score-on", metavar="DATA", help="data whose val images and true masks are put beside the pseudo labels"
    )
    group.add_argument("--score-split", metavar="SPLIT", help="another split of them than val")


def pseudo_settings(arguments: argparse.Namespace, inference: InferenceOptions) -> PseudoLabelOptions | None:
    """Returns how pseudo labels are made, or None if none are asked for.

    Raises:
        ValueError: options contradict each other.
    """
    if not arguments.pseudo_labels:
        of_method = ("tags", "tags_key") if arguments.method is not None else ()
        stray = next((name for name in OWN if name not in of_method and getattr(arguments, name) is not None), None)
        if stray is not None:
            raise ValueError(
                f"--{stray.replace('_', '-')} belongs to pseudo labels; add --pseudo-labels, or leave it out"
            )
        return None
    _check(arguments)
    return PseudoLabelOptions(
        DEFAULT_THRESHOLD if arguments.threshold is None else arguments.threshold,
        inference,
        bool(arguments.scores),
        arguments.score_on,
        arguments.score_split or "val",
    )


def _check(arguments: argparse.Namespace) -> None:
    if arguments.samples:
        raise ValueError("pseudo labels are made without Monte-Carlo passes; leave --samples out")
    if arguments.tags_key is not None and arguments.tags is None:
        raise ValueError("--tags-key names a field of a file of tags; say which with --tags FILE")
    if arguments.score_split is not None and arguments.score_on is None:
        raise ValueError("--score-split names a split of a data set; say which with --score-on DATA")
