"""CLIP with visual correlation enhancement: patch features and class maps of images. Nothing here is trained.

Axes: b images, n patches, d channels of the space that images and texts share, k classes, f foreground classes (all
but the background).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.methods.class_texts import ClassTexts
from seglet.methods.diclip.attention import (
    ATTENTION_COLUMN,
    REGIONS_COLUMN,
    DiffusionAttention,
    GridSize,
    attention_of_views,
)
from seglet.methods.diclip.config import Config
from seglet.methods.diclip.vce import apply_acr, control_attention, encode_with_attention, patch_text_maps
from seglet.models.distillation.teachers import Frozen
from seglet.models.foundation.image_tower import ImageTower
from seglet.types import Tagged, TensorRecord


@dataclass(frozen=True)
class PatchMaps(TensorRecord):
    """Patch features of images, their class maps by text alone, and the grid of patches."""

    batch_axes = MappingProxyType({"grid": None})

    patches: Float[Tensor, "b n d"]
    cam: Float[Tensor, "b f n"]
    grid: GridSize


class EnhancedCLIP(nn.Module):
    """Visual correlation enhancement (Sec. III-C). It runs an image tower that it is given and does not own."""

    words: Tensor
    around: Tensor

    def __init__(self, config: Config, texts: ClassTexts) -> None:
        super().__init__()
        self.config = config
        self.notes = texts.notes
        self.register_buffer("words", texts.classes, persistent=False)
        self.register_buffer("around", texts.background, persistent=False)
        self.diffusion: Frozen[DiffusionAttention] | None = None
        if config.from_models and config.attention_loop:
            self.load_diffusion()

    def load_diffusion(self) -> None:
        """Loads the diffusion models, which views and images without a column need."""
        if self.config.from_models and self.diffusion is None:
            self.diffusion = Frozen(DiffusionAttention(self.config).to(self.words.device))

    def encode_step(self, tower: ImageTower, step: Tagged) -> PatchMaps:
        """Encodes the views of a training step, with attention from its columns where it has been computed before."""
        if not self.config.from_models or self.config.attention_loop:
            return self.encode_images(tower, step.images, step.columns.get(REGIONS_COLUMN))
        grid = tower.grid((step.images.shape[2], step.images.shape[3]))
        return self.encode(tower, step.images, attention_of_views(step.columns[ATTENTION_COLUMN], step.crop, grid))

    def encode_images(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None = None
    ) -> PatchMaps:
        """Encodes any images; `regions` are the true masks, for the oracle control."""
        return self.encode(tower, images, self.raw_attention(tower, images, regions))

    def raw_attention(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None = None
    ) -> Float[Tensor, "b n n"] | None:
        """Computes the attention to put into CLIP, before it is refined; None if CLIP is not to be changed."""
        return self.attention_of_views(tower, images, [images], regions)[0]

    def attention_of_views(
        self,
        tower: ImageTower,
        images: Float[Tensor, "b 3 y x"],
        views: Sequence[Float[Tensor, "b 3 _ _"]],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> list[Tensor | None]:
        """Computes the attention for each of several sizes of the same images, before it is refined.

        Diffusion sees the images once, at their own size; its queries and keys are resized for each view.
        """
        if not self.config.from_models:
            return [control_attention(self.config, tower, view, regions) for view in views]
        self.load_diffusion()
        if self.diffusion is None:
            return [None] * len(views)
        found: list[Tensor | None] = self.diffusion(images, [tower.grid((v.shape[2], v.shape[3])) for v in views])
        return found

    @torch.no_grad()
    def encode(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], attention: Float[Tensor, "b n n"] | None
    ) -> PatchMaps:
        """Encodes images with this attention, refined first, in CLIP's last layers; None leaves CLIP as it is."""
        refined = attention if attention is None else apply_acr(self.config, attention)
        features = encode_with_attention(self.config, tower, images, refined)
        cam = patch_text_maps(self.config, features, self.words, self.around)
        grid = (features.patches.shape[2], features.patches.shape[3])
        return PatchMaps(features.patches.flatten(2).mT.float(), cam, grid)
