"""Pretraining of the tiny captioner by next-word prediction on the world's captions.

Axes: b images, n tokens.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.models.foundation.tiny.captioner import TinyCaptioner
from tools.pretrain.corpus import Corpus
from tools.pretrain.loop import Objective, Phase, Recipe
from tools.pretrain.texts import with_opening, words

OPENINGS = ("a photo of", "a photo contains")
"""Prompts of captioners; ViLaDiff uses both. Every caption of the training begins with one."""

RECIPE = Recipe((Phase(6000, 1e-3, 100, 0.02),), 32, bf16=True)


class CaptionerObjective(Objective):
    """Cross-entropy of each word of a caption."""

    def __init__(self, recipe: Recipe, small: Corpus) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.recipe, self.small = recipe, small
        self.model = TinyCaptioner((*words(), "contains"))

    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        places = torch.randint(self.small.count, (self.recipe.batch,), generator=rng)
        which = torch.randint(len(OPENINGS), (self.recipe.batch,), generator=rng).tolist()
        chosen = zip(places.tolist(), which, strict=True)
        captions = [with_opening(self.small.captions[place], OPENINGS[kind]) for place, kind in chosen]
        return {"words": self.model.loss(self.small.images(places), *self.model.encode(captions))}
