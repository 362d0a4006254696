"""Visual correlation enhancement (VCE): attention refined in groups and put into CLIP's last layers.

Axes: b images, h and w patches, n = h·w, d channels of the space that images and texts share, f foreground classes,
m background phrases. Equation and table numbers are DiCLIP's.
"""

from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.labels.attention.cluster_refinement import (
    RelationUpdate,
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
from seglet.models.foundation.attention import AttentionChange, AttentionPairs, changed_attention
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
    acr_threshold_scaled: bool = option(
        True, "τ is that of the paper's 20 x 20 patches and becomes 400 τ / n for n of them, whose shares are smaller"
    )
    acr_iterations: int = option(3, "recursions of ACR; Table VII")
    acr_update: RelationUpdate = option(
        "add", "reading of Eq. 6: reliable relations are added to the attention, replace it, or are multiplied with it"
    )
    fusion: AttentionFusion = option(
        "sum", "fusion with CLIP's attention, Eq. 7; or own, other, gating, scaling, normalisation as in Table XII"
    )
    fusion_weight: float = option(1.0, "α of Eq. 7, weight of the other attention; Table VI d")
    fused_layers: int = option(3, "L, number of CLIP's last layers that are changed; Table VI b")
    clip_pairs: AttentionPairs = option(
        "qk", "what the changed layers' own attention compares: queries and keys, Eq. 3; qq, kk, vv: each with itself; "
        "mean: of these three, ExCEL code"
    )  # fmt: skip
    vce_path: Literal["block", "attention", "last"] = option(
        "attention", "features from the changed layers' attention alone, summed over heads, beside unchanged layers "
        "(ExCEL code); after whole changed layers (block); or the last layer's attention alone (last, ClearCLIP)"
    )  # fmt: skip
    background_words: bool = option(
        True, "subtract a patch's similarity to the most similar background phrase, as CLIP-ES; Eq. 1 does not"
    )
    background_overlap: Literal["tell", "drop"] = option(
        "tell", "what happens to background phrases that are more like a class than any two classes are alike, such as "
        "lake for water: a note before training, or they are left out"
    )  # fmt: skip
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


_PATCHES = 400
"""Patches of a view of 320 x 320 pixels, for which the paper gives τ."""

_NOT_ENCODER_KEYS = ("attention_grid", "attention_rank", "attention_loop", "diffusion", "prior")
"""Keys of VCE that do not change the features in the cache, which are made with the full attention."""

_LATER_KEYS = {"acr_update": "replace", "acr_threshold_scaled": False, "clip_pairs": "qk", "vce_path": "block",
               "background_overlap": "tell", "prior_map": "last", "prior_fusion": "mean"}  # fmt: skip
"""Keys that 0.1.0 did not have, with what it did instead."""


def encoder_keys(config: VCEConfig) -> dict[str, Any]:
    """Returns the keys that decide the features of images, spelt as in 0.1.0, whose artefacts are still found."""
    keys = {field.name: getattr(config, field.name) for field in fields(VCEConfig)}
    keys |= {"acr_product": config.acr_update == "product"}
    if keys["acr_product"]:
        del keys["acr_update"]
    squeezed = {"prior_grid": list(config.attention_grid)} if config.prior else {}  # encoders see this many patches
    same = [name for name, value in _LATER_KEYS.items() if name in keys and keys[name] == value]
    return {name: value for name, value in keys.items() if name not in (*_NOT_ENCODER_KEYS, *same)} | squeezed


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
    scale = _PATCHES / attention.shape[2] if config.acr_threshold_scaled else 1.0
    return refine_attention(attention, cluster, scale * config.acr_threshold, config.acr_iterations, config.acr_update)


def encode_with_attention(
    config: VCEConfig, tower: ImageTower, images: Float[Tensor, "b 3 y x"], attention: Float[Tensor, "b n n"] | None
) -> ImageFeatures:
    """Encodes images with this attention in CLIP's last layers.

    Without other attention (None), and with CLIP's own pairs, this is plain CLIP; so is weight 0 on the path `block`.

    Raises:
        ValueError: the tower has fewer layers than are to be changed.
    """
    if config.fused_layers > tower.depth:
        raise ValueError(f"fused_layers: CLIP has {tower.depth} layers, {config.fused_layers} are to be changed")
    if attention is None and config.clip_pairs == "qk":
        plain: ImageFeatures = tower(images)
        return plain
    change: AttentionChange = partial(_fused, attention, config)
    if config.vce_path != "block":
        return tower.forward_by_attention(images, config.fused_layers, change, config.clip_pairs, config.vce_path)
    with changed_attention(tower.attentions[-config.fused_layers :], change, config.clip_pairs):
        features: ImageFeatures = tower(images)
    return features


def _fused(
    other: Float[Tensor, "b n n"] | None, config: VCEConfig, own: Float[Tensor, "b a t t"]
) -> Float[Tensor, "b a t t"]:
    """Fuses other attention with CLIP's own, if there is any (Eq. 7)."""
    return own if other is None else fuse_attention(own, other, config.fusion, config.fusion_weight)


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
