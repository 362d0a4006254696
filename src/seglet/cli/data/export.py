"""`seglet data export`: masks of a data set in the format of a labelling tool."""

import argparse

from seglet._version import __version__
from seglet.cli.options.annotation_tool import add_tool_options
from seglet.cli.output import print_result
from seglet.cli.parsing import add_json

_DESCRIPTION = """\
Write the images and masks of a data set for a labelling tool. Pixels of no region are background; void pixels are a
region called void, so that `seglet data import` gives back the same masks.
  seglet data export DIR --tool label-studio --out tasks"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("data", metavar="DATA", help="a data set's folder or dataset.json, or world")
    parser.add_argument("--split", default="train", help="which part of it (default train)")
    add_tool_options(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.locks import lock_folder

    with lock_folder(arguments.out):
        return _export_locked(arguments)


def _export_locked(arguments: argparse.Namespace) -> int:
    from seglet.data.errors import DataError
    from seglet.data.opening import open_dataset
    from seglet.inference.annotation_folder import (
        AnnotationFolder,
        LabelsAndConfidence,
        check_annotation_folder,
    )
    from seglet.inference.dataset_images import DatasetImages
    from seglet.inference.inputs import ImageFile

    samples = open_dataset(arguments.data, arguments.split)
    data = DatasetImages(arguments.data, samples)
    check_annotation_folder(arguments.out, arguments.overwrite)
    folder = AnnotationFolder(
        arguments.out,
        arguments.tool,
        arguments.form,
        samples.classes,
        memory_cure="cut the images and masks into tiles, and check the data again",
    )

    def read_labels(image: ImageFile) -> LabelsAndConfidence:
        labels = data.truth(image)
        if labels is None:
            raise DataError(f"{image.name!r} has no mask")
        return labels, None

    facts = {"seglet": __version__, "command": arguments.command_line, "data": arguments.data}
    facts |= {"split": arguments.split, "fingerprint": samples.fingerprint}
    report = folder.write(data.images, read_labels, facts)
    print_result(report.text, report.record, arguments.json)
    return 2 if report.failed else 0
