"""`seglet data shard`: packs a data set into tars with a manifest."""

import argparse
import re
from pathlib import Path

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, whole_number

_DESCRIPTION = """\
Pack a data set into tars (WebDataset) with a manifest of Parquet files. Images, masks, tags and captions are copied as
they are; training, checks and predictions read them from the tars by offset, without unpacking:
  seglet data check DIR
  seglet data shard DIR --out shards
  seglet train supervised --data shards
Images are packed in an order drawn from --seed, so that the images of any few shards are a fair sample. A call that was
interrupted goes on where it was."""
_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", metavar="DIR", help="data set: a folder or its dataset.json")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder of the tars")
    parser.add_argument(
        "--size",
        type=byte_count,
        default=256 * 10**6,
        metavar="BYTES",
        help="size of a tar, such as 256MB or 1GB (256MB)",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**31), default=0, help="seed of the order of images (0)")
    parser.add_argument("--in-order", action="store_true", help="keep the order of the data set")
    parser.add_argument("--captions", type=Path, metavar="FILE", help="captions by image: CSV, JSON or JSONL")
    add_json(parser)


def byte_count(text: str) -> int:
    """Reads an argument that is a number of bytes, from 1 KB to 1 TB, such as 256MB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.strip().upper())
    count = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if not 1000 <= count <= 10**12:
        raise argparse.ArgumentTypeError(f"expected bytes such as 256MB or 1GB, got {text!r}")
    return count


def run(arguments: argparse.Namespace) -> int:
    from seglet.cli.data.check_shards import summary_lines
    from seglet.data.columns.caption_files import read_captions
    from seglet.data.folder_dataset import describe_data
    from seglet.data.shards.write_tars import PackingOptions, write_tars
    from seglet.engine.console import ProgressDisplay

    captions = None if arguments.captions is None else read_captions(arguments.captions)
    options = PackingOptions(arguments.size, None if arguments.in_order else arguments.seed, captions)
    description = describe_data(Path(arguments.data))
    with ProgressDisplay("shard", 0, "shards") as steps:

        def show_progress(done: int, total: int) -> None:
            steps.expect(total)
            steps.advance(done)

        manifest = write_tars(description, arguments.out, options, show_progress)
    lines = [
        *summary_lines(manifest),
        "",
        f"next: seglet data check {arguments.out}",
        f"      `seglet train supervised --data {arguments.out}`",
    ]
    size = sum(shard.size for shard in manifest.shards)
    content = {"splits": dict(manifest.splits), "shards": len(manifest.shards), "bytes": size}
    print_result("\n".join(lines), content, arguments.json)
    return 0
