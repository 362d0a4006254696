"""A folder for a labelling tool: links to the images in images/, and the file that the tool reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float, UInt8
from numpy import ndarray

from seglet.data.class_table import CLASS_FILE, class_table_text
from seglet.data.label_tools.formats import USUAL_FORMS, LabelTool, check_image_name, write_annotations
from seglet.data.label_tools.regions import AnnotatedImage, RegionForm, regions_from_labels
from seglet.engine.console import ProgressDisplay
from seglet.engine.output_folder import check_replaceable
from seglet.files import delete_path, read_json, write_json, write_text
from seglet.inference.batch import SMALLER_VIEWS, failure_reason
from seglet.inference.inputs import ImageFile
from seglet.inference.job_report import JobReport
from seglet.inference.training_set import link_image
from seglet.types import Classes

LABEL_RECORD = "label.json"

LabelsAndConfidence = tuple[UInt8[ndarray, "h w"], Float[ndarray, "h w"] | None]
"""Label ids of an image and, unless people drew them, their probabilities."""

_NEXT_STEPS = {
    "coco": "in your tool, import {file} as COCO instances; `seglet data check {out}` reads it too",
    "labelme": "labelme {file}",
    "cvat": "in CVAT, make a task of {out}/images, and upload {file} as annotations, CVAT 1.1",
    "label-studio": "in Label Studio, take {out}/config.xml as labelling interface, {out} as local storage, and "
    "import {file}",
}


@dataclass
class AnnotationFolder:
    """A folder of images and their labels for a tool.

    Args:
        out: the folder.
        tool: the labelling tool.
        form: form of regions; None for the tool's usual one.
        classes: names and colours of the classes.
        void: also write regions of void pixels.
        memory_cure: what to do where memory runs out.
    """

    out: Path
    tool: LabelTool
    form: RegionForm | None
    classes: Classes
    void: bool = True
    memory_cure: str = SMALLER_VIEWS
    _done: list[dict[str, Any]] = field(default_factory=list)
    _failed: list[dict[str, str]] = field(default_factory=list)

    def write(
        self, images: Sequence[ImageFile], label: Callable[[ImageFile], LabelsAndConfidence], facts: Mapping[str, Any]
    ) -> JobReport:
        """Labels and writes all images, and a record that begins with `facts`; images that fail are reported."""
        form = self.form or USUAL_FORMS[self.tool]
        start = {**facts, "tool": self.tool, "form": form, "classes": list(self.classes.names)}
        write_json(self.out / LABEL_RECORD, {**start, "finished": False})
        write_text(self.out / CLASS_FILE, class_table_text(self.classes))
        file = write_annotations(self.tool, self.out, self._annotated(images, label, form), self.classes, form)
        record = {**start, "finished": True, "out": str(self.out), "images": self._done, "failed": self._failed}
        write_json(self.out / LABEL_RECORD, record)
        return JobReport(self.out, record, self._summary(file))

    def _annotated(
        self, images: Sequence[ImageFile], label: Callable[[ImageFile], LabelsAndConfidence], form: RegionForm
    ) -> Iterator[AnnotatedImage]:
        with ProgressDisplay("label", len(images), "images") as steps:
            for count, image in enumerate(images, start=1):
                try:
                    yield self._annotate(image, label, form)
                except (ValueError, OSError, MemoryError, RuntimeError) as error:
                    self._failed.append({"source": str(image.path), "reason": failure_reason(error, self.memory_cure)})
                    steps.note(f"failed: {image.path}")
                steps.advance(count)

    def _annotate(
        self, source: ImageFile, label: Callable[[ImageFile], LabelsAndConfidence], form: RegionForm
    ) -> AnnotatedImage:
        check_image_name(self.tool, source.name)
        labels, confidence = label(source)
        image = link_image(source, self.out).relative_to(self.out / "images").as_posix()
        found = regions_from_labels(image, labels, self.classes, form, confidence)
        if not self.void:
            found = found.without_void()
        facts = {"regions": len(found.regions), "confidence": found.confidence}
        self._done.append({"source": str(source.path), "image": f"images/{image}", **facts})
        return found

    def _summary(self, file: Path) -> list[str]:
        regions = sum(one["regions"] for one in self._done)
        lines = [f"labelled: {len(self._done)}, failed: {len(self._failed)}; regions: {regions}"]
        lines += [f"  {failure['source']}\n    {failure['reason']}" for failure in self._failed]
        return [
            *lines,
            f"{file} is for {self.tool}, the images are in {self.out / 'images'}",
            f"next: {_NEXT_STEPS[self.tool].format(file=file, out=self.out)}",
            f"      when people have corrected it: seglet data import EXPORT --images {self.out / 'images'} --out DIR",
        ]


def check_annotation_folder(out: Path, overwrite: bool) -> None:
    """Checks that a folder is new, or holds earlier results that may be replaced, which are then deleted.

    Raises:
        ValueError: the folder holds what must not be replaced.
    """
    if not check_replaceable(out, LABEL_RECORD, overwrite):
        return
    before = read_json(out / LABEL_RECORD)
    record = before if isinstance(before, dict) else {}
    made: list[Any] = record.get("images") or record.get("pictures") or []  # the second is how 0.1.0 called them
    names = [str(one.get("image")) for one in made if isinstance(one, dict)]
    for name in names:
        if name.startswith("images/") and ".." not in Path(name).parts:
            delete_path(out / name)
    for name in ("annotations", "annotations.xml", "labelme", "tasks.json", "config.xml"):
        delete_path(out / name)
