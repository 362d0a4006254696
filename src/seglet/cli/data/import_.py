"""`seglet data import`: what people drew in a labelling tool as masks."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.output import answer
from seglet.cli.parsing import add_json

if TYPE_CHECKING:
    from seglet.data.label_tools.exchange import Annotations
    from seglet.data.label_tools.regions import Annotated
    from seglet.types import Classes

DESCRIPTION = """\
Make masks of what a labelling tool exported: COCO instances, LabelMe, CVAT for images 1.1, or Label Studio's JSON. Its
content says which it is. Classes are those of --classes, or of a classes.txt beside it, or those that the tool lists.
  seglet data import annotations.xml --pictures PICTURES --out DIR
  seglet data check DIR"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", type=Path, metavar="FILE|DIR", help="what the tool exported")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="where the pictures are (DIR/images, if there)")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="names of the classes in order")
    parser.add_argument(
        "--unlabelled", choices=["background", "void"], help="pixels of no region (background, unless no class is)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder for images and masks")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from seglet.data.class_table import CLASSES, class_lines
    from seglet.data.label_tools import read
    from seglet.files import write_text

    out: Path = arguments.out
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{str(out)!r} is not empty; choose a new folder with --out")
    tool, annotations = read(arguments.source)
    classes = _classes(arguments, annotations)
    pictures = _pictures_of(arguments)
    write_text(out / CLASSES, class_lines(classes))
    failed = list(_write_all(annotations, classes, pictures, arguments))
    done = len(annotations.entries) - len(failed)
    content = {"tool": tool, "masks": done, "classes": list(classes.names), "out": str(out), "failed": failed}
    lines = [f"{tool}: {done} masks of {len(classes)} classes, {len(failed)} failed"]
    lines += [f"  {failure['picture']}\n    {failure['reason']}" for failure in failed]
    check = f"seglet data check {out}" if pictures else f"seglet data check PICTURES --masks {out / 'masks'}"
    answer("\n".join([*lines, f"masks are in {out / 'masks'}", f"next: {check}"]), content, arguments.json)
    return 2 if failed else 0


def _classes(arguments: argparse.Namespace, annotations: "Annotations") -> "Classes":
    """
    Raises:
        ValueError: there is no class, or no background though unlabelled pixels were said to be it.
    """
    from seglet.data.class_table import CLASSES, classes_of, read_table, table

    home = arguments.source if arguments.source.is_dir() else arguments.source.parent
    file = arguments.classes or (home / CLASSES if (home / CLASSES).is_file() else None)
    if file is not None:
        classes = classes_of(read_table(file))
    else:
        names = annotations.names
        if arguments.unlabelled != "void" and "background" not in names:
            names = ("background", *names)
        classes = classes_of(table(names))
    if arguments.unlabelled == "background" and classes.background is None:
        raise ValueError("no class is called background; add it to --classes, or say --unlabelled void")
    return classes


def _pictures_of(arguments: argparse.Namespace) -> Path | None:
    """
    Raises:
        ValueError: the folder that was named does not exist.
    """
    given: Path | None = arguments.pictures
    if given is not None and not given.is_dir():
        raise ValueError(f"{str(given)!r} is not a folder; give the folder that holds the pictures")
    beside: Path = arguments.source / "images"
    return given if given is not None else beside if beside.is_dir() else None


def _write_all(
    annotations: "Annotations", classes: "Classes", pictures: Path | None, arguments: argparse.Namespace
) -> "Iterator[dict[str, str]]":
    """Writes masks and links to their pictures; of which pictures none was written, and why."""
    from seglet.data.errors import DataError
    from seglet.engine.console import Steps
    from seglet.types import IGNORE

    background = None if arguments.unlabelled == "void" else classes.background
    found = _by_name(pictures)
    with Steps("import", len(annotations.entries), "pictures") as steps:
        for count, (name, _) in enumerate(annotations.entries, start=1):
            try:
                one = annotations.picture(name)
                _write(one, classes, IGNORE if background is None else background, found, arguments.out)
            except DataError as error:
                yield {"picture": name, "reason": str(error)}
            steps.advance(count)


def _by_name(pictures: Path | None) -> dict[str, list[Path]] | None:
    """The pictures by their path below the folder, and by their name alone; None without a folder."""
    from seglet.data.files import pictures as below

    if pictures is None:
        return None
    found: dict[str, list[Path]] = {}
    for path in below(pictures):
        for name in dict.fromkeys((path.relative_to(pictures).as_posix(), path.name)):
            found.setdefault(name, []).append(path)
    return found


def _write(
    one: "Annotated", classes: "Classes", unlabelled: int, pictures: dict[str, list[Path]] | None, out: Path
) -> None:
    """
    Raises:
        DataError: the picture is missing, ambiguous or of another size, or a region is of no class.
    """
    from pathlib import PurePosixPath

    from seglet.data.errors import DataError
    from seglet.data.images import image_size, write_mask
    from seglet.data.label_tools.regions import paint
    from seglet.inference.inputs import Picture, place
    from seglet.inference.training_set import link

    name = PurePosixPath(one.file).with_suffix("").as_posix()
    labels = paint(one, classes, unlabelled)
    if pictures is not None:
        there = pictures.get(one.file) or pictures.get(PurePosixPath(one.file).name, [])
        if len(there) != 1:
            raise DataError(f"{len(there)} pictures are called {one.file!r}; restore it, or name another --pictures")
        if image_size(there[0]) != one.size:
            raise DataError(f"the picture is {image_size(there[0])}, what was drawn on is {one.size} (h, w)")
        link(Picture(there[0], name), out)
    write_mask(place(out / "masks", name, ".png"), labels, classes)
