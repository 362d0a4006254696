"""`seglet data darkness`: measures of dark images, and the nearest preset of `seglet data darken`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.options.limits import add_max_pixels, read_max_pixels
from seglet.cli.output import print_result, table_lines
from seglet.cli.parsing import DARK_PRESETS, add_json, whole_number

if TYPE_CHECKING:
    from seglet.data.dark.measure import ImageDarkness
    from seglet.inference.inputs import ImageFile

_DESCRIPTION = """\
Measure how dark images are. With --light, images taken in daylight are darkened with each preset of `seglet data
darken` and measured too, and the preset that is nearest to the dark images is named.
  luma    mean of the stored values, 0 to 255: one image in ten is below, half are, nine in ten are
  stops   median: how many times the light would have to be doubled for a well exposed image
  dim     median share of pixels that are almost black (luma below 10 %)
  noise   median deviation of noise in stored values; fine texture counts as noise
  coarse  median noise at half the size, as a share of it: .5 if each pixel has its own, more if neighbours share it
  white % mean share of pixels of which a colour is saturated"""
_NO_OUTPUT = Path("/nothing is written")
"""Folder that results would be skipped in."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("images", type=Path, nargs="+", metavar="DIR", help="folders of dark images")
    parser.add_argument("--light", type=Path, metavar="DIR", help="folder of images to darken with each preset")
    parser.add_argument(
        "--most", type=whole_number(1, 10**6), default=100, help="images of --light to take (default 100)"
    )
    parser.add_argument(
        "--variant", choices=("degrade", "camera"), default="degrade", help="of the presets (default degrade)"
    )
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, help="seed of the darkening (default 0)")
    add_max_pixels(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.inference.inputs import gather_images

    dark = gather_images(arguments.images, _NO_OUTPUT, read_max_pixels(arguments))
    measured, failed = _measure_all(dark)
    found = {"these images": measured}
    if arguments.light is not None:
        light = _evenly_spaced(gather_images([arguments.light], _NO_OUTPUT, read_max_pixels(arguments)), arguments.most)
        found |= _measure_presets(light, arguments.seed, arguments.variant)
    content = {name: _medians(measures) for name, measures in found.items()}
    heads = ("", "images", "luma 10 %", "50 %", "90 %", "stops", "dim %", "noise", "coarse", "white %")
    rows = [(name, *(f"{value:.4g}" for value in row.values())) for name, row in content.items()]
    lines = table_lines([heads, *rows], indent="")
    near = _nearest_preset(content)
    if near:
        variant = "" if arguments.variant == "degrade" else f" --variant {arguments.variant}"
        lines.append(f"nearest in stops: {near}")
        lines.append(f"next: seglet data darken DATA --out DARK --preset {near}{variant}")
    lines += [f"not measured: {each['file']}: {each['reason']}" for each in failed]
    print_result("\n".join(lines), {"measured": content, "nearest": near, "failed": failed}, arguments.json)
    return 2 if failed else 0


def _measure_all(images: "list[ImageFile]") -> "tuple[list[ImageDarkness], list[dict[str, str]]]":
    """Measures all images that can be read, and returns why others cannot.

    Raises:
        DataError: none can be read.
    """
    from seglet.data.dark.measure import measure_darkness
    from seglet.files import DataError

    found, failed = [], []
    for image in images:
        try:
            found.append(measure_darkness(image.read()))
        except DataError as error:
            failed.append({"file": str(image.path), "reason": str(error)})
    if not found:
        raise DataError(f"none of the {len(images)} images can be read: {failed[0]['reason']}")
    return found, failed


def _measure_presets(images: "list[ImageFile]", seed: int, variant: str) -> "dict[str, list[ImageDarkness]]":
    """Measures light images, and the same images darkened with each preset."""
    from seglet.data.dark.measure import measure_darkness
    from seglet.data.dark.pipeline import darken_image
    from seglet.data.dark.presets import night_camera_ranges, preset_ranges

    of: Callable[[Any], Any] = night_camera_ranges if variant == "camera" else preset_ranges
    found: dict[str, list[ImageDarkness]] = {"light": [], **{name: [] for name in DARK_PRESETS}}
    for source in images:
        image = source.read()
        found["light"].append(measure_darkness(image))
        for name in DARK_PRESETS:
            dark = darken_image(image, of(name).draw(seed, source.name))
            found[name].append(measure_darkness(dark))
    return found


def _nearest_preset(content: dict[str, Any]) -> str:
    """Returns the preset whose median of stops is nearest to that of the dark images; empty if none was measured."""
    wanted = content["these images"]["stops"]
    there = [name for name in DARK_PRESETS if name in content]
    return min(there, key=lambda name: abs(float(content[name]["stops"]) - wanted), default="")


def _evenly_spaced(images: "list[ImageFile]", most: int) -> "list[ImageFile]":
    """Returns at most `most` of the images, evenly spread over all."""
    step = max(1.0, len(images) / most)
    return [images[int(index * step)] for index in range(min(most, len(images)))]


def _medians(measures: "list[ImageDarkness]") -> dict[str, float]:
    import numpy as np

    low, middle, high = (float(np.quantile([one.luma for one in measures], share)) for share in (0.1, 0.5, 0.9))
    row = {"images": len(measures), "luma_10": low, "luma_50": middle, "luma_90": high}
    parts = [(one.stops, 100 * one.dim, one.noise, one.coarse) for one in measures]
    named = zip(("stops", "dim", "noise", "coarse"), np.median(parts, axis=0).tolist(), strict=True)
    return {**row, **dict(named), "white": 100 * float(np.mean([one.saturated for one in measures]))}
