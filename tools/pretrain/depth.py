"""Pretraining of the tiny depth network on the world's own depth.

Axes: b images, h rows, w columns.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.models.foundation.tiny.depth import TinyDepth
from tools.pretrain.corpus import Corpus
from tools.pretrain.loop import Objective, Phase, Recipe

RECIPE = Recipe((Phase(1500, 1e-3, 50, 0.02),), 32, bf16=True)


class DepthObjective(Objective):
    """Absolute error of nearness, 1 - depth, and of its slopes."""

    def __init__(self, recipe: Recipe, small: Corpus) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.recipe, self.small = recipe, small
        self.model = TinyDepth()

    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        places = torch.randint(self.small.count, (self.recipe.batch,), generator=rng)
        near = self.model(self.small.images(places)).float()
        error = near - (1 - self.small.depth(places))
        slopes = (error.diff(dim=1).abs().mean() + error.diff(dim=2).abs().mean()) / 2
        return {"nearness": F.l1_loss(error, torch.zeros_like(error)), "slopes": slopes}
