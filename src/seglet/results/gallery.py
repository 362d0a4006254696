"""Images side by side: what several models see in the same samples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from seglet.cli.options.inference import add_seeing, chosen_seeing
from seglet.cli.parsing import Parser, fraction
from seglet.data.dataset import Dataset, Sample
from seglet.data.overlay import colours, contact_sheet, legend, scaled
from seglet.files import replacing
from seglet.inference.brighten import Enhancer
from seglet.inference.depth import find_depth_source
from seglet.inference.from_tags import open_method
from seglet.inference.inputs import ImageFile
from seglet.inference.options import InferenceOptions
from seglet.inference.predict import refined_probabilities
from seglet.inference.write import SegmentOptions, segment_image
from seglet.models.segmenter import load
from seglet.types import Classes

Labels = UInt8[np.ndarray, "h w"]


class UnlabelledImages(Dataset):
    """Images that nobody annotated, as samples."""

    def __init__(self, images: Sequence[ImageFile], classes: Classes) -> None:
        self.images, self.classes = images, classes
        self.ids = [image.name for image in images]
        self.fingerprint = ""

    def read(self, index: int) -> Sample:
        return Sample(self.ids[index], self.images[index].read(), None)


@dataclass(frozen=True)
class Sheet:
    """How many samples are shown at most and how many side by side, how high, and brightened how for people's eyes."""

    count: int = 8
    columns: int = 8
    height: int = 96
    lift: Enhancer | None = None


@dataclass(frozen=True)
class Look:
    """A saved model, or the experiment or run of a method that makes masks from tags, and how it looks at images.

    `data` are what it is shown, if not the same as others.
    """

    model: Path
    seeing: InferenceOptions
    data: Dataset | None = None

    @classmethod
    def at(cls, model: Path, words: Sequence[str] = (), data: Dataset | None = None) -> "Look":
        """With the words that `seglet evaluate` would be given."""
        parser = Parser("compare")
        parser.add_argument("--resize", type=fraction, default=1.0)
        add_seeing(parser)
        return cls(model, chosen_seeing(parser.read(words)), data)


def compare(looks: Mapping[str, Look], data: Dataset, file: Path, sheet: Sheet = Sheet()) -> list[str]:
    """Writes images, their truth if any has one, and what each model sees in them, as rows of one PNG; says what the
    rows are.

    The images are spread evenly over the data; where they are more than fit side by side, all rows come again below.
    """
    count = min(sheet.count, len(data))
    places = [index * len(data) // count for index in range(count)]
    first = [data.read(place) for place in places]
    rows = [("image", [scaled(sample.image, sheet.height) for sample in first])]
    if sheet.lift is not None:
        rows.append(("image, brightened", [scaled(sheet.lift(sample.image), sheet.height) for sample in first]))
    if any(sample.labels is not None for sample in first):
        rows.append(("truth", [scaled(_truth(sample, data), sheet.height) for sample in first]))
    del first  # large images are read again, one at a time
    for name, look in looks.items():
        see, shown = _seer(look, data), data if look.data is None else look.data
        seen = (see(shown.read(place)) for place in places)
        rows.append((name, [scaled(colours(labels, data.classes), sheet.height) for labels in seen]))
    blocks = range(0, count, sheet.columns)
    lines = [row[start : start + sheet.columns] for start in blocks for _, row in rows]
    with replacing(file) as temporary:
        contact_sheet(lines, height=sheet.height, footer=legend(data.classes)).save(temporary, format="PNG")
    return [name for name, _ in rows]


def _seer(look: Look, data: Dataset) -> Callable[[Sample], Labels]:
    if (look.model / "config.json").is_file():
        model, settings = load(look.model).eval(), SegmentOptions(inference=look.seeing)
        depths = find_depth_source(model, look.seeing.depth)

        def segmented(sample: Sample) -> Labels:
            depth = None if depths is None else depths(sample.image, sample.id)
            return segment_image(model, sample.image, settings, depth).labels

        return segmented
    seer = open_method(str(look.model), data, None, "cpu")

    def from_tags(sample: Sample) -> Labels:
        tags = () if sample.tags is None else sample.tags
        maps = seer.class_maps(sample.image, tags, look.seeing.resize, sample.labels)
        scores = refined_probabilities(maps, seer, sample.image, tags, look.seeing.refiner)
        return np.asarray(scores.argmax(axis=0).astype(np.uint8))

    return from_tags


def _truth(sample: Sample, data: Dataset) -> np.ndarray:
    unknown = np.full(sample.image.shape[:2], 255, np.uint8)
    return colours(unknown if sample.labels is None else sample.labels, data.classes)
