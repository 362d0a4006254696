"""The loss of classes that are said to be in an image.

Axes: b images, n classes that a tag can name: all but the background.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32


def soft_margin(scores: Float[Tensor, "b n"], tags: Float[Tensor, "b n"]) -> Float[Tensor, ""]:
    """Binary cross-entropy of each class in nats, averaged over classes and images; 0 for an empty batch.

    Args:
        scores: logits of presence.
        tags: 1 for classes that are there, 0 for others.

    Source: SSSS, the multilabel soft margin loss of torch; golden ssss_head.
    """
    logits, there = at_least_float32(scores), at_least_float32(tags)
    each = there * F.softplus(-logits) + (1 - there) * F.softplus(logits)
    return each.sum() / max(each.numel(), 1)
