"""Captions of scenes."""

from seglet.data.portable_rng import PortableRng
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import CAPTION_STREAM, SceneObject, ScenePlan

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
