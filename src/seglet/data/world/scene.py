"""Scenes of the embedded world, drawn from a seed at any size."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, UInt8

from seglet.data.portable_rng import PortableRng
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import CAPTION_STREAM, SHAPE_NAMES, Difficulty, SceneObject, ScenePlan, plan_scene
from seglet.data.world.render import darken_scene, paint_scene, scene_depth
from seglet.types import Classes

WORLD_CLASSES = Classes(
    ("background", *SHAPE_NAMES),
    (
        (0, 0, 0),
        (230, 57, 70),
        (76, 217, 76),
        (58, 80, 232),
        (247, 219, 71),
        (240, 66, 228),
        (66, 224, 232),
        (255, 148, 20),
        (155, 95, 205),
        (120, 195, 95),
        (200, 200, 200),
    ),
)
"""Classes of the world. Background is class 0 and has pixels to be found, so it counts in mean IoU.

It is never a tag, since every scene has background.
"""


@dataclass(frozen=True)
class Scene:
    """A scene at one size; each part is computed when it is first used."""

    plan: ScenePlan
    size: int

    @property
    def image(self) -> UInt8[np.ndarray, "h w 3"]:
        """Image by day."""
        return self._painted[0]

    @property
    def labels(self) -> UInt8[np.ndarray, "h w"]:
        """Train ids; 0 is background."""
        return self._painted[1]

    @cached_property
    def tags(self) -> tuple[int, ...]:
        """Sorted ids of the shapes that have a pixel; background is not a tag."""
        present = np.bincount(self.labels.ravel(), minlength=len(WORLD_CLASSES)) > 0
        return tuple(int(k) for k in np.flatnonzero(present) if k > 0)

    @cached_property
    def caption(self) -> str:
        """Sentence that names every object and the background."""
        return scene_caption(self.plan)

    @cached_property
    def depth(self) -> Float32[np.ndarray, "h w"]:
        """Distance from the viewer, 0 nearest to 1 farthest; an object is nearer than what it hides."""
        return scene_depth(self.plan, self.size)

    @cached_property
    def dark(self) -> UInt8[np.ndarray, "h w 3"]:
        """Image at night, with noise."""
        return darken_scene(self.image, self.plan.seed)

    @cached_property
    def _painted(self) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        return paint_scene(self.plan, self.size)


SCENE_COLUMNS: Mapping[str, Callable[[Scene], np.ndarray]] = {
    "depth": lambda scene: scene.depth,
    "dark": lambda scene: scene.dark,
}


def draw_scene(seed: int, size: int = 64, difficulty: Difficulty | None = None) -> Scene:
    """Returns the scene of a seed (0 to 2^128 - 1), `size` pixels a side; other sizes show the same objects."""
    return Scene(plan_scene(seed, difficulty or Difficulty()), size)


CAPTION_OPENINGS = ("a photo of", "a picture of", "an image of", "")


def scene_caption(plan: ScenePlan) -> str:
    """Returns a sentence that names every object and the background, and some of their true colours and textures."""
    rng = PortableRng(plan.seed, CAPTION_STREAM)
    opening = CAPTION_OPENINGS[rng.below(len(CAPTION_OPENINGS))]
    names = [_name(item, rng) for item in reversed(plan.objects)]  # from the front
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{opening} {listed} {BACKGROUND_KINDS[plan.background].phrase}".strip()


def _name(item: SceneObject, rng: PortableRng) -> str:
    words = [item.shape]
    if rng.chance(0.4):
        words.insert(0, item.appearance.texture)
    if rng.chance(0.5):
        words.insert(0, item.appearance.hue)
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"
