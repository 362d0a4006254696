"""Labels images for people to correct: a model's confident regions, written for a labelling tool."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seglet._version import __version__
from seglet.data.label_tools.formats import LabelTool
from seglet.data.label_tools.regions import RegionForm
from seglet.images import MAX_PIXELS, resize_by_factor
from seglet.inference.annotation_folder import AnnotationFolder, LabelsAndConfidence, check_annotation_folder
from seglet.inference.depth import DepthSource, find_depth_source
from seglet.inference.inputs import ImageFile, gather_images
from seglet.inference.job_report import JobReport
from seglet.inference.models import load_colour_model, model_folder, weights_hash
from seglet.inference.next_images import NextOptions, rank_images
from seglet.inference.options import DEFAULT_THRESHOLD, InferenceOptions, PseudoLabelOptions
from seglet.inference.predict import check_inference_options
from seglet.inference.pseudo_labels import keep_confident_regions, predict_pseudo_labels
from seglet.locks import lock_folder
from seglet.models.segmenter import Segmenter


@dataclass(frozen=True)
class LabelOptions:
    """Options of labelling images for a tool.

    Args:
        out: folder of the results.
        tool: the labelling tool.
        form: form of regions; None for the tool's usual one.
        overwrite: replace the earlier results in `out`.
        threshold: probability below which a pixel is void.
        least_confidence: mean probability that a region needs.
        least_area: pixels that a region needs.
        void: also write regions of void pixels.
        inference: how the model predicts.
        device: where it computes.
        command: command for the record.
        max_pixels: pixels that an image may have.
        next_images: which of the images are labelled; None for all.
    """

    out: Path
    tool: LabelTool
    form: RegionForm | None = None
    overwrite: bool = False
    threshold: float = DEFAULT_THRESHOLD
    least_confidence: float = 0.0
    least_area: int = 0
    void: bool = True
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    device: str = "auto"
    command: str = ""
    max_pixels: int = MAX_PIXELS
    next_images: NextOptions | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings that decide the labels, for JSON."""
        names = ("threshold", "least_confidence", "least_area", "void")
        return {**{name: getattr(self, name) for name in names}, **self.inference.as_dict()}


def label_folder(model: str, inputs: Sequence[Path], options: LabelOptions) -> JobReport:
    """Labels each image and writes the file that the tool reads; an image that cannot be read is reported.

    Raises:
        ValueError: there are no such model or images, an option does not apply, or the folder holds other files or is
            in use by another process.
    """
    with lock_folder(options.out):
        return _label_locked(model, inputs, options)


def _label_locked(model: str, inputs: Sequence[Path], options: LabelOptions) -> JobReport:
    check_annotation_folder(options.out, options.overwrite)
    images = gather_images(inputs, options.out, options.max_pixels)
    folder = model_folder(model)
    segmenter = load_colour_model(str(folder), options.device)
    check_inference_options(segmenter, options.inference)
    depths = find_depth_source(segmenter, options.inference.depth)
    facts: dict[str, Any] = {
        "seglet": __version__,
        "command": options.command,
        "model": model,
        "weights": weights_hash(folder),
    }
    if options.next_images is not None:
        ranking = rank_images(segmenter, images, options.next_images, options.inference)
        images = ranking.images
        facts["next"] = ranking.as_dict()
    target = AnnotationFolder(options.out, options.tool, options.form, segmenter.classes, options.void)
    report = target.write(
        images,
        lambda image: _labels(segmenter, image, options, depths),
        {**facts, "settings": options.as_dict()},
    )
    if options.next_images is None:
        return report
    return replace(report, lines=[ranking.line(), *report.lines, *_next_round(options, options.next_images)])


def _next_round(options: LabelOptions, chosen: NextOptions) -> list[str]:
    """Returns lines that say how the corrected batch is trained on and what comes after it."""
    data = f"{chosen.labelled},DIR" if chosen.labelled else "DIR"
    return [
        f"      train on it with the rest: seglet train supervised --data {data} (one split each, `--train_split`)",
        f"      and rank again with the new model: seglet label … --next {chosen.count} --labelled {data}",
    ]


def _labels(
    model: Segmenter, source: ImageFile, options: LabelOptions, depths: DepthSource | None
) -> LabelsAndConfidence:
    image = source.read()
    depth = None if depths is None else depths(resize_by_factor(image, options.inference.resize), source.name)
    pseudo = PseudoLabelOptions(options.threshold, options.inference)
    found = predict_pseudo_labels(model, image, None, pseudo, depth)
    labels = keep_confident_regions(found.labels, found.confidence, options.least_confidence, options.least_area)
    return labels, found.confidence
