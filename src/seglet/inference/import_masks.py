"""Masks from the annotations that a labelling tool exported, as a data set."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from seglet.data.class_files.read import read_class_table
from seglet.data.class_table import CLASS_FILE, class_table_text, classes_of, is_background, numbered_table
from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES
from seglet.data.label_tools.coco_reader import CrowdReading
from seglet.data.label_tools.exchange import AnnotationEntry, ToolAnnotations, mask_name
from seglet.data.label_tools.formats import read_annotations
from seglet.data.label_tools.regions import AnnotatedImage
from seglet.data.label_tools.sparse import DrawnImage, SparseReading, draw_sparse, draw_whole
from seglet.data.pixel_limit import PixelLimit, pixel_limit, read_allowed_size
from seglet.engine.console import ProgressDisplay
from seglet.files import path_below, write_text
from seglet.images import MAX_PIXELS, write_mask
from seglet.inference.image_lookup import ImageLookup
from seglet.inference.inputs import ImageFile
from seglet.inference.training_set import link_image
from seglet.locks import holds_files, lock_folder
from seglet.types import IGNORE, Classes

_HIDDEN = "region that lies wholly under later ones"


@dataclass(frozen=True)
class ImportOptions:
    """Options of turning annotations into masks.

    Args:
        images: folder of the images; None for those in `images` or beside the annotations, if there are some.
        classes: table of the classes; None for a classes.txt beside the annotations, or the tool's own list.
        unlabelled: label of pixels in no region, "background" or "void"; None for the background, if there is one.
        crowds: how COCO's crowds are read; see `CrowdReading`.
        max_pixels: pixels that an image may have, by its file or by the annotations.
        sparse: how points, lines and boxes are drawn; None to pass over what does not cover known pixels.
    """

    images: Path | None = None
    classes: Path | None = None
    unlabelled: str | None = None
    crowds: CrowdReading = "ask"
    max_pixels: int = MAX_PIXELS
    sparse: SparseReading | None = None


@dataclass
class ImportReport:
    """Result of an import: the tool, the number of masks, and source and reason of each that cannot be written.

    `regions` counts those in the masks; `passed_over` the shapes that are in no mask and `remarks` what else should be
    known, both by kind. `pending` are the images without annotation, which get no mask, with the reason. `sparse`
    counts points, lines and boxes by what they became.
    """

    tool: str
    classes: Classes
    has_images: bool
    masks: int = 0
    regions: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    pending: list[dict[str, str]] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    sparse: Counter[str] = field(default_factory=Counter)


def import_masks(source: Path, out: Path, options: ImportOptions) -> ImportReport:
    """Writes masks, links to their images and the table of classes into a new folder.

    Raises:
        ValueError: the folder is not empty, the annotations cannot be read, or their classes are not known.
    """
    with lock_folder(out):
        return _import_locked(source, out, options)


def _import_locked(source: Path, out: Path, options: ImportOptions) -> ImportReport:
    if out.exists() and (not out.is_dir() or holds_files(out)):
        raise ValueError(f"{str(out)!r} is not empty; choose a new folder with --out")
    with pixel_limit(PixelLimit(options.max_pixels, "--max-pixels {}")):
        return _import_allowed(source, out, options)


def _import_allowed(source: Path, out: Path, options: ImportOptions) -> ImportReport:
    tool, annotations = read_annotations(source, options.crowds)
    classes = _find_classes(source, annotations, options, own_file=tool != "yolo")
    images = _image_folder(source, options.images, annotations)
    write_text(out / CLASS_FILE, class_table_text(classes))
    return _Import(annotations, classes, options, images, out).run(tool)


@dataclass(frozen=True)
class _Target:
    """An entry with its image here, if there is a folder of images, and the name of its mask; or what is wrong."""

    entry: AnnotationEntry
    path: Path | None = None
    name: str = ""
    problem: str = ""


@dataclass
class _Import:
    annotations: ToolAnnotations
    classes: Classes
    options: ImportOptions
    images: ImageLookup | None
    out: Path
    seen: set[int] = field(default_factory=set)

    def run(self, tool: str) -> ImportReport:
        report = ImportReport(tool, self.classes, self.images is not None)
        report.passed_over.update(self.annotations.passed_over)
        entries = self.annotations.entries
        report.pending.extend({"source": one.file, "reason": one.pending} for one in entries if one.pending)
        targets = _distinct([self._target(entry) for entry in entries if not entry.pending])
        with ProgressDisplay("import", len(targets), "images") as steps:
            for count, target in enumerate(targets, start=1):
                try:
                    self._import(target, report)
                except DataError as error:
                    report.failed.append({"source": target.entry.file, "reason": str(error)})
                steps.advance(count)
        if report.sparse:
            unseen = [name for label, name in enumerate(self.classes.names) if label not in self.seen]
            report.remarks.update(f"class {name!r} without a pixel, which cannot be learned" for name in unseen)
        return report

    def _target(self, entry: AnnotationEntry) -> _Target:
        if entry.problem or self.images is None:
            return _Target(entry, name=mask_name(entry.file), problem=entry.problem)
        try:
            path = self.images.find((entry.file, *entry.others))
        except DataError as error:
            return _Target(entry, problem=f"{error}; {entry.note}" if entry.note else str(error))
        return _Target(entry, path, self.images.name_of(path))

    def _import(self, target: _Target, report: ImportReport) -> None:
        """Writes the mask of one image and a link to the image, and adds both to the report.

        Raises:
            DataError: the regions cannot be read or are of no class, nothing was drawn although there are shapes, or
                the image is not that which was annotated.
        """
        image = self._read(target)
        drawn = self._draw(image)
        report.passed_over.update(drawn.passed_over)
        report.remarks.update(drawn.remarks)
        if drawn.passed_over and not drawn.regions and not drawn.sparse:
            cure = "draw it with polygons or masks, or leave it out"
            if image.sparse and self.options.sparse is None:
                cure += "; --sparse makes void-else masks of points, lines and boxes"
            raise DataError(f"none of its shapes covers known pixels ({kind_counts(drawn.passed_over)}); {cure}")
        if target.path is not None:
            link_image(ImageFile(target.path, target.name), self.out)
        write_mask(path_below(self.out / "masks", target.name, ".png"), drawn.labels, self.classes)
        report.masks += 1
        report.regions += drawn.regions
        report.sparse.update(drawn.sparse)
        self.seen.update(np.unique(drawn.labels).tolist())
        if drawn.hidden:
            report.remarks[_HIDDEN] += drawn.hidden

    def _draw(self, image: AnnotatedImage) -> DrawnImage:
        background = None if self.options.unlabelled == "void" else self.classes.background
        unlabelled = IGNORE if background is None else background
        if self.options.sparse is None:
            return draw_whole(image, self.classes, unlabelled)
        given = None if self.options.unlabelled is None else unlabelled
        return draw_sparse(image, self.classes, given, self.options.sparse)

    def _read(self, target: _Target) -> AnnotatedImage:
        if target.problem:
            raise DataError(target.problem)
        size = None if target.path is None else read_allowed_size(target.path)
        image = self.annotations.image(target.entry, size)
        if size is not None and size != image.size:
            turned = " once it is turned upright, as its EXIF orientation says" if size == image.size[::-1] else ""
            raise DataError(f"the image is {size}{turned}, the annotated one was {image.size} (h, w)")
        return image


def _distinct(targets: list[_Target]) -> list[_Target]:
    """Returns the targets; of those whose masks would have one name, each has that problem."""
    names = [target.name.casefold() for target in targets]
    many = Counter(name for name, target in zip(names, targets, strict=True) if not target.problem)
    what = "{} entries would have the mask {!r}; rename the images, or keep one annotation of each"
    return [
        replace(target, problem=what.format(many[name], target.name))
        if many[name] > 1 and not target.problem
        else target
        for name, target in zip(names, targets, strict=True)
    ]


def kind_counts(counts: Mapping[str, int]) -> str:
    """Returns counts by kind as text, the largest first."""
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items(), key=lambda one: -one[1]))


def _find_classes(source: Path, annotations: ToolAnnotations, options: ImportOptions, own_file: bool) -> Classes:
    """Returns the classes of the masks; with `own_file` a classes.txt beside the annotations is their table.

    Raises:
        ValueError: there is no class, or no background although unlabelled pixels are to be background.
    """
    home = source if source.is_dir() else source.parent
    beside = home / CLASS_FILE if own_file and (home / CLASS_FILE).is_file() else None
    file = options.classes or beside
    if file is not None:
        classes = classes_of(read_class_table(file))
    else:
        names = annotations.names
        if options.unlabelled != "void" and not any(map(is_background, names)):
            names = ("background", *names)
        classes = classes_of(numbered_table(names))
    if options.unlabelled == "background" and classes.background is None:
        raise ValueError("no class is called background; add it to --classes, or say --unlabelled void")
    return classes


def _image_folder(source: Path, given: Path | None, annotations: ToolAnnotations) -> ImageLookup | None:
    """Returns the images in the given folder, else in images/ or beside the annotations if some are found there.

    Raises:
        ValueError: the given folder does not exist.
    """
    if given is not None:
        if not given.is_dir():
            raise ValueError(f"{str(given)!r} is not a folder; give the folder that holds the images")
        return ImageLookup(given)
    home = source if source.is_dir() else source.parent
    for folder in (home / "images", home):
        if folder.is_dir() and (folder.name == "images" or source.is_dir() or _holds_images(folder)):
            images = ImageLookup(folder)
            if any(images.has((entry.file, *entry.others)) for entry in annotations.entries):
                return images
    return None


def _holds_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())
