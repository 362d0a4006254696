"""Class activation maps from the similarity of image patches and text embeddings of the classes.

Axes: b images, n patches (or tokens), t tokens, the class token first, d channels, k classes with the background first,
f foreground classes (or texts), m texts for the background.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import wide_dtype

CamScale = Literal["range", "positive"]

_SURGERY_SHARPNESS = 2.0
"""Sharpness of the softmax over texts; code of CLIP Surgery."""


def patch_text_cam(
    patches: Float[Tensor, "b n d"],
    classes: Float[Tensor, "f d"],
    around: Float[Tensor, "m d"] | None = None,
    scale: CamScale = "range",
) -> Float[Tensor, "b f n"]:
    """Computes the similarity of each patch and class, scaled over the patches of the image to [0, 1].

    Args:
        patches: features in the text space, of any length.
        classes: embeddings of the classes' prompts, of any length.
        around: embeddings of texts for the background; the similarity of a patch to the most similar of them is
            subtracted. Without them, the paper's formula.
        scale: "range" from the map's minimum to its maximum; "positive" from 0, negative values cut off, to its
            maximum: then a class that no patch resembles more than the background is nowhere.

    Source: DiCLIP, Eq. 1; background texts of CLIP-ES (Lin et al., CVPR 2023).
    """
    similarity = cosine_similarity(patches, classes)
    if around is not None:
        similarity = subtract_background(similarity, cosine_similarity(patches, around))
    return (scale_to_range(similarity) if scale == "range" else scale_positive(similarity)).mT


def cosine_similarity(patches: Float[Tensor, "b n d"], texts: Float[Tensor, "f d"]) -> Float[Tensor, "b n f"]:
    """Computes the cosine of each patch and text, in at least float32; 0 for a vector of zeros."""
    dtype = wide_dtype(patches)
    with torch.autocast(patches.device.type, enabled=False):
        similarity: Tensor = F.normalize(patches.to(dtype), dim=2) @ F.normalize(texts.to(dtype), dim=1).mT
    return similarity


def feature_surgery(tokens: Float[Tensor, "b t d"], texts: Float[Tensor, "f d"]) -> Float[Tensor, "b t f"]:
    """Computes the similarity of tokens and texts without the features that all texts share (CLIP Surgery).

    Similarities are weighted by the image's similarity to the text, then their mean over texts is subtracted. Tokens
    and texts have length 1; the class token stands for the image. A single text has similarity 0. Computes in at least
    float32.

    The published code holds a product for each token, text and channel; their sum is a product of matrices.

    Source: Li et al., CLIP Surgery, 2023; code of ExCEL, clip_feature_surgery; golden clip_surgery.
    """
    dtype = wide_dtype(tokens)
    with torch.autocast(tokens.device.type, enabled=False):
        similarity = tokens.to(dtype) @ texts.to(dtype).mT
    shares = (_SURGERY_SHARPNESS * similarity[:, :1]).softmax(dim=2)
    weighted: Tensor = similarity * (shares / shares.mean(dim=2, keepdim=True))
    return weighted - weighted.mean(dim=2, keepdim=True)


def subtract_background(
    similarity: Float[Tensor, "b n f"], background: Float[Tensor, "b n m"]
) -> Float[Tensor, "b n f"]:
    """Subtracts the similarity to the most similar background text; changes nothing where there is no such text."""
    return similarity if background.shape[2] == 0 else similarity - background.amax(dim=2, keepdim=True)


def scale_to_range(maps: Float[Tensor, "b n f"]) -> Float[Tensor, "b n f"]:
    """Scales each map from 0 at its smallest value to 1 at its largest; a constant map becomes 0.

    Source: golden clip_surgery.
    """
    if maps.shape[1] == 0:
        return maps
    return scale_positive(maps - maps.amin(dim=1, keepdim=True))


def scale_positive(maps: Float[Tensor, "b n f"]) -> Float[Tensor, "b n f"]:
    """Cuts off negative values and divides each map by its largest; a map without positive values becomes 0."""
    if maps.shape[1] == 0:
        return maps
    kept = maps.clamp_min(0)
    return kept / kept.amax(dim=1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)


def static_scores(retrieved: Float[Tensor, "b n k"], negative: bool = True) -> Float[Tensor, "b f n"]:
    """Computes class scores in [0, 1] from the values that a key-value cache of images returns for each patch.

    The values of each class are scaled to their range over the patches, then multiplied by 1 minus those of the
    background, scaled likewise.

    Args:
        negative: whether to use the background; False is the positive cache alone.

    Source: DiCLIP, Sec. III-D (D.2), which says no more than "multiplying"; scales and complement are our reading.
    """
    scaled = scale_to_range(retrieved)
    foreground = scaled[..., 1:]
    return (foreground * (1 - scaled[..., :1]) if negative else foreground).mT


def enhance_cam(
    cam: Float[Tensor, "b f n"], scores: Float[Tensor, "b f n"], weight: float = 0.5
) -> Float[Tensor, "b f n"]:
    """Adds `weight` times the cache's scores to a patch-text map; in [0, 1 + `weight`] if both are in [0, 1].

    Source: DiCLIP, Eq. 11 and 13; 0.5 from Table VI (g).
    """
    return cam + weight * scores
