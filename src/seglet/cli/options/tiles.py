"""Options of predicting large images by tiles."""

import argparse
from typing import TYPE_CHECKING

from seglet.cli.parsing import whole_number

if TYPE_CHECKING:
    from seglet.inference.options import InferenceOptions
    from seglet.inference.raster_prediction import RasterOptions


def add_tile_options(parser: argparse.ArgumentParser) -> None:
    """Adds --tile and the options that go with it."""
    group = parser.add_argument_group("large images by tiles (pip install 'seglet[geo]')")
    group.add_argument(
        "--tile", type=whole_number(32, 16384), metavar="N", help="read and segment images by tiles of N x N pixels"
    )
    group.add_argument(
        "--overlap", type=whole_number(0, 8192), metavar="N", help="pixels over which tiles are blended (an eighth)"
    )
    group.add_argument(
        "--bands", type=whole_number(1, 10_000), nargs="+", metavar="B", help="bands to read, as in 3 2 1 (all)"
    )
    group.add_argument(
        "--polygons",
        choices=("geojson", "gpkg"),
        help="also write the outlines of the classes, as GeoJSON or GeoPackage",
    )
    group.add_argument(
        "--least-pixels",
        type=whole_number(0, 10**9),
        default=0,
        metavar="N",
        help="give pieces with fewer pixels to their largest neighbour before outlines are drawn (0)",
    )


def read_raster_options(arguments: argparse.Namespace, inference: "InferenceOptions") -> "RasterOptions | None":
    """Returns the options of tiles, or None without --tile.

    Raises:
        ValueError: options of tiles are given without --tile, or others that do not go with it.
    """
    own = {"--overlap": arguments.overlap, "--bands": arguments.bands, "--polygons": arguments.polygons}
    own |= {"--least-pixels": arguments.least_pixels or None}
    if arguments.tile is None:
        if wrong := [name for name, value in own.items() if value is not None]:
            raise ValueError(f"{', '.join(wrong)}: of large images; give --tile 512 too, or leave it out")
        return None
    from seglet.inference.raster_prediction import RasterOptions

    others = {"--data": arguments.data, "--method": arguments.method, "--samples": arguments.samples}
    others |= {"--pseudo-labels": arguments.pseudo_labels, "--explain": arguments.explain}
    others |= {"--engine ray": arguments.engine == "ray", "--video": arguments.video}
    if wrong := [name for name, value in others.items() if value]:
        raise ValueError(f"{', '.join(wrong)}: not of images by tiles; leave it out, or --tile")
    if arguments.model is None or not arguments.inputs:
        raise ValueError("give a segmenter and images, or folders of them")
    return RasterOptions(
        arguments.out,
        arguments.tile,
        arguments.overlap,
        tuple(arguments.bands) if arguments.bands else None,
        arguments.polygons,
        arguments.least_pixels,
        arguments.overwrite,
        inference,
        arguments.device,
        arguments.command_line,
    )
