"""Chances of images by which every class comes as often as others."""

import numpy as np

from seglet.data.dataset import Dataset, Sample


def class_balanced_chances(data: Dataset) -> tuple[float, ...]:
    """Returns the chance of each image if a class is drawn first, all alike, and then an image that shows it.

    Reads all masks, or the tags of images without. An image that shows no class is never drawn, unless none does.

    Source: Shen et al., Relay Backpropagation, ECCV 2016 (class-aware sampling).
    """
    shown = [_classes_of(sample) for sample in data]
    images = [label for classes in shown for label in classes if label < len(data.classes)]
    if not images:
        return (1 / len(shown),) * len(shown)
    counts = {label: images.count(label) for label in set(images)}
    return tuple(sum(1 / (len(counts) * counts[label]) for label in classes & counts.keys()) for classes in shown)


def _classes_of(sample: Sample) -> set[int]:
    return set(sample.tags or ()) if sample.labels is None else set(np.unique(sample.labels).tolist())
