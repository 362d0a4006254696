"""Class activation maps from the likeness of patches and words.

Axes: b images, n patches (or tokens), d channels, k classes, m words for what is around the classes.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import wide_dtype

Scale = Literal["range", "positive"]


def patch_text_cam(
    patches: Float[Tensor, "b n d"],
    classes: Float[Tensor, "k d"],
    around: Float[Tensor, "m d"] | None = None,
    scale: Scale = "range",
) -> Float[Tensor, "b k n"]:
    """How much each patch is like each class, scaled over the patches of the image; in [0, 1].

    Args:
        patches: features in the space of the words, of any length.
        classes: embeddings of the classes' prompts, of any length.
        around: embeddings of words for the background; what a patch has in common with the likeliest of them is
            taken off. Without them, the paper's formula.
        scale: "range" from the map's minimum to its maximum, "positive" from 0, with less than 0 cut off, to its
            maximum: then a class that no patch is more like than the background is nowhere.

    Source: DiCLIP, Eq. 1; background words of CLIP-ES (Lin et al., CVPR 2023).
    """
    likeness = cosine(patches, classes)
    if around is not None:
        likeness = over_background(likeness, cosine(patches, around))
    return (min_max(likeness) if scale == "range" else positive(likeness)).mT


def cosine(patches: Float[Tensor, "b n d"], words: Float[Tensor, "k d"]) -> Float[Tensor, "b n k"]:
    """In [-1, 1], in at least float32; 0 for a vector of zeros."""
    precision = wide_dtype(patches)
    with torch.autocast(patches.device.type, enabled=False):
        likeness: Tensor = F.normalize(patches.to(precision), dim=2) @ F.normalize(words.to(precision), dim=1).mT
    return likeness


def over_background(likeness: Float[Tensor, "b n k"], background: Float[Tensor, "b n m"]) -> Float[Tensor, "b n k"]:
    """By how much each class exceeds the likeliest word for the background; unchanged where there is no word."""
    return likeness if background.shape[2] == 0 else likeness - background.amax(dim=2, keepdim=True)


def min_max(maps: Float[Tensor, "b n k"]) -> Float[Tensor, "b n k"]:
    """Each map from 0 at its smallest value to 1 at its largest; an even map is 0. Golden clip_surgery."""
    if maps.shape[1] == 0:
        return maps
    return positive(maps - maps.amin(dim=1, keepdim=True))


def positive(maps: Float[Tensor, "b n k"]) -> Float[Tensor, "b n k"]:
    """Each map divided by its largest value, negative values cut off; a map without positive values is 0."""
    if maps.shape[1] == 0:
        return maps
    kept = maps.clamp_min(0)
    return kept / kept.amax(dim=1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
