"""Comparison sheets: one image file with the predictions of several models for the same images, a row for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.data.dataset import Dataset, Sample
from seglet.data.enhance.by_name import Enhancer
from seglet.data.opening import open_dataset
from seglet.data.overlay import class_legend, colour_labels, contact_sheet, scale_to_height
from seglet.files import replace_atomically
from seglet.inference.depth import find_depth_source
from seglet.inference.from_tags import open_method
from seglet.inference.inputs import ImageFile
from seglet.inference.options import InferenceOptions, SegmentOptions
from seglet.inference.predict import refined_probabilities
from seglet.inference.segment import segment_image
from seglet.models.segmenter import load
from seglet.results.experiments import scored_data, scoring_options
from seglet.results.plan import TablePlan
from seglet.types import Classes

Labels = UInt8[np.ndarray, "h w"]


class UnlabelledImages(Dataset):
    """Images without annotation, as samples."""

    def __init__(self, images: Sequence[ImageFile], classes: Classes) -> None:
        self.images, self.classes = images, classes
        self.ids = [image.name for image in images]
        self.fingerprint = ""

    def read(self, index: int) -> Sample:
        """Returns the sample at `index`, without labels."""
        return Sample(self.ids[index], self.images[index].read(), None)


@dataclass(frozen=True)
class SheetLayout:
    """Layout of a comparison sheet: at most `count` images, in lines of `columns` images of `height` pixels.

    With `enhancer` the images are shown a second time, brightened by it.
    """

    count: int = 8
    columns: int = 8
    height: int = 96
    enhancer: Enhancer | None = None


@dataclass(frozen=True)
class SheetRow:
    """Row of a comparison sheet: a saved model, or the experiment or run of a method that makes masks from tags.

    `data` are the images of this row, if not those of the sheet.
    """

    predictor: Path
    options: InferenceOptions
    data: Dataset | None = None


def draw_comparison(
    rows: Mapping[str, SheetRow], data: Dataset, file: Path, layout: SheetLayout = SheetLayout()
) -> list[str]:
    """Writes a PNG of images, their true masks if any has one, and each row's prediction; returns the names of its
    rows.

    The images are spread evenly over the data. Where they are more than fit into a line, all rows come again below.
    """
    count = min(layout.count, len(data))
    indices = [index * len(data) // count for index in range(count)]
    samples = [data.read(index) for index in indices]
    drawn = [("image", [scale_to_height(sample.image, layout.height) for sample in samples])]
    if layout.enhancer is not None:
        bright = [layout.enhancer(sample.image) for sample in samples]
        drawn.append(("image, brightened", [scale_to_height(image, layout.height) for image in bright]))
    if any(sample.labels is not None for sample in samples):
        drawn.append(("truth", [scale_to_height(_true_mask(sample, data), layout.height) for sample in samples]))
    del samples  # large images are read again, one at a time
    for name, row in rows.items():
        predict, images = _predict_function(row, data), data if row.data is None else row.data
        masks = (predict(images.read(index)) for index in indices)
        drawn.append((name, [scale_to_height(colour_labels(labels, data.classes), layout.height) for labels in masks]))
    starts = range(0, count, layout.columns)
    lines = [cells[start : start + layout.columns] for start in starts for _, cells in drawn]
    with replace_atomically(file) as temporary:
        contact_sheet(lines, height=layout.height, footer=class_legend(data.classes)).save(temporary, format="PNG")
    return [name for name, _ in drawn]


def draw_table(plan: TablePlan, file: Path) -> list[str]:
    """Writes a PNG of the predictions of a table's finished rows, on the first of its seeds; returns the names of its
    rows."""
    rows, split = {}, plan.scored_split
    for name in plan.wanted_rows():
        cell = plan.source_cell(name, plan.all_seeds[0])
        if plan.folders.scores(cell).exists():
            row = plan.row(cell)
            own = row.world or "world_size" in row.experiment
            data = open_dataset(scored_data(plan, row), split) if own else None
            rows[name] = SheetRow(plan.predictor_path(cell), scoring_options(plan, cell), data)
    return draw_comparison(rows, open_dataset(scored_data(plan), split), file)


def _predict_function(row: SheetRow, data: Dataset) -> Callable[[Sample], Labels]:
    """Loads a row's model or method and returns the function that predicts the labels of a sample."""
    if not (row.predictor / "config.json").is_file():
        return _tag_function(row, data)
    model, settings = load(row.predictor).eval(), SegmentOptions(inference=row.options)
    depths = find_depth_source(model, row.options.depth)

    def predict(sample: Sample) -> Labels:
        depth = None if depths is None else depths(sample.image, sample.id)
        return segment_image(model, sample.image, settings, depth).labels

    return predict


def _tag_function(row: SheetRow, data: Dataset) -> Callable[[Sample], Labels]:
    """Loads a row's method and returns the function that makes the labels of a sample from its tags."""
    method = open_method(str(row.predictor), data, None, "cpu")

    def predict(sample: Sample) -> Labels:
        tags = () if sample.tags is None else sample.tags
        maps = method.class_maps(sample.image, tags, row.options.resize, sample.labels)
        scores = refined_probabilities(maps, method, sample.image, tags, row.options.refiner)
        return np.asarray(scores.argmax(axis=0).astype(np.uint8))

    return predict


def _true_mask(sample: Sample, data: Dataset) -> np.ndarray:
    """Draws the sample's true labels; void where there are none."""
    unknown = np.full(sample.image.shape[:2], 255, np.uint8)
    return colour_labels(unknown if sample.labels is None else sample.labels, data.classes)
