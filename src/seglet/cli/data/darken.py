"""`seglet data darken`: a dark copy of a data set, as a camera would record it at night."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.output import print_result
from seglet.cli.parsing import DARK_PRESETS, add_json, whole_number

if TYPE_CHECKING:
    from seglet.data.dark.presets import DarkeningRanges, NightCameraRanges
    from seglet.inference.batch import TaskOutcome

_RECORD = "darkened.json"
_DESCRIPTION = """\
Darken a data set with a model of a camera: undo its processing, take light away, add shot, read and quantisation
noise, process again (MAET, ICCV 2021); --variant camera also has a mosaic, amplification, lamps and noise reduction.
OUT becomes a data set of the same splits, names, masks and tags:
  images/NAME.png       the dark image
  masks/NAME.png        its mask, with the ids of classes.txt
  parameters/NAME.json  the parameters drawn for it, which reproduce it from the light image
with a folder for each split where there are several; classes.txt, dataset.json, tags.json if there are tags, and
darkened.json, which records the result of each image. Parameters depend on the seed and the image's name alone, with
--per folder on the name of its folder.
Finished images are not made again, so the same command goes on after an interruption."""
_VARIANTS = ("degrade", "isp", "camera")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", type=Path, metavar="DIR", help="folder of a data set, or its dataset.json")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder for the dark data set")
    parser.add_argument(
        "--preset",
        choices=DARK_PRESETS,
        default="night",
        help="darkness: dusk (mild), that of MAET (night), or almost black (extreme); default night",
    )
    parser.add_argument(
        "--variant",
        choices=_VARIANTS,
        default="degrade",
        help="one of MAET's two implementations, or a camera that adapts to the night (default degrade)",
    )
    parser.add_argument(
        "--bits",
        type=int,
        choices=(8, 16),
        default=8,
        help="bits a channel of the images; 16 keep what the sensor measured in the dark (default 8)",
    )
    parser.add_argument(
        "--safe-invert",
        action="store_true",
        help="keep highlights: undo the white balance less near white, so that saturated pixels stay white",
    )
    parser.add_argument(
        "--per",
        choices=("image", "folder"),
        default="image",
        help="draw parameters for each image, or for each folder of images, as for the frames of a video; noise is "
        "each image's own (default image)",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, help="seed of the parameters (default 0)")
    parser.add_argument("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (one for each processor)")
    parser.add_argument("--overwrite", action="store_true", help="make finished images in OUT again")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from functools import partial

    from seglet.data.class_table import class_table_text
    from seglet.data.dark.presets import night_camera_ranges, preset_ranges
    from seglet.data.folder_dataset import describe_data
    from seglet.engine.output_folder import check_output_folder
    from seglet.files import write_json, write_text
    from seglet.inference.batch import process_all, processor_count
    from seglet.inference.dark_set import darken_one, darken_tasks, describe_dark

    if arguments.variant == "camera" and arguments.safe_invert:
        raise ValueError("--safe-invert is for MAET's variants; the lamps of variant camera stay bright anyway")
    out = arguments.out
    description = describe_data(arguments.data)
    if out.resolve().is_relative_to(description.root.resolve()):
        raise ValueError(f"{str(out)!r} lies in the data set that is read; choose an --out beside it")
    settings: dict[str, Any] = {"in": str(arguments.data.resolve())}
    settings |= {name: getattr(arguments, name) for name in ("preset", "variant", "seed")}
    settings |= {"safe_invert": True} if arguments.safe_invert else {}  # records of 0.1.0 have no such keys
    settings |= {"bits": 16} if arguments.bits == 16 else {}
    settings |= {"per": "folder"} if arguments.per == "folder" else {}
    record: dict[str, Any] = {"seglet": __version__, "command": arguments.command_line, "settings": settings}
    record |= {"classes": list(description.classes.names), "finished": False}
    tasks = darken_tasks(description, out)
    check_output_folder(out, _RECORD, record, arguments.overwrite)
    write_json(out / _RECORD, record)
    write_text(out / "classes.txt", class_table_text(description.classes))
    if arguments.variant == "camera":
        ranges: DarkeningRanges | NightCameraRanges = night_camera_ranges(arguments.preset)
    else:
        ranges = preset_ranges(arguments.preset, arguments.variant, arguments.safe_invert)
    draw = ranges.draw_for_folder if arguments.per == "folder" else ranges.draw
    work = partial(darken_one, draw, arguments.seed, description, bits=arguments.bits)
    outcomes = process_all("darken", work, tasks, arguments.jobs or processor_count(), arguments.overwrite)
    describe_dark(description, out, {outcome.name for outcome in outcomes if not outcome.reason})
    record |= {"finished": True, "out": str(out), **_outcome_record(outcomes)}
    write_json(out / _RECORD, record)
    print_result(_text(out, outcomes), record, arguments.json)
    return 2 if record["failed"] else 0


def _outcome_record(outcomes: "list[TaskOutcome]") -> dict[str, Any]:
    failed = [{"file": outcome.name, "reason": outcome.reason} for outcome in outcomes if outcome.reason]
    return {"files": [outcome.name for outcome in outcomes if not outcome.reason], "failed": failed}


def _text(out: Path, outcomes: "list[TaskOutcome]") -> str:
    from seglet.inference.batch import outcome_lines

    return "\n".join(
        [
            *outcome_lines("darkened", outcomes),
            f"the dark data set is in {out}, and {_RECORD} records how it was made",
            f"next: seglet data view {out} --out dark.png",
        ]
    )
