"""A folder for a labelling tool: links to the images in images/, and the file that the tool reads."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float, UInt8
from numpy import ndarray

from seglet.data.class_table import CLASS_FILE, class_table_text
from seglet.data.label_tools.formats import USUAL_FORMS, LabelTool, write_annotations
from seglet.data.label_tools.regions import AnnotatedImage, RegionForm, regions_from_labels
from seglet.engine.console import ProgressDisplay
from seglet.files import delete_path, read_json, write_json, write_text
from seglet.inference.batch import failure_reason
from seglet.inference.inputs import ImageFile
from seglet.inference.training_set import link_image
from seglet.types import Classes

LABEL_RECORD = "label.json"
LabelsAndConfidence = tuple[UInt8[ndarray, "h w"], Float[ndarray, "h w"] | None]
"""Classes of an image's pixels and, unless people drew them, their probabilities."""
_NEXT = {
    "coco": "in your tool, import {file} as COCO instances; `seglet data check {out}` reads it too",
    "labelme": "labelme {file}",
    "cvat": "in CVAT, make a task of {out}/images, and upload {file} as annotations, CVAT 1.1",
    "label-studio": "in Label Studio, take {out}/config.xml as labelling interface, {out} as local storage, and "
    "import {file}",
}


@dataclass
class AnnotationFolder:
    """Writes images and their labels for a tool.

    `image` says where the link to an image is; an image that cannot be read is among the `failed`.
    """

    out: Path
    tool: LabelTool
    form: RegionForm
    classes: Classes
    void: bool = True
    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, arguments: argparse.Namespace, classes: Classes, void: bool = True) -> "AnnotationFolder":
        return cls(arguments.out, arguments.tool, arguments.form or USUAL_FORMS[arguments.tool], classes, void)

    def fill(
        self, images: Sequence[ImageFile], label: Callable[[ImageFile], LabelsAndConfidence], about: dict[str, Any]
    ) -> Path:
        """Labels and writes all images; returns what the tool reads."""
        start = {**about, "tool": self.tool, "form": self.form, "classes": list(self.classes.names)}
        write_json(self.out / LABEL_RECORD, {**start, "finished": False})
        write_text(self.out / CLASS_FILE, class_table_text(self.classes))
        file = write_annotations(self.tool, self.out, self._annotated(images, label), self.classes, self.form)
        record = {**start, "finished": True, "out": str(self.out), "images": self.done, "failed": self.failed}
        write_json(self.out / LABEL_RECORD, record)
        return file

    def _annotated(
        self, images: Sequence[ImageFile], label: Callable[[ImageFile], LabelsAndConfidence]
    ) -> Iterator[AnnotatedImage]:
        with ProgressDisplay("label", len(images), "images") as steps:
            for count, image in enumerate(images, start=1):
                try:
                    yield self._one(image, label)
                except (ValueError, OSError, MemoryError, RuntimeError) as error:
                    self.failed.append({"source": str(image.path), "reason": failure_reason(error)})
                    steps.note(f"failed: {image.path}")
                steps.advance(count)

    def _one(self, source: ImageFile, label: Callable[[ImageFile], LabelsAndConfidence]) -> AnnotatedImage:
        labels, confidence = label(source)
        image = link_image(source, self.out).relative_to(self.out / "images").as_posix()
        found = regions_from_labels(image, labels, self.classes, self.form, confidence)
        if not self.void:
            found = found.without_void()
        seen = {"regions": len(found.regions), "confidence": found.confidence}
        self.done.append({"source": str(source.path), "image": f"images/{image}", **seen})
        return found

    def summary_lines(self, file: Path) -> list[str]:
        regions = sum(one["regions"] for one in self.done)
        lines = [f"labelled: {len(self.done)}, failed: {len(self.failed)}; regions: {regions}"]
        lines += [f"  {failure_reason['source']}\n    {failure_reason['reason']}" for failure_reason in self.failed]
        return [
            *lines,
            f"{file} is for {self.tool}, the images are in {self.out / 'images'}",
            f"next: {_NEXT[self.tool].format(file=file, out=self.out)}",
            f"      when people have mended it: seglet data import EXPORT --images {self.out / 'images'} --out DIR",
        ]


def check_annotation_folder(out: Path, overwrite: bool) -> None:
    """
    Raises:
        ValueError: the folder holds what must not be written over.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"{str(out)!r} is a file; choose a new folder with --out")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / LABEL_RECORD).is_file():
        raise ValueError(f"{str(out)!r} holds other files; choose a new folder with --out")
    if not overwrite:
        raise ValueError(f"{str(out)!r} holds earlier results; choose another --out, or --overwrite them")
    before = read_json(out / LABEL_RECORD)
    record = before if isinstance(before, dict) else {}
    made: list[Any] = record.get("images") or record.get("pictures") or []  # the second is how 0.1.0 called them
    names = [str(one.get("image")) for one in made if isinstance(one, dict)]
    for name in names:
        if name.startswith("images/") and ".." not in Path(name).parts:
            delete_path(out / name)
    for name in ("annotations", "annotations.xml", "labelme", "tasks.json", "config.xml"):
        delete_path(out / name)
