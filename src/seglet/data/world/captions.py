"""Sentences that say what is in a scene."""

from seglet.data.portable_rng import PortableRng
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import CAPTION, SceneObject, ScenePlan

_OPENINGS = ("a photo of", "a picture of", "an image of", "")


def scene_caption(plan: ScenePlan) -> str:
    """Names every object and the background; in part of the cases also colours and textures, never wrongly."""
    dice = PortableRng(plan.seed, CAPTION)
    opening = _OPENINGS[dice.below(len(_OPENINGS))]
    names = [_name(thing, dice) for thing in reversed(plan.objects)]  # from the front
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{opening} {listed} {BACKGROUND_KINDS[plan.background].phrase}".strip()


def _name(thing: SceneObject, dice: PortableRng) -> str:
    words = [thing.shape]
    if dice.chance(0.4):
        words.insert(0, thing.appearance.texture)
    if dice.chance(0.5):
        words.insert(0, thing.appearance.hue)
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"
