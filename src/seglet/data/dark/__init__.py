"""Synthetic darkness: the image a camera would have taken of the same scene with a fraction of the light.

Two published pipelines share the same steps: undo the camera's processing, reduce the light, add sensor noise, process
again. Axes everywhere: h rows, w columns.
"""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.dark.darkened_dataset import DarkenedDataset
    from seglet.data.dark.measure import ImageDarkness, measure_darkness
    from seglet.data.dark.parameters import Darkening
    from seglet.data.dark.pipeline import darken_image, darken_values
    from seglet.data.dark.presets import DarkeningRanges, DarkPreset, preset_ranges
    from seglet.data.dark.stops import stop_down
    from seglet.data.dark.views import DarkViews

__all__ = [
    "DarkPreset",
    "DarkViews",
    "DarkenedDataset",
    "Darkening",
    "DarkeningRanges",
    "ImageDarkness",
    "darken_image",
    "darken_values",
    "measure_darkness",
    "preset_ranges",
    "stop_down",
]

_HOMES = {
    "DarkPreset": "seglet.data.dark.presets",
    "DarkViews": "seglet.data.dark.views",
    "DarkenedDataset": "seglet.data.dark.darkened_dataset",
    "Darkening": "seglet.data.dark.parameters",
    "DarkeningRanges": "seglet.data.dark.presets",
    "ImageDarkness": "seglet.data.dark.measure",
    "darken_image": "seglet.data.dark.pipeline",
    "darken_values": "seglet.data.dark.pipeline",
    "measure_darkness": "seglet.data.dark.measure",
    "preset_ranges": "seglet.data.dark.presets",
    "stop_down": "seglet.data.dark.stops",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
