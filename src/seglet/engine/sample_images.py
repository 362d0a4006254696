"""Images in a run's folder: what the model sees in training, and what it makes of images it has not seen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from seglet import files
from seglet.data.augment.geometry import view
from seglet.data.dataset import Dataset, Sample
from seglet.data.loading.sampling import Order, StepSampler, augmentation_rng
from seglet.data.loading.semi import SemiDataset
from seglet.data.loading.semi_loader import semi_loader
from seglet.data.overlay import colours, contact_sheet, legend
from seglet.data.planes import depth_plane
from seglet.engine.feed import augment
from seglet.engine.settings import Settings
from seglet.images import overlay
from seglet.methods.base import Method


def training_views(folder: Path, data: Dataset, settings: Settings, count: int = 8) -> None:
    """The first views of training: image, labels, and one over the other."""
    order, views = Order(len(data), settings.seed), []
    for position in range(count):
        sample = data.read(order.index(position))
        seen = view(sample, augment(settings), augmentation_rng(settings.seed, position))
        image = (seen.image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        views.append((image, seen.labels))
    rows = [[image for image, _ in views]]
    labelled = [(image, labels) for image, labels in views if labels is not None]
    rows.append([colours(labels, data.classes) for _, labels in labelled])
    rows.append([overlay(image, labels, data.classes) for image, labels in labelled])
    _save(folder / "training.png", contact_sheet(rows, footer=legend(data.classes)))


def unlabelled_views(folder: Path, data: SemiDataset, settings: Settings, count: int = 8) -> None:
    """The first images without masks as training sees them: plainly, and each strongly altered view below."""
    config = replace(data.config, unlabelled_ratio=1, partner="reversed")
    sampler = StepSampler(len(data), count, seed=settings.seed)
    step = next(iter(semi_loader(SemiDataset(data.labelled, data.unlabelled, config), augment(settings), sampler)))
    views = torch.cat((step.unlabelled.images[None], step.unlabelled.strong)).permute(0, 1, 3, 4, 2)
    rows = (views * 255).round().to(torch.uint8).numpy()
    _save(folder / "unlabelled.png", contact_sheet([list(row) for row in rows]))


def validation_images(folder: Path, data: Dataset, method: Method[Any], count: int = 6) -> None:
    """Images spread over the validation set: image, truth, prediction."""
    places = sorted({round(place) for place in np.linspace(0, len(data) - 1, count)})
    samples = [data.read(place) for place in places]
    rows = [[sample.image for sample in samples]]
    rows.append([colours(sample.labels, data.classes) for sample in samples if sample.labels is not None])
    rows.append([colours(_predicted(method, sample), data.classes) for sample in samples])
    _save(folder / "validation.png", contact_sheet(rows, footer=legend(data.classes)))


@torch.inference_mode()
def _predicted(method: Method[Any], sample: Sample) -> np.ndarray:
    labels: np.ndarray = method.segmenter().predict(sample.image, depth=depth_plane(sample)).labels
    return labels


def _save(file: Path, sheet: Image.Image) -> None:
    with files.replacing(file) as temporary:
        sheet.save(temporary, format="PNG")
