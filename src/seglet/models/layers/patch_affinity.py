"""How much patches belong together, by the feature of a decoder; in at least float32.

Axes: b images, d channels, h rows, w columns, n = h·w patches.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32


def product_affinity(feature: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n n"]:
    """By their product, in [0, 1]. Source: code of WeCLIP; golden weclip_decoder."""
    return _products(_vectors(feature)).sigmoid()


def cosine_affinity(feature: Float[Tensor, "b d h w"], sharpness: float = 3.0) -> Float[Tensor, "b n n"]:
    """By how much their cosine exceeds the mean of all pairs in the batch: other images have a say; in [0, 1].

    Source: code of ExCEL, model_excel.py; golden weclip_decoder.
    """
    likeness = _products(F.normalize(_vectors(feature), dim=1))
    return (sharpness * (likeness - likeness.mean())).sigmoid()


def _vectors(feature: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d n"]:
    return at_least_float32(feature.flatten(2))


def _products(vectors: Float[Tensor, "b d n"]) -> Float[Tensor, "b n n"]:
    with torch.autocast(vectors.device.type, enabled=False):
        return torch.bmm(vectors.mT, vectors)
