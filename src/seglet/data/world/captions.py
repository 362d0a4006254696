"""Sentences that say what is in a scene."""

from seglet.data.portable_rng import Dice
from seglet.data.world.backgrounds import GROUNDS
from seglet.data.world.plan import CAPTION, Plan, Thing

OPENINGS = ("a photo of", "a picture of", "an image of", "")


def caption(plan: Plan) -> str:
    """Names every object and the background; in part of the cases also colours and textures, never wrongly."""
    dice = Dice(plan.seed, CAPTION)
    opening = OPENINGS[dice.below(len(OPENINGS))]
    names = [_name(thing, dice) for thing in reversed(plan.things)]  # from the front
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{opening} {listed} {GROUNDS[plan.background].phrase}".strip()


def _name(thing: Thing, dice: Dice) -> str:
    words = [thing.shape]
    if dice.chance(0.4):
        words.insert(0, thing.look.texture)
    if dice.chance(0.5):
        words.insert(0, thing.look.hue)
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"
