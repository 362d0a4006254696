"""`seglet data split`: divides a split into images that keep their masks and images without."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import print_result
from seglet.cli.parsing import UsageError, add_json, whole_number

if TYPE_CHECKING:
    from seglet.data.description import Description
    from seglet.data.splits.fractions import LabelledPortion

_DESCRIPTION = """\
Choose which images of a data set keep their masks, for training from few masks. Every class is among them as far as
their number allows, and as often as its share of the data. The description of the data gets two more splits, which
training names:
  seglet data split DIR --share 1/8
  seglet train fixmatch --data DIR --train_split 1_8/labelled
The embedded world has all such splits already."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", metavar="DIR|world", help="a data set's folder, its dataset.json, or world")
    parser.add_argument("--count", type=whole_number(1, 10**9), help="number of images that keep their masks")
    parser.add_argument("--share", metavar="1/N", help="share of the images that keep their masks")
    parser.add_argument("--split", default="train", help="the split that is divided (default train)")
    parser.add_argument(
        "--seed", type=whole_number(0, 2**31), default=0, help="seed of the draw; its number is in the splits' names"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    portion = _portion(arguments)
    if arguments.data == "world" or arguments.data.startswith("world:"):
        return _describe_world_splits(arguments, portion)
    from seglet.data.folder_dataset import describe_data, save_description
    from seglet.data.splits.stratify import portion_name, split_labelled

    data = Path(arguments.data)
    description, file = describe_data(data), data
    divided, missing = split_labelled(description, arguments.split, portion, arguments.seed)
    if data.is_dir():
        file = save_description(divided, data)
    else:
        divided.save(file)
    name = portion_name(portion, arguments.seed)
    sizes = {part: len(divided.splits[f"{name}/{part}"]) for part in ("labelled", "unlabelled")}
    lines = [f"{sizes['labelled']} labelled and {sizes['unlabelled']} unlabelled images; both are in {file}"]
    if missing:
        lines.append(f"warning: no labelled image shows {', '.join(missing)}; take more of them, or another --seed")
    lines += _next_commands(arguments.data, name, _val_option(divided))
    content = {"name": name, **sizes, "missing": missing, "description": str(file)}
    print_result("\n".join(lines), content, arguments.json)
    return 0


def _portion(arguments: argparse.Namespace) -> "LabelledPortion":
    from seglet.data.splits.fractions import LabelledPortion, parse_portion

    if (arguments.count is None) == (arguments.share is None):
        raise UsageError("give --count N or --share 1/8, one of them, for the images that keep their masks")
    if arguments.count is not None:
        return LabelledPortion(arguments.count)
    portion = parse_portion(arguments.share)
    if portion is None or not 0 < portion.count < portion.share:
        raise UsageError(f"expected a share such as 1/8, got {arguments.share!r}")
    return portion


def _val_option(description: "Description") -> str:
    return "" if "val" in description.splits else " --val_split SPLIT"


def _next_commands(data: str, name: str, options: str) -> list[str]:
    return [
        f"next: seglet train supervised --data {data} --train_split {name}/labelled{options}",
        f"      seglet train fixmatch --data {data} --train_split {name}/labelled{options}",
    ]


def _describe_world_splits(arguments: argparse.Namespace, portion: "LabelledPortion") -> int:
    if arguments.seed:
        raise UsageError(
            "splits of the embedded world have no seed, as its scenes are random already; leave --seed out"
        )
    lines = ["the embedded world has these splits already; the labelled scenes are its first ones"]
    print_result(
        "\n".join([*lines, *_next_commands("world", portion.name, "")]), {"name": portion.name}, arguments.json
    )
    return 0
