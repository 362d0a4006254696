"""The embedded world: synthetic scenes of shapes on backgrounds, drawn from a seed, with complete annotation.

Everything that decides a pixel is exact arithmetic (+ - × ÷ √ on raw random bits), so a scene is the same on every
machine. Lengths are fractions of the image's side unless stated in pixels.
Axes everywhere: h rows, w columns.
"""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.world.dataset import WORLD_SPLITS, World
    from seglet.data.world.options import open_world
    from seglet.data.world.plan import SHAPE_NAMES, Difficulty
    from seglet.data.world.scene import WORLD_CLASSES, Scene, draw_scene

__all__ = [
    "SHAPE_NAMES",
    "WORLD_CLASSES",
    "WORLD_SPLITS",
    "Difficulty",
    "Scene",
    "World",
    "draw_scene",
    "open_world",
]

_HOMES = {
    "Difficulty": "seglet.data.world.plan",
    "SHAPE_NAMES": "seglet.data.world.plan",
    "Scene": "seglet.data.world.scene",
    "WORLD_CLASSES": "seglet.data.world.scene",
    "WORLD_SPLITS": "seglet.data.world.dataset",
    "World": "seglet.data.world.dataset",
    "draw_scene": "seglet.data.world.scene",
    "open_world": "seglet.data.world.options",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
