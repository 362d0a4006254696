"""Pretraining of the tiny UNet, which predicts the velocity of the diffusion of latents from the caption.

Axes: b images, n tokens, c channels, h rows, w columns of latents.

Source: Salimans and Ho, ICLR 2022 (velocity); Lin et al., WACV 2024 (no signal at the last step).
"""

import copy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Integer
from torch import Tensor

from seglet import files
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.models.foundation.tiny.clip import TinyCLIP
from seglet.models.foundation.tiny.diffusion import TRAINING_TIMESTEPS, TinyUNet, TinyVAE, signal_shares
from tools.pretrain.corpus import CHUNK, Corpus, Progress
from tools.pretrain.loop import Objective, Phase, Recipe

SILENT, PLACELESS = 0.1, 0.1
"""Share of captions left out, for guidance, and share without their background."""

DECAY = 0.999
"""Decay of the average of the weights, which is what is kept; smaller in the first steps."""

RECIPE = Recipe((Phase(6000, 1e-3, 200, 0.02),), 64, weight_decay=0.01, beta2=0.99, bf16=True)


class UNetObjective(Objective):
    """Squared error of the velocity at a random time; `latents` are scaled, `clip` is frozen and encodes captions."""

    def __init__(self, recipe: Recipe, small: Corpus, latents: Float32[np.ndarray, "n c h w"], clip: TinyCLIP) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.recipe, self.small, self.latents = recipe, small, latents
        self._clip = [clip]  # in a list it is no part of the training's state
        self.model = TinyUNet(TinyCLIP.width)
        self.average = copy.deepcopy(self.model).requires_grad_(False)

    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        places = torch.randint(self.small.count, (self.recipe.batch,), generator=rng)
        clean = torch.from_numpy(self.latents[places.numpy()])
        noise = torch.randn(clean.shape, generator=rng)
        times = torch.randint(TRAINING_TIMESTEPS, (len(places),), generator=rng)
        left = signal_shares()[times][:, None, None, None]
        noised = left.sqrt() * clean + (1 - left).sqrt() * noise
        velocity = left.sqrt() * noise - (1 - left).sqrt() * clean
        with torch.no_grad():
            states = self._clip[0].condition(self._captions(places, rng))
        return {"velocity": F.mse_loss(self.model(noised, times, states).float(), velocity)}

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        keep = min(DECAY, (1 + step) / (10 + step))
        for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)

    def _captions(self, places: Integer[Tensor, " b"], rng: torch.Generator) -> list[str]:
        chances = torch.rand(len(places), generator=rng).tolist()
        captions = [self.small.captions[place] for place in places.tolist()]
        return [shortened_caption(caption, chance) for caption, chance in zip(captions, chances, strict=True)]


def shortened_caption(caption: str, chance: float) -> str:
    """Returns the caption, an empty one, or one without its background, by chance in [0, 1)."""
    if chance < SILENT:
        return ""
    if chance < SILENT + PLACELESS:
        for ground in BACKGROUND_KINDS.values():
            caption = caption.removesuffix(ground.phrase).strip()
    return caption


@torch.inference_mode()
def encode_corpus(vae: TinyVAE, corpus: Corpus, folder: Path, note: Progress = lambda done: None) -> list[Path]:
    """Returns files with the latents of all scenes, not scaled, in half precision; existing ones are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    files.delete_partial(folder)
    made = []
    for begin in range(0, corpus.count, CHUNK):
        end = min(begin + CHUNK, corpus.count)
        made.append(folder / f"{begin:07d}-{end - begin}.npy")
        if not made[-1].is_file():
            parts = [vae.encode(corpus.images(places))[0] for places in torch.split(torch.arange(begin, end), 50)]
            with files.replace_atomically(made[-1]) as temporary, temporary.open("wb") as file:
                np.save(file, torch.cat(parts).half().numpy())
        note(end)
    return made
