"""Visual correlation enhancement (VCE): attention refined in groups and put into CLIP's last layers.

Axes: b images, h and w patches, n = h·w, d channels of the space that images and texts share, f foreground classes,
m background phrases. Equation and table numbers are DiCLIP's.
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
from seglet.models.layers.attention_fusion import AttentionFusion, fuse_attention
from seglet.tensors import resize_labels
from seglet.types import option


@dataclass(frozen=True)
class VCEConfig(AttentionConfig):
    """Keys of how attention is refined and fused, and of how patches are compared with text."""

    acr: Literal["cluster", "threshold", "none"] = option(
        "cluster", "refine attention within groups (ACR), cut it below its mean (threshold, Table XI b), or keep it"
    )
    groups: int = option(9, "M, number of groups of patches; Table VI a")
    acr_threshold: float = option(5e-4, "τ: attention below it is dropped; Table VI c")
    acr_iterations: int = option(3, "recursions of ACR; Table VII")
    acr_product: bool = option(False, "the other reading of Eq. 6: relations carry the attention one step further")
    fusion: AttentionFusion = option(
        "sum", "fusion with CLIP's attention, Eq. 7; or own, other, gating, scaling, normalisation as in Table XII"
    )
    fusion_weight: float = option(1.0, "α of Eq. 7, weight of the other attention; Table VI d")
    fused_layers: int = option(3, "L, number of CLIP's last layers that are changed; Table VI b")
    background_words: bool = option(
        True, "subtract a patch's similarity to the most similar background phrase, as CLIP-ES; Eq. 1 does not"
    )
    likeness: Literal["cosine", "surgery"] = option(
        "cosine", "similarity of patch and text: Eq. 1, or without what all texts share (surgery, ExCEL code)"
    )
    cam_scale: CamScale = option(
        "range", "scaling of maps to [0, 1]: from their smallest value, Eq. 1; or from 0, negative values cut off"
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
def control_attention(
    config: VCEConfig, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None
) -> Float[Tensor, "b n n"] | None:
    """Computes attention that needs no diffusion model; None if CLIP is not to be changed.

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
        return clip_attention(tower, images, config.fused_layers)
    if config.attention == "oracle":
        if regions is None:
            raise ValueError("oracle attention needs the true masks; give data with masks, or another attention")
        return oracle_attention(resize_labels(regions, grid).flatten(1))
    return None


def clip_attention(tower: ImageTower, images: Float[Tensor, "b 3 y x"], layers: int) -> Float[Tensor, "b n n"]:
    """Computes CLIP's own attention among patches, as a mean over its last layers; rows sum to 1."""
    _, attention = tower.forward_with_attention(images)
    among = torch.stack(attention[-layers:]).mean(dim=0)[:, 1:, 1:].float()
    return normalise_rows(among, among)


@torch.no_grad()
def apply_acr(config: VCEConfig, attention: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n"]:
    """Refines attention by ACR, or as the config says; identity and uniform attention stay what they are."""
    if config.acr == "threshold":
        return attention_above_mean(attention)
    if config.acr == "none" or config.attention == "identity":
        return attention
    cluster = partial(attention_clusters, groups=config.groups)
    return refine_attention(attention, cluster, config.acr_threshold, config.acr_iterations, config.acr_product)


def encode_with_attention(
    config: VCEConfig, tower: ImageTower, images: Float[Tensor, "b 3 y x"], attention: Float[Tensor, "b n n"] | None
) -> ImageFeatures:
    """Encodes images with this attention in CLIP's last layers; None, or weight 0, gives CLIP's own output.

    Raises:
        ValueError: the tower has fewer layers than are to be changed.
    """
    if config.fused_layers > tower.depth:
        raise ValueError(f"fused_layers: CLIP has {tower.depth} layers, {config.fused_layers} are to be changed")
    if attention is None:
        plain: ImageFeatures = tower(images)
        return plain
    change = partial(fuse_attention, other=attention, how=config.fusion, weight=config.fusion_weight)  # Eq. 7
    with changed_attention(tower.attentions[-config.fused_layers :], change):
        fused: ImageFeatures = tower(images)
    return fused


def patch_text_maps(
    config: VCEConfig, features: ImageFeatures, classes: Float[Tensor, "f d"], background: Float[Tensor, "m d"]
) -> Float[Tensor, "b f n"]:
    """Computes the similarity of each patch to the text of each class, in [0, 1] (Eq. 1)."""
    patches = features.patches.flatten(2).mT
    behind = background if config.background_words else background[:0]
    if config.likeness == "cosine":
        return patch_text_cam(patches, classes, behind if len(behind) else None, config.cam_scale)
    tokens = F.normalize(torch.cat([features.image[:, None], patches], dim=1).float(), dim=2)
    similarity = feature_surgery(tokens, torch.cat([classes, behind]).to(tokens))[:, 1:]
    similarity = subtract_background(similarity[..., : len(classes)], similarity[..., len(classes) :])
    return (scale_to_range(similarity) if config.cam_scale == "range" else scale_positive(similarity)).mT
