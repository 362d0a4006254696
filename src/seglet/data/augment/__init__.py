"""Augmentation: random crops, flips, colours, darkness and blur."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.augment.colour import ColourJitter, jitter_colours
    from seglet.data.augment.geometry import Augmentation, AugmentedView, augmented_view, whole_image
    from seglet.data.augment.strong import StrongAugmentation, gaussian_blur, strong_view

__all__ = [
    "Augmentation",
    "AugmentedView",
    "ColourJitter",
    "StrongAugmentation",
    "augmented_view",
    "gaussian_blur",
    "jitter_colours",
    "strong_view",
    "whole_image",
]

_HOMES = {
    "Augmentation": "seglet.data.augment.geometry",
    "AugmentedView": "seglet.data.augment.geometry",
    "ColourJitter": "seglet.data.augment.colour",
    "StrongAugmentation": "seglet.data.augment.strong",
    "augmented_view": "seglet.data.augment.geometry",
    "gaussian_blur": "seglet.data.augment.strong",
    "jitter_colours": "seglet.data.augment.colour",
    "strong_view": "seglet.data.augment.strong",
    "whole_image": "seglet.data.augment.geometry",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
