"""`seglet refine`: score maps or masks moved to the edges of their images."""

import argparse
from pathlib import Path
from typing import Any

from seglet._version import __version__
from seglet.cli.options.inference import add_refiner_options, read_refiner
from seglet.cli.output import print_result
from seglet.cli.parsing import add_json, positive_fraction, whole_number

RECORD = "refinements.json"
CLASSES = "classes.txt"
DESCRIPTION = """\
Refine a folder of score maps (.npy or .npz: floats [classes, rows, columns] in 0 to 1) or of index masks, or one that
`seglet predict` wrote, so that classes end where the image has edges. Under --out, with the folders of IN kept:
  masks/NAME.png        class of each pixel, a palette PNG
  scores/NAME.npz       with --scores: the refined score maps
classes.txt says what the masks mean, refinements.json what became of each file. Files that are finished are not
refined again, so the same command goes on after an interruption. Files without an image, of another size than it, or
that cannot be read are reported and passed over. Void pixels of index masks get a class."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="IN", help="folder of score maps or index masks")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of their images, named alike")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="table of classes (classes.txt in or beside IN)")
    add_refiner_options(parser, "pamr")
    parser.add_argument(
        "--confidence", type=positive_fraction, default=0.7, help="crf: how sure index masks are (default 0.7)"
    )
    parser.add_argument("--scores", action="store_true", help="also write the refined score maps")
    parser.add_argument("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (one for each processor)")
    parser.add_argument("--overwrite", action="store_true", help="refine what is finished in --out again")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.class_table import class_table_text, classes_of
    from seglet.engine.output_folder import check_output_folder
    from seglet.files import write_json, write_text
    from seglet.inference.parallel import processor_count
    from seglet.inference.refine_folder import RefinePlan, refine_files
    from seglet.inference.refine_inputs import (
        are_score_maps,
        find_class_table,
        find_map_folder,
        find_maps,
        pair_with_images,
    )

    out, folder = arguments.out, find_map_folder(arguments.folder)
    found = find_maps(folder, out)
    hard = not are_score_maps(found)
    refiner = read_refiner(arguments, "labels" if hard else "ssss")
    entries = find_class_table(arguments.classes, folder)
    classes = classes_of(entries)
    tasks, failed = pair_with_images(found, arguments.images, out)
    plan = RefinePlan(out, entries, refiner, arguments.confidence, arguments.scores)
    settings = {**refiner.as_dict(), **({"confidence": plan.confidence} if hard and refiner.name == "crf" else {})}
    settings |= {"in": str(folder.resolve()), "images": str(arguments.images.resolve())}
    record: dict[str, Any] = {"seglet": __version__, "command": arguments.command_line, "settings": settings}
    record |= {"classes": list(classes.names), "finished": False}
    check_output_folder(out, RECORD, record, arguments.overwrite)
    write_json(out / RECORD, record)
    write_text(out / CLASSES, class_table_text(classes))
    done, unrefined = refine_files(plan, tasks, arguments.jobs or processor_count(), arguments.overwrite)
    failed += unrefined
    record |= {"finished": True, "out": str(out), "files": done, "failed": failed}
    write_json(out / RECORD, record)
    print_result(_text(arguments, done, failed), record, arguments.json)
    return 2 if failed else 0


def _text(arguments: argparse.Namespace, done: list[dict[str, Any]], failed: list[dict[str, str]]) -> str:
    earlier = sum("earlier" in made for made in done)
    lines = [f"refined: {len(done) - earlier}, finished before: {earlier}, failed: {len(failed)}"]
    lines += [f"  {failure['file']}\n    {failure['reason']}" for failure in failed]
    masks = arguments.out / "masks"
    results = f"masks are in {masks}, and {RECORD} says what became of each file"
    check = f"seglet data check {arguments.images} --masks {masks} --classes {arguments.out / CLASSES}"
    return "\n".join([*lines, results, f"next: {check} --out refined.json"])
