"""`seglet data import`: masks from the export of a labelling tool."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import print_result
from seglet.cli.parsing import add_json

if TYPE_CHECKING:
    from seglet.data.label_tools.exchange import ToolAnnotations
    from seglet.data.label_tools.regions import AnnotatedImage
    from seglet.types import Classes

_DESCRIPTION = """\
Make masks from the export of a labelling tool: COCO instances, LabelMe, CVAT for images 1.1, or Label Studio's JSON.
The format is recognised by its content. Classes are those of --classes, of a classes.txt beside the export, or those
that the tool lists.
  seglet data import annotations.xml --images IMAGES --out DIR
  seglet data check DIR"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, metavar="FILE|DIR", help="export of the tool")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the images (DIR/images, if there)")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="names of the classes in order")
    parser.add_argument(
        "--unlabelled",
        choices=["background", "void"],
        help="label of pixels in no region (background, if there is such a class)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for images and masks")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.class_table import CLASS_FILE, class_table_text
    from seglet.data.label_tools.formats import read_annotations
    from seglet.files import write_text

    out: Path = arguments.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{str(out)!r} is not empty; choose a new folder with --out")
    tool, annotations = read_annotations(arguments.source)
    classes = _classes(arguments, annotations)
    images = _image_folder(arguments)
    write_text(out / CLASS_FILE, class_table_text(classes))
    failed = list(_write_all(annotations, classes, images, arguments))
    done = len(annotations.entries) - len(failed)
    content = {"tool": tool, "masks": done, "classes": list(classes.names), "out": str(out), "failed": failed}
    lines = [f"{tool}: {done} masks of {len(classes)} classes, {len(failed)} failed"]
    lines += [f"  {failure['source']}\n    {failure['reason']}" for failure in failed]
    check = f"seglet data check {out}" if images else f"seglet data check IMAGES --masks {out / 'masks'}"
    print_result("\n".join([*lines, f"masks are in {out / 'masks'}", f"next: {check}"]), content, arguments.json)
    return 2 if failed else 0


def _classes(arguments: argparse.Namespace, annotations: "ToolAnnotations") -> "Classes":
    """Returns the classes of the masks.

    Raises:
        ValueError: there is no class, or no background although unlabelled pixels are to be background.
    """
    from seglet.data.class_table import CLASS_FILE, classes_of, numbered_table, read_class_table

    home = arguments.source if arguments.source.is_dir() else arguments.source.parent
    file = arguments.classes or (home / CLASS_FILE if (home / CLASS_FILE).is_file() else None)
    if file is not None:
        classes = classes_of(read_class_table(file))
    else:
        names = annotations.names
        if arguments.unlabelled != "void" and "background" not in names:
            names = ("background", *names)
        classes = classes_of(numbered_table(names))
    if arguments.unlabelled == "background" and classes.background is None:
        raise ValueError("no class is called background; add it to --classes, or say --unlabelled void")
    return classes


def _image_folder(arguments: argparse.Namespace) -> Path | None:
    """Returns the folder of the images, or None if there is none.

    Raises:
        ValueError: the given folder does not exist.
    """
    given: Path | None = arguments.images
    if given is not None and not given.is_dir():
        raise ValueError(f"{str(given)!r} is not a folder; give the folder that holds the images")
    beside: Path = arguments.source / "images"
    return given if given is not None else beside if beside.is_dir() else None


def _write_all(
    annotations: "ToolAnnotations", classes: "Classes", images: Path | None, arguments: argparse.Namespace
) -> "Iterator[dict[str, str]]":
    """Writes masks and links to their images; yields source and reason of each that cannot be written."""
    from seglet.data.errors import DataError
    from seglet.engine.console import ProgressDisplay
    from seglet.types import IGNORE

    background = None if arguments.unlabelled == "void" else classes.background
    found = _by_name(images)
    with ProgressDisplay("import", len(annotations.entries), "images") as steps:
        for count, (name, _) in enumerate(annotations.entries, start=1):
            try:
                one = annotations.image(name)
                _write_mask(one, classes, IGNORE if background is None else background, found, arguments.out)
            except DataError as error:
                yield {"source": name, "reason": str(error)}
            steps.advance(count)


def _by_name(images: Path | None) -> dict[str, list[Path]] | None:
    """Returns the images by their path below the folder, and by their name alone; None without a folder."""
    from seglet.data.files import image_files

    if images is None:
        return None
    found: dict[str, list[Path]] = {}
    for path in image_files(images):
        for name in dict.fromkeys((path.relative_to(images).as_posix(), path.name)):
            found.setdefault(name, []).append(path)
    return found


def _write_mask(
    one: "AnnotatedImage", classes: "Classes", unlabelled: int, images: dict[str, list[Path]] | None, out: Path
) -> None:
    """Writes the mask of one image, and a link to the image.

    Raises:
        DataError: the image is missing, ambiguous or of another size, or a region is of no class.
    """
    from pathlib import PurePosixPath

    from seglet.data.errors import DataError
    from seglet.data.label_tools.regions import labels_from_regions
    from seglet.images import image_size, write_mask
    from seglet.inference.inputs import ImageFile, result_path
    from seglet.inference.training_set import link_image

    name = PurePosixPath(one.file).with_suffix("").as_posix()
    labels = labels_from_regions(one, classes, unlabelled)
    if images is not None:
        there = images.get(one.file) or images.get(PurePosixPath(one.file).name, [])
        if len(there) != 1:
            raise DataError(f"{len(there)} images are called {one.file!r}; restore it, or name another --images")
        if image_size(there[0]) != one.size:
            raise DataError(f"the image is {image_size(there[0])}, the annotated one was {one.size} (h, w)")
        link_image(ImageFile(there[0], name), out)
    write_mask(result_path(out / "masks", name, ".png"), labels, classes)
