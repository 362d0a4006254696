"""Pretraining of the tiny VAE, which reconstructs images from a quarter of their pixels each way.

Axes: b images, c channels, h rows, w columns.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.models.foundation.tiny.diffusion import TinyVAE
from tools.pretrain.corpus import Corpus
from tools.pretrain.loop import Objective, Phase, Recipe

CROP = 32
"""Side of a crop in pixels; whole images are limited by memory bandwidth."""

KL, SLOPES = 1e-3, 0.5
"""Weights of the latents' distance from a normal distribution, and of the error of differences between neighbours."""

RECIPE = Recipe((Phase(6000, 2e-3, 100, 0.02),), 16, weight_decay=0.0, beta2=0.99)


class VAEObjective(Objective):
    """Absolute error of colours and of their slopes, on crops of small and large images."""

    def __init__(self, recipe: Recipe, small: Corpus, large: Corpus) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.recipe, self.corpora = recipe, (small, small, small, large)
        self.model = TinyVAE()

    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        corpus = self.corpora[step % len(self.corpora)]
        places = torch.randint(corpus.count, (self.recipe.batch,), generator=rng)
        images = crops(corpus.images(places), rng)
        mean, logvar = self.model.encode(images)
        noise = torch.randn(mean.shape, generator=rng)
        back = self.model.decode(mean + noise * (0.5 * logvar).exp())
        kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
        return {"colours": F.l1_loss(back, images), "slopes": SLOPES * slope_error(back, images), "kl": KL * kl}


def crops(images: Float[Tensor, "b 3 h w"], rng: torch.Generator) -> Float[Tensor, "b 3 s s"]:
    """Returns a random square of each image."""
    corners: Integer[Tensor, "2 b"] = torch.randint(images.shape[2] - CROP + 1, (2, len(images)), generator=rng)
    boxes = zip(images, *corners.tolist(), strict=True)
    return torch.stack([image[:, y : y + CROP, x : x + CROP] for image, y, x in boxes])


def slope_error(back: Float[Tensor, "b 3 h w"], images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Computes the mean absolute error of differences between neighbours, down and across, which penalises blur."""
    error = back - images
    return (error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()) / 2
