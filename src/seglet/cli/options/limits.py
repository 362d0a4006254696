"""The limit of the size of images that a command opens."""

import argparse

from seglet.cli.parsing import whole_number


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """Adds the option --max-pixels."""
    parser.add_argument(
        "--max-pixels",
        type=whole_number(1, 10**12),
        metavar="N",
        help="largest image to open (default 64 million pixels); it is read whole, at least 3 bytes a pixel",
    )


def read_max_pixels(arguments: argparse.Namespace) -> int:
    """Returns the number of pixels that an image may have."""
    from seglet.images import MAX_PIXELS

    return int(arguments.max_pixels or MAX_PIXELS)
