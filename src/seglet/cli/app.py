"""`seglet app`: a local page to drop images on."""

import argparse
import threading
from typing import TYPE_CHECKING

from seglet.cli.options.inference import add_seeing, chosen_seeing
from seglet.cli.output import answer
from seglet.cli.parsing import add_device, add_json, add_method, fraction, whole
from seglet.engine.console import print_message

if TYPE_CHECKING:
    from seglet.inference.options import InferenceOptions
    from seglet.webapp.answers import Network, Viewer
    from seglet.webapp.open_vocabulary import Words

DESCRIPTION = """\
Open a page on this machine: drop images, see the mask, the classes and their shares, confidence and uncertainty; take
light away and see when the network breaks; take masks home as PNG, COCO's or LabelMe's JSON. With two models, the two
side by side. With --method in place of a model, type what is in the image, and see the maps and masks of a method
that needs no training.
  seglet app runs/mine
  seglet app runs/before runs/after
  seglet app --method diclip --names cat dog
Only this machine can open the page, nothing leaves it, and what was dropped is deleted when Ctrl-C ends the command."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
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
    parser.add_argument("--port", type=whole(1, 65535), help="port to serve at (the first that is free from 7860)")
    parser.add_argument(
        "--max-pixels", type=whole(64, 178_000_000), default=24_000_000, metavar="N", help="of an image"
    )
    parser.add_argument(
        "--side", type=whole(32, 16384), default=1024, help="longer images are looked at shrunk to it (default 1024)"
    )
    parser.add_argument("--samples", type=whole(0, 1000), default=8, metavar="T", help="Monte-Carlo passes (default 8)")
    parser.add_argument("--resize", type=fraction, default=1.0, help="segment at this fraction of the size (default 1)")
    add_device(parser)
    add_json(parser)
    add_seeing(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.webapp.server import gradio, quarters

    check(arguments)
    with quarters() as folder:
        gr = gradio()
        from seglet.webapp.controller import Desk
        from seglet.webapp.page import build
        from seglet.webapp.server import serving
        from seglet.webapp.uploads import Limits

        found = viewers(arguments)
        desk = Desk(found, folder / "offered", Limits(arguments.max_pixels, arguments.side))
        page = build(gr, desk)
        with serving(gr, page, arguments.host, arguments.port) as address:
            if arguments.host not in ("127.0.0.1", "localhost"):
                print_message(
                    f"warning: everybody who reaches {arguments.host} can use this page; there is no password"
                )
            answer(f"{address} is open; Ctrl-C ends it", {"address": address}, arguments.json)
            threading.Event().wait()
    return 0


def check(arguments: argparse.Namespace) -> None:
    """
    Raises:
        ValueError: options contradict each other.
    """
    if (arguments.method is None) == (not arguments.models):
        raise ValueError("give a segmenter to look through, or --method METHOD; one of the two")
    if len(arguments.models) > 2:
        raise ValueError(f"{len(arguments.models)} models were named; two can be compared")
    if len(set(arguments.models)) < len(arguments.models):
        raise ValueError("the same model was named twice; name another, or one")
    if arguments.names is not None and arguments.method is None:
        raise ValueError("--names are the classes of a --method; a segmenter knows its own, leave them out")


def viewers(arguments: argparse.Namespace) -> "list[Viewer]":
    """
    Raises:
        ValueError: a model cannot be loaded, or two have different classes.
    """
    from seglet.inference.models import check_classes

    seeing = chosen_seeing(arguments)
    if arguments.method is not None:
        return [words(arguments, seeing)]
    names = called(arguments.models)
    found = [network(source, name, arguments, seeing) for source, name in zip(arguments.models, names, strict=True)]
    for other in found[1:]:
        try:
            check_classes(found[0].model.classes, other.model.classes)
        except ValueError as error:
            raise ValueError(f"{found[0].name} and {other.name} cannot be compared: {error}") from error
    return [*found]


def called(sources: list[str]) -> list[str]:
    """The last parts of the paths, as many as tell them apart."""
    from pathlib import PurePath

    parts = [PurePath(source).parts for source in sources]
    names = list(sources)
    for count in range(max(map(len, parts)), 0, -1):
        shorter = ["/".join(part[-count:]) for part in parts]
        if len(set(shorter)) == len(sources):
            names = shorter
    return names


def network(source: str, name: str, arguments: argparse.Namespace, seeing: "InferenceOptions") -> "Network":
    from seglet.inference.depth import find_depth_source
    from seglet.inference.models import load_model
    from seglet.inference.predict import check_inference_options
    from seglet.webapp.answers import Network

    model = load_model(source, arguments.device)
    check_inference_options(model, seeing)
    return Network(name, model, seeing, arguments.samples, find_depth_source(model, seeing.depth))


def words(arguments: argparse.Namespace, seeing: "InferenceOptions") -> "Words":
    """Classes are those of --names, or of a run or experiment; of a method's bare name, any that are typed."""
    from pathlib import Path

    from seglet.inference.from_tags import TagPredictor, classes_named, open_method
    from seglet.inference.predict import check_inference_options
    from seglet.webapp.open_vocabulary import Words

    source: str = arguments.method

    def learn(names: "list[str] | tuple[str, ...]") -> TagPredictor:
        return open_method(source, classes_named(names), None, arguments.device)

    if arguments.names is not None:
        known = learn(arguments.names)
    elif Path(source).exists():
        known = open_method(source, None, None, arguments.device)
    else:
        return Words(source, None, learn, seeing)  # type: ignore[arg-type]
    check_inference_options(known, seeing)
    return Words(Path(source).stem, known, None, seeing)
