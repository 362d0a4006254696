"""Likeness of patches and words without what all words share (CLIP Surgery).

Axes: b images, t tokens, the class token first, d channels, k words.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import wide_dtype

SHARPNESS = 2.0
"""Of the softmax over words; CLIP Surgery's code."""


def surgery(tokens: Float[Tensor, "b t d"], words: Float[Tensor, "k d"]) -> Float[Tensor, "b t k"]:
    """The likeness of each token and word, weighed by how much the image is like the word, less the mean over words.

    Tokens and words have length 1. The class token speaks for the image. One word alone has nothing to differ from:
    its likeness is 0. Computes in at least float32.

    The published code holds a product for each token, word and channel; what it sums to is a product of matrices.

    Source: Li et al., CLIP Surgery, 2023; code of ExCEL, clip_feature_surgery; golden clip_surgery.
    """
    precision = wide_dtype(tokens)
    with torch.autocast(tokens.device.type, enabled=False):
        likeness = tokens.to(precision) @ words.to(precision).mT
    shares = (SHARPNESS * likeness[:, :1]).softmax(dim=2)
    weighed: Tensor = likeness * (shares / shares.mean(dim=2, keepdim=True))
    return weighed - weighed.mean(dim=2, keepdim=True)
