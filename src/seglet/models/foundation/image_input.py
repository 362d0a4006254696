"""Preparation of RGB images in [0, 1] of any size for foundation models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from seglet import files
from seglet.models.layers.normalise import ChannelValues, Normalise

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_DESCRIPTIONS = ("preprocessor_config.json", "processor_config.json")


def read_preprocessing(folder: Path) -> Mapping[str, Any]:
    """Reads the authors' preprocessing settings from a model's folder; empty if there are none."""
    for name in _DESCRIPTIONS:
        if (folder / name).is_file():
            content = files.read_json(folder / name)
            return dict(content.get("image_processor", content))
    return {}


def authors_normalisation(
    settings: Mapping[str, Any], mean: ChannelValues, std: ChannelValues, bgr: bool = False
) -> Normalise:
    """Returns a normalisation with the authors' mean and deviation, or else those given.

    Raises:
        ValueError: the authors' images are not scaled to [0, 1] first.
    """
    factor = settings.get("rescale_factor", 1 / 255)
    if not settings.get("do_rescale", True) or abs(255 * factor - 1) > 1e-3:
        raise ValueError(
            f"this model takes pixels times {factor if settings.get('do_rescale', True) else 1:g}; only images scaled "
            "to [0, 1] (rescale_factor 1/255) are supported"
        )
    return Normalise(_three(settings.get("image_mean"), mean), _three(settings.get("image_std"), std), bgr)


def _three(values: Any, otherwise: ChannelValues) -> ChannelValues:
    if values is None:
        return otherwise
    red, green, blue = values
    return float(red), float(green), float(blue)


def round_to_multiple(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Returns the nearest height and width that are multiples, the larger of two as near, at least one each."""
    nearest = ((side + multiple // 2) // multiple * multiple for side in size)
    height, width = nearest
    return at_least((height, width), multiple)


def at_least(size: tuple[int, int], smallest: int) -> tuple[int, int]:
    """Returns a height and width with each side raised to the smallest that is allowed."""
    height, width = (torch.sym_max(smallest, side) for side in size)  # type: ignore[no-untyped-call]
    return height, width
