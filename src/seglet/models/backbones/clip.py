"""CLIP's image tower as the backbone of a segmenter: every layer is a stage, and the rest of CLIP is not needed."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone, StageFeatures
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.layers.normalise import Normalise


class CLIPBackbone(Backbone):
    """Backbone whose stages are the patches behind each layer, first to last, all on one grid."""

    def __init__(self, tower: ImageTower, normalise: Normalise) -> None:
        super().__init__(normalise)
        self.tower = tower
        self.channels = (tower.width,) * tower.depth
        self.set_normalisation(normalise)
        for part in (tower.projection, tower.post_norm):  # no stage depends on them
            part.requires_grad_(False)

    def forward_stages(self, images: Float[Tensor, "b planes h w"]) -> StageFeatures:
        """Returns the patches behind all layers.

        Raises:
            ValueError: the images have depth, which CLIP cannot take.
        """
        if images.shape[1] != 3:
            raise ValueError(f"expected images of 3 planes, got {images.shape[1]}; CLIP takes no depth")
        layers = self.tower.forward_normalised(self.normalise(images)).layers
        return StageFeatures(layers, layers)

    def layers_by_depth(self) -> tuple[tuple[nn.Module, ...], ...]:
        """Returns the embeddings with their norm, then the blocks of the tower."""
        model: Any = self.tower.model
        return ((model.embeddings, model.pre_layrnorm), *((block,) for block in model.encoder.layers))

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws the class token as transformers does."""
        embeddings: Any = self.tower.model.embeddings
        embeddings.class_embedding.normal_(0, self.tower.width**-0.5, generator=generator)

    def set_normalisation(self, normalise: Normalise) -> None:
        """Sets the tower's normalisation and positions, which memory may not have held yet."""
        super().set_normalisation(normalise)
        self.tower.normalise = normalise
        embeddings: Any = self.tower.model.embeddings
        count = embeddings.position_embedding.num_embeddings
        embeddings.position_ids = nn.Buffer(torch.arange(count, device="cpu")[None], persistent=False)
