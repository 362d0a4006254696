"""Sheets of images in a run's folder: training views, and validation images with their predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from seglet import files
from seglet.data.columns.depth import depth_plane
from seglet.data.dataset import Dataset, Sample
from seglet.data.loading.sample_views import first_views
from seglet.data.overlay import class_legend, colour_labels, contact_sheet
from seglet.engine.datasets import data_config
from seglet.engine.experiment import Experiment
from seglet.engine.settings import Settings
from seglet.engine.training_loader import drawing_chances, view_augmentation
from seglet.evaluation.evaluate import batch_images
from seglet.evaluation.inference import predict_labels
from seglet.evaluation.options import EvaluationOptions
from seglet.images import overlay_labels
from seglet.methods.base import Method
from seglet.models.network import evaluation_copy


def save_training_views(folder: Path, data: Dataset, settings: Settings, count: int = 8) -> None:
    """Saves the first training views: image, labels, and labels over the image."""
    views, chances = [], drawing_chances(settings, data)
    for _, view in first_views(data, view_augmentation(settings), settings.seed, count, chances):
        values = view.image.permute(1, 2, 0).numpy()
        image = _drawn(data, values) if data.channels is not None else (values * 255).round().astype(np.uint8)
        views.append((image, view.labels))
    rows = [[image for image, _ in views]]
    labelled = [(image, labels) for image, labels in views if labels is not None]
    rows.append([colour_labels(labels, data.classes) for _, labels in labelled])
    rows.append([overlay_labels(image, labels, data.classes) for image, labels in labelled])
    _save(folder / "training.png", contact_sheet(rows, footer=class_legend(data.classes)))


def _drawn(data: Dataset, image: np.ndarray) -> np.ndarray:
    if data.channels is None:
        return image
    from seglet.images.channels import drawn_channels

    return drawn_channels(image, data.channels)


def save_config_sheets(folder: Path, data: Dataset, experiment: Experiment, count: int = 8) -> None:
    """Saves the sheets that the method's config adds, such as weak and strong views of images without masks."""
    settings = experiment.settings
    config, views = data_config(experiment.config), view_augmentation(settings)
    for name, rows in config.example_sheets(data, views, settings.seed, count).items():
        _save(folder / f"{name}.png", contact_sheet(rows))


def save_validation_images(
    folder: Path, data: Dataset, method: Method[Any], options: EvaluationOptions, count: int = 6
) -> None:
    """Saves images spread over the validation set: image, mask, prediction; by windows if the options have them."""
    places = sorted({round(place) for place in np.linspace(0, len(data) - 1, count)})
    samples = [data.read(place) for place in places]
    rows = [[_drawn(data, sample.image) for sample in samples]]
    rows.append([colour_labels(sample.labels, data.classes) for sample in samples if sample.labels is not None])
    rows.append([colour_labels(_predicted(method, sample, options), data.classes) for sample in samples])
    _save(folder / "validation.png", contact_sheet(rows, footer=class_legend(data.classes)))


@torch.inference_mode()
def _predicted(method: Method[Any], sample: Sample, options: EvaluationOptions) -> np.ndarray:
    segmenter = method.segmenter()
    if options.window is None:
        labels: np.ndarray = segmenter.predict(sample.image, depth=depth_plane(sample)).labels
        return labels
    images = batch_images([sample], next(segmenter.parameters()).device)
    return predict_labels(evaluation_copy(segmenter), images, options=options).labels[0].numpy()


def _save(file: Path, sheet: Image.Image) -> None:
    with files.replace_atomically(file) as temporary:
        sheet.save(temporary, format="PNG")
