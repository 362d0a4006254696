"""Pretraining of the tiny CLIP on images and captions alone, without masks.

CLIP's contrast of whole images and captions, and beside it a late interaction of patches and words, taken from the
third layer through a projection that is thrown away: it gives the middle tokens meaning, which the real CLIP has from
the web.
Axes: b images and captions, n patches, m words of a caption, c channels.

Source: Radford et al., ICML 2021; Yao et al., FILIP, ICLR 2022.
"""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import SHAPE_NAMES
from seglet.models.foundation.tiny.clip import TinyCLIP
from tools.pretrain.corpus import Corpus
from tools.pretrain.loop import Objective, Phase, Recipe
from tools.pretrain.texts import PROMPTS, content, content_places, with_opening, words

TAPPED = 3
"""Layer whose patches are compared with words."""

PROMPTED = 0.2
"""Share of captions whose opening is one of `PROMPTS`."""

RECIPE = Recipe((Phase(400, 1e-3, 50, 1.0), Phase(2600, 1e-3, 50, 0.02), Phase(600, 5e-4)), 64, bf16=True)


class CLIPObjective(Objective):
    """CLIP's objective. Phase 0 trains layers 1 to 3, phase 1 all layers on small images, phase 2 on large ones."""

    def __init__(self, recipe: Recipe, small: Corpus, large: Corpus) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.recipe, self.small, self.large = recipe, small, large
        self.model = TinyCLIP(words())
        width = self.model.clip.config.projection_dim
        self.patches = nn.Linear(width, width)
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.names = [int(self.model.encode([name])[0, 1]) for name in (*SHAPE_NAMES, *BACKGROUND_KINDS)]

    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        phase, _ = self.recipe.place(step)
        corpus = self.large if phase == 2 else self.small
        places = torch.randint(corpus.count, (self.recipe.batch // (2 if phase == 2 else 1),), generator=rng)
        captions = self._captions(corpus, places, rng)
        ids = self.model.encode(captions)
        states, whole = self.model.read(ids[:, : int((ids != ids[0, -1]).sum(1).max()) + 1])
        tokens = self.model.layer(corpus.images(places), TAPPED)
        where = content_places(ids, self.names)
        named = states.gather(1, where.clamp(min=0)[..., None].expand(-1, -1, states.shape[2]))
        patches = F.normalize(self.patches(tokens[:, 1:]).float(), dim=-1)
        same = alike([" ".join(sorted(content(caption))) for caption in captions])
        terms = {"words": late_interaction(patches, named, where >= 0, same, self.sharpness.clamp(max=4.6052).exp())}
        if phase > 0:
            images = self.model.project(self.model.above(tokens, TAPPED)[:, 0])
            terms["captions"] = contrast(images @ whole.T * self.model.scale(), alike(captions))
        return terms

    def _captions(self, corpus: Corpus, places: Integer[Tensor, " b"], rng: torch.Generator) -> list[str]:
        """Returns captions of scenes; some begin as prompts do."""
        chosen = torch.rand(len(places), generator=rng) < PROMPTED
        which = torch.randint(len(PROMPTS), (len(places),), generator=rng)
        captions = [corpus.captions[place] for place in places.tolist()]
        return [
            with_opening(caption, PROMPTS[int(kind)]) if change else caption
            for caption, change, kind in zip(captions, chosen, which, strict=True)
        ]


def alike(keys: list[str]) -> Bool[Tensor, "b b"]:
    """Returns the pairs that have the same key."""
    numbers = torch.tensor([keys.index(key) for key in keys])
    return numbers[:, None] == numbers[None, :]


def contrast(logits: Float[Tensor, "b b"], same: Bool[Tensor, "b b"]) -> Float[Tensor, ""]:
    """Computes the cross-entropy along rows and along columns, in nats; positives of a row share its probability."""
    target = same.float() / same.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def late_interaction(
    patches: Float[Tensor, "b n c"],
    named: Float[Tensor, "b m c"],
    present: Bool[Tensor, "b m"],
    same: Bool[Tensor, "b b"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """Computes FILIP's contrast in both directions (Eq. 4 and 5): words with their best patch, patches with their best
    word.
    """
    cosines = torch.einsum("inc,jmc->ijnm", patches, named)
    count = present.sum(1).clamp(min=1)
    to_words = (cosines.amax(2) * present).sum(2) / count
    to_patches = cosines.masked_fill(~present[None, :, None, :], -1.0).amax(3).mean(2)
    target = same.float() / same.sum(1, keepdim=True)
    return (F.cross_entropy(to_patches * scale, target) + F.cross_entropy(to_words.T * scale, target)) / 2
