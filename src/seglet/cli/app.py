"""`seglet app`: a local page to drop images on."""

import argparse
import threading
from typing import TYPE_CHECKING

from seglet.cli.options.inference import add_inference_options, read_inference_options
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, add_method, positive_fraction, whole_number
from seglet.engine.console import print_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seglet.webapp.predictors import ImagePredictor

_DESCRIPTION = """\
Open a page on this machine: drop images; see the mask, the classes and their shares, confidence and uncertainty; darken
the images and see when the prediction breaks; download masks as PNG, COCO JSON or LabelMe JSON. Two models are shown
side by side. With --method in place of a model, type what is in the image, and see the class maps and masks of a
method that needs no training.
  seglet app runs/mine
  seglet app runs/before runs/after
  seglet app --method diclip --names cat dog
Only this machine can open the page, with the address that is printed; nothing leaves it, and uploaded images are
deleted when the command ends."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "models", nargs="*", metavar="MODEL",
        help="a segmenter's folder, a run's folder, an exported .onnx file, or a name on the hub; two are compared",
    )  # fmt: skip
    add_method(parser)
    parser.add_argument(
        "--names", nargs="+", metavar="CLASS", help="with --method: the classes that can be typed (any)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (127.0.0.1, this machine alone)")
    parser.add_argument(
        "--port", type=whole_number(1, 65535), help="port to serve at (the first that is free from 7860)"
    )
    parser.add_argument(
        "--max-pixels",
        type=whole_number(64, 178_000_000),
        default=24_000_000,
        metavar="N",
        help="largest number of pixels of an image",
    )
    parser.add_argument(
        "--side",
        type=whole_number(32, 16384),
        default=1024,
        help="longest side in pixels; longer images are shrunk to it (default 1024)",
    )
    parser.add_argument(
        "--samples", type=whole_number(0, 1000), default=8, metavar="T", help="Monte-Carlo passes (default 8)"
    )
    parser.add_argument(
        "--resize", type=positive_fraction, default=1.0, help="segment at this fraction of the size (default 1)"
    )
    add_device(parser)
    add_json(parser)
    add_inference_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.webapp.server import import_gradio, private_folder

    _check_options(arguments)
    with private_folder() as folder:
        gr = import_gradio()
        from seglet.webapp.controller import Controller
        from seglet.webapp.page import build_page
        from seglet.webapp.server import serve_page
        from seglet.webapp.uploads import UploadLimits

        limits = UploadLimits(arguments.max_pixels, arguments.side)
        page = build_page(gr, Controller(_load_predictors(arguments), folder / "downloads", limits))
        with serve_page(gr, page, folder, arguments.host, arguments.port) as address:
            if arguments.host not in ("127.0.0.1", "localhost"):
                print_message(
                    "warning: whoever gets this address can use the page, and what is sent to "
                    f"{arguments.host} is not encrypted"
                )
            print_result(f"{address} is open; Ctrl-C ends it", {"address": address}, arguments.json)
            threading.Event().wait()
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    """Checks that models and method fit together.

    Raises:
        ValueError: options contradict each other.
    """
    if (arguments.method is None) == (not arguments.models):
        raise ValueError("give a segmenter, or --method METHOD; one of the two")
    if len(arguments.models) > 2:
        raise ValueError(f"{len(arguments.models)} models were named; two can be compared")
    if len(set(arguments.models)) < len(arguments.models):
        raise ValueError("the same model was named twice; name another, or one")
    if arguments.names is not None and arguments.method is None:
        raise ValueError("--names are the classes of a --method; a segmenter knows its own, leave them out")


def _load_predictors(arguments: argparse.Namespace) -> "Sequence[ImagePredictor]":
    from seglet.webapp.loading import load_open_vocabulary, load_segmenters

    options = read_inference_options(arguments)
    if arguments.method is not None:
        return [load_open_vocabulary(arguments.method, arguments.names, options, arguments.device)]
    return load_segmenters(arguments.models, options, arguments.samples, arguments.device)
