"""`seglet predict`: masks, overlays and confidences of pictures."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.apps.output import answer
from seglet.apps.parsing import add_device, add_json, add_windows, fraction, whole

if TYPE_CHECKING:
    from seglet.apps.pictures import Picture
    from seglet.apps.segment import Settings
    from seglet.models.segmenter import Segmenter
    from seglet.types import Classes

RECORD = "predictions.json"
CLASSES = "classes.txt"
DESCRIPTION = """\
Segment pictures. For each one, under --out, with the folders of the input kept:
  masks/NAME.png        class of each pixel, a palette PNG
  overlays/NAME.jpg     the picture under its mask
  confidence/NAME.png   probability of that class: 0 to 255 for 0 to 1
  uncertainty/NAME.png  with --samples: Monte-Carlo deviation, summed over classes: 0 to 255 for 0 to 1 and above
classes.txt says what the masks mean, predictions.json what became of each picture. One that cannot be read is
reported and passed over."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="a segmenter's folder, a run's folder, or a name on the hub")
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="picture, folder or list (.txt)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="write over the earlier results in --out")
    parser.add_argument("--samples", type=whole(0, 10_000), default=0, metavar="T", help="Monte-Carlo passes (none)")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="of their dropout masks")
    parser.add_argument(
        "--resize", type=fraction, default=1.0, help="segment at this fraction of the size, as in training (default 1)"
    )
    add_windows(parser)
    add_device(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.apps.models import load_model
    from seglet.apps.pictures import gather
    from seglet.apps.segment import Settings
    from seglet.files import write_json, write_text

    claim(arguments.out, arguments.overwrite)
    window = (arguments.window[0], arguments.window[1]) if arguments.window else None
    settings = Settings(arguments.samples, arguments.seed, window, arguments.resize)
    pictures = gather(arguments.inputs, arguments.out)
    model = load_model(arguments.model, arguments.device)
    record = {"model": arguments.model, "classes": list(model.classes.names), "finished": False}
    write_json(arguments.out / RECORD, record)
    write_text(arguments.out / CLASSES, table(model.classes))
    done, failed = segment_all(model, pictures, arguments.out, settings)
    record |= {"finished": True, "out": str(arguments.out), "pictures": done, "failed": failed}
    write_json(arguments.out / RECORD, record)
    answer(_text(arguments, done, failed), record, arguments.json)
    return 2 if failed else 0


def table(classes: "Classes") -> str:
    """The classes of the masks, as `seglet data check --classes` reads them."""
    named = enumerate(zip(classes.names, classes.colours, strict=True))
    return "".join(f"{label} {name} {red} {green} {blue}\n" for label, (name, (red, green, blue)) in named)


def claim(folder: Path, overwrite: bool) -> None:
    """
    Raises:
        ValueError: the folder holds what must not be written over.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file; choose a new folder with --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / RECORD).is_file():
        raise ValueError(f"{str(folder)!r} holds other files; choose a new folder with --out")
    if not overwrite:
        raise ValueError(f"{str(folder)!r} holds earlier results; choose another --out, or --overwrite them")


def segment_all(
    model: "Segmenter", pictures: "list[Picture]", out: Path, settings: "Settings"
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """What was made of each picture, and which could not be read and why."""
    import torch

    from seglet.apps.segment import segment, write
    from seglet.data.images import read_image
    from seglet.engine.console import Steps

    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with Steps("predict", len(pictures), "pictures") as steps:
        for count, picture in enumerate(pictures, start=1):
            try:
                image = read_image(picture.path)
                found = segment(model, image, settings)
            except (ValueError, OSError, MemoryError, torch.OutOfMemoryError) as error:
                failed.append({"picture": str(picture.path), "reason": str(error) or "memory ran out"})
                steps.note(f"failed: {picture.path}")
            else:
                done.append({"picture": str(picture.path), **write(found, image, picture.name, out, model.classes)})
            steps.advance(count)
    return done, failed


def _text(arguments: argparse.Namespace, done: list[dict[str, Any]], failed: list[dict[str, str]]) -> str:
    lines = [f"segmented: {len(done)}, failed: {len(failed)}"]
    lines += [f"  {failure['picture']}\n    {failure['reason']}" for failure in failed]
    results = f"masks, overlays and confidences are in {arguments.out}, and {RECORD} says what became of each"
    after = f"next: look at {arguments.out / 'overlays'}; where the masks are right, they can be trained on:"
    check = f"seglet data check PICTURES --masks {arguments.out / 'masks'} --classes {arguments.out / CLASSES}"
    return "\n".join([*lines, results, after, f"      {check}"])
