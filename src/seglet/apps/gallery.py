"""Pictures side by side: what several models see in the same samples."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seglet.apps.depths import Depths, depths_for
from seglet.apps.parsing import fraction
from seglet.apps.seeing import settled
from seglet.apps.seeing_options import Seeing, add_seeing, chosen_seeing
from seglet.apps.segment import Settings, segment
from seglet.apps.tag_maps import TagMaps, open_method
from seglet.data.dataset import Dataset, Sample
from seglet.data.view import colours, contact_sheet, legend
from seglet.files import replacing
from seglet.models.segmenter import Segmenter, load


@dataclass(frozen=True)
class Look:
    """A saved model, or the experiment or run of a method that makes masks from tags, and how it looks at pictures.

    `data` are what it is shown, if not the same as others.
    """

    model: Path
    seeing: Seeing
    data: Dataset | None = None

    @classmethod
    def at(cls, model: Path, words: Sequence[str] = (), data: Dataset | None = None) -> "Look":
        """With the words that `seglet evaluate` would be given."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--resize", type=fraction, default=1.0)
        add_seeing(parser)
        return cls(model, chosen_seeing(parser.parse_args(list(words))), data)


def compare(looks: Mapping[str, Look], data: Dataset, file: Path, count: int = 8) -> list[str]:
    """Writes pictures, their truth, and what each model sees in them, as rows of one PNG; says what the rows are.

    The pictures are spread evenly over the data.
    """
    places = [index * len(data) // count for index in range(min(count, len(data)))]
    samples = [data.read(place) for place in places]
    rows = [[sample.image for sample in samples], [_truth(sample, data) for sample in samples]]
    for look in looks.values():
        shown = samples if look.data is None else [look.data.read(place) for place in places]
        if (look.model / "config.json").is_file():
            model, settings = load(look.model).eval(), Settings(seeing=look.seeing)
            depths = depths_for(model, look.seeing.depth)
            rows.append([colours(_seen(model, sample, settings, depths), data.classes) for sample in shown])
        else:
            seer = open_method(str(look.model), data, None, "cpu")
            rows.append([colours(_from_tags(seer, sample, look), data.classes) for sample in shown])
    with replacing(file) as temporary:
        contact_sheet(rows, height=96, footer=legend(data.classes)).save(temporary, format="PNG")
    return ["picture", "truth", *looks]


def _from_tags(seer: TagMaps, sample: Sample, look: Look) -> np.ndarray:
    tags = () if sample.tags is None else sample.tags
    maps = seer.maps(sample.image, tags, look.seeing.resize, sample.labels)
    scores = settled(maps, seer, sample.image, tags, look.seeing.refiner)
    return np.asarray(scores.argmax(axis=0).astype(np.uint8))


def _seen(model: Segmenter, sample: Sample, settings: Settings, depths: Depths | None) -> np.ndarray:
    depth = None if depths is None else depths(sample.image, sample.id)
    labels: np.ndarray = segment(model, sample.image, settings, depth).labels
    return labels


def _truth(sample: Sample, data: Dataset) -> np.ndarray:
    unknown = np.full(sample.image.shape[:2], 255, np.uint8)
    return colours(unknown if sample.labels is None else sample.labels, data.classes)
