"""Masks from the annotations that a labelling tool exported, as a data set."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seglet.data.class_files.read import read_class_table
from seglet.data.class_table import CLASS_FILE, class_table_text, classes_of, numbered_table
from seglet.data.errors import DataError
from seglet.data.files import image_files
from seglet.data.label_tools.exchange import ToolAnnotations
from seglet.data.label_tools.formats import read_annotations
from seglet.data.label_tools.regions import AnnotatedImage, labels_from_regions
from seglet.engine.console import ProgressDisplay
from seglet.files import write_text
from seglet.images import image_size, write_mask
from seglet.inference.inputs import ImageFile, result_path
from seglet.inference.training_set import link_image
from seglet.types import IGNORE, Classes


@dataclass(frozen=True)
class ImportOptions:
    """Options of turning annotations into masks.

    Args:
        images: folder of the images; None for `images` beside the annotations, if there is one.
        classes: table of the classes; None for a classes.txt beside the annotations, or the tool's own list.
        unlabelled: label of pixels in no region, "background" or "void"; None for the background, if there is one.
    """

    images: Path | None = None
    classes: Path | None = None
    unlabelled: str | None = None


@dataclass(frozen=True)
class ImportReport:
    """Result of an import: the tool, the number of masks, and source and reason of each that cannot be written."""

    tool: str
    masks: int
    classes: Classes
    has_images: bool
    failed: list[dict[str, str]]


def import_masks(source: Path, out: Path, options: ImportOptions) -> ImportReport:
    """Writes masks, links to their images and the table of classes into a new folder.

    Raises:
        ValueError: the folder is not empty, the annotations cannot be read, or their classes are not known.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{str(out)!r} is not empty; choose a new folder with --out")
    tool, annotations = read_annotations(source)
    classes = _find_classes(source, annotations, options)
    folder = _image_folder(source, options.images)
    write_text(out / CLASS_FILE, class_table_text(classes))
    background = None if options.unlabelled == "void" else classes.background
    unlabelled = IGNORE if background is None else background
    images, failed = _images_by_name(folder), []
    with ProgressDisplay("import", len(annotations.entries), "images") as steps:
        for count, (name, _) in enumerate(annotations.entries, start=1):
            try:
                _write_mask(annotations.image(name), classes, unlabelled, images, out)
            except DataError as error:
                failed.append({"source": name, "reason": str(error)})
            steps.advance(count)
    return ImportReport(tool, len(annotations.entries) - len(failed), classes, folder is not None, failed)


def _find_classes(source: Path, annotations: ToolAnnotations, options: ImportOptions) -> Classes:
    """Returns the classes of the masks.

    Raises:
        ValueError: there is no class, or no background although unlabelled pixels are to be background.
    """
    home = source if source.is_dir() else source.parent
    file = options.classes or (home / CLASS_FILE if (home / CLASS_FILE).is_file() else None)
    if file is not None:
        classes = classes_of(read_class_table(file))
    else:
        names = annotations.names
        if options.unlabelled != "void" and "background" not in names:
            names = ("background", *names)
        classes = classes_of(numbered_table(names))
    if options.unlabelled == "background" and classes.background is None:
        raise ValueError("no class is called background; add it to --classes, or say --unlabelled void")
    return classes


def _image_folder(source: Path, given: Path | None) -> Path | None:
    """Returns the folder of the images, or None if there is none.

    Raises:
        ValueError: the given folder does not exist.
    """
    if given is not None and not given.is_dir():
        raise ValueError(f"{str(given)!r} is not a folder; give the folder that holds the images")
    beside = source / "images"
    return given if given is not None else beside if beside.is_dir() else None


def _images_by_name(folder: Path | None) -> dict[str, list[Path]] | None:
    """Returns the images by their path below the folder, and by their name alone; None without a folder."""
    if folder is None:
        return None
    found: dict[str, list[Path]] = {}
    for path in image_files(folder):
        for name in dict.fromkeys((path.relative_to(folder).as_posix(), path.name)):
            found.setdefault(name, []).append(path)
    return found


def _write_mask(
    image: AnnotatedImage, classes: Classes, unlabelled: int, images: dict[str, list[Path]] | None, out: Path
) -> None:
    """Writes the mask of one image, and a link to the image.

    Raises:
        DataError: the image is missing, ambiguous or of another size, or a region is of no class.
    """
    name = PurePosixPath(image.file).with_suffix("").as_posix()
    labels = labels_from_regions(image, classes, unlabelled)
    if images is not None:
        files = images.get(image.file) or images.get(PurePosixPath(image.file).name, [])
        if len(files) != 1:
            raise DataError(f"{len(files)} images are called {image.file!r}; restore it, or name another --images")
        if image_size(files[0]) != image.size:
            raise DataError(f"the image is {image_size(files[0])}, the annotated one was {image.size} (h, w)")
        link_image(ImageFile(files[0], name), out)
    write_mask(result_path(out / "masks", name, ".png"), labels, classes)
