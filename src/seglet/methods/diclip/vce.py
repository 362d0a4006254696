"""Visual correlation enhancement (VCE): attention refined in groups, put into CLIP's last layers, compared with words.

Axes: b images, h and w patches, n = h·w, d channels of the space of images and texts, k classes without background,
m words for what is around them. Equation and table numbers are DiCLIP's.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.labels.attention.cluster_refinement import (
    attention_above_mean,
    identity_attention,
    normalise_rows,
    oracle_attention,
    refine_attention,
    uniform_attention,
)
from seglet.labels.attention.clusters import attention_clusters
from seglet.labels.cam.text_cam import (
    CamScale,
    feature_surgery,
    patch_text_cam,
    scale_positive,
    scale_to_range,
    subtract_background,
)
from seglet.methods.diclip.attention import AttentionConfig
from seglet.models.foundation.attention import changed_attention
from seglet.models.foundation.image_tower import ImageFeatures, ImageTower
from seglet.models.layers.attention_fusion import Fusion, fused_attention
from seglet.tensors import resize_labels
from seglet.types import option


@dataclass(frozen=True)
class VCEConfig(AttentionConfig):
    """How attention is refined and fused, and patches are compared with words."""

    acr: Literal["cluster", "threshold", "none"] = option(
        "cluster", "attention kept within groups (ACR), above its mean (Table XI b), or as it is"
    )
    groups: int = option(9, "M: groups of patches; Table VI a")
    acr_threshold: float = option(5e-4, "τ: attention below it is left out; Table VI c")
    acr_iterations: int = option(3, "recursions; Table VII")
    acr_product: bool = option(False, "the other reading of Eq. 6: relations carry the attention a step further")
    fusion: Fusion = option(
        "sum", "Eq. 7; or own, other, gating, scaling, normalisation as in Table XII: only CLIP, only SD, and so on"
    )
    fusion_weight: float = option(1.0, "α of Eq. 7; Table VI d")
    fused_layers: int = option(3, "L: the last layers of CLIP that are changed; Table VI b")
    background_words: bool = option(
        True, "take off a patch's likeness to the likeliest word for a background, as CLIP-ES; Eq. 1 does not"
    )
    likeness: Literal["cosine", "surgery"] = option("cosine", "Eq. 1; or without what all words share: ExCEL's code")
    cam_scale: CamScale = option(
        "range", "a map fills [0, 1] from its least value, Eq. 1; or from 0, with less cut off"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("groups", "fused_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("acr_threshold", "acr_iterations", "fusion_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")


@torch.no_grad()
def control(
    config: VCEConfig, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None
) -> Float[Tensor, "b n n"] | None:
    """Attention that needs no diffusion model; None where CLIP is to stay as it is.

    Raises:
        ValueError: oracle attention without true regions.
    """
    grid = tower.grid((images.shape[2], images.shape[3]))
    like = images.new_empty(len(images), grid[0] * grid[1], grid[0] * grid[1])
    if config.attention == "identity":
        return identity_attention(like)
    if config.attention == "uniform":
        return uniform_attention(like)
    if config.attention == "clip":
        return own_attention(tower, images, config.fused_layers)
    if config.attention == "oracle":
        if regions is None:
            raise ValueError("oracle attention is told the true masks; give data with masks, or another attention")
        return oracle_attention(resize_labels(regions, grid).flatten(1))
    return None


def own_attention(tower: ImageTower, images: Float[Tensor, "b 3 y x"], layers: int) -> Float[Tensor, "b n n"]:
    """CLIP's own among patches, mean over the last layers; rows sum to 1."""
    _, seen = tower.forward_with_attention(images)
    among = torch.stack(seen[-layers:]).mean(dim=0)[:, 1:, 1:].float()
    return normalise_rows(among, among)


@torch.no_grad()
def refined(config: VCEConfig, attention: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """What is put into CLIP: ACR, or what it is compared with. Even and self-attentive rows stay what they are."""
    if config.acr == "threshold":
        return attention_above_mean(attention)
    if config.acr == "none" or config.attention == "identity":
        return attention
    cluster = partial(attention_clusters, groups=config.groups)
    return refine_attention(attention, cluster, config.acr_threshold, config.acr_iterations, config.acr_product)


def enhanced(
    config: VCEConfig, tower: ImageTower, images: Float[Tensor, "b 3 y x"], attention: Float[Tensor, "b n n"] | None
) -> ImageFeatures:
    """What CLIP makes of images with the attention in its last layers; without one, or with weight 0, its own output.

    Raises:
        ValueError: the tower has fewer layers than are to be changed.
    """
    if config.fused_layers > tower.depth:
        raise ValueError(f"fused_layers: CLIP has {tower.depth} layers, {config.fused_layers} are to be changed")
    if attention is None:
        plain: ImageFeatures = tower(images)
        return plain
    change = partial(fused_attention, other=attention, how=config.fusion, weight=config.fusion_weight)  # Eq. 7
    with changed_attention(tower.attentions[-config.fused_layers :], change):
        fused: ImageFeatures = tower(images)
    return fused


def word_maps(
    config: VCEConfig, seen: ImageFeatures, words: Float[Tensor, "k d"], around: Float[Tensor, "m d"]
) -> Float[Tensor, "b k n"]:
    """How much each patch is like each class: the patch-text map of Eq. 1, in [0, 1]."""
    patches = seen.patches.flatten(2).mT
    behind = around if config.background_words else around[:0]
    if config.likeness == "cosine":
        return patch_text_cam(patches, words, behind if len(behind) else None, config.cam_scale)
    tokens = F.normalize(torch.cat([seen.image[:, None], patches], dim=1).float(), dim=2)
    likeness = feature_surgery(tokens, torch.cat([words, behind]).to(tokens))[:, 1:]
    likeness = subtract_background(likeness[..., : len(words)], likeness[..., len(words) :])
    return (scale_to_range(likeness) if config.cam_scale == "range" else scale_positive(likeness)).mT
