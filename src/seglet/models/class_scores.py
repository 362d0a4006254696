"""Class scores of predicted masks, with which a network can learn masks from tags.

Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32
from seglet.types import without_background


def class_scores(
    logits: Float[Tensor, "b k h w"], focal_power: float = 3.0, focal_floor: float = 0.01
) -> Float[Tensor, "b f"]:
    """Computes logits of presence for all classes but the background: `pooled_scores` plus `size_penalty`.

    Computes in at least float32. `focal_floor` is 0.01 in SSSS and 0.3 in DGKD-WLSS.

    Source: Araslanov and Roth, CVPR 2020, Eq. 1 and 2; golden ssss_head.
    """
    logits = at_least_float32(logits)
    masks = logits.softmax(dim=1)
    scores = pooled_scores(logits, masks) + size_penalty(masks.mean((2, 3)), focal_power, focal_floor)
    return without_background(scores)


def pooled_scores(logits: Float[Tensor, "b k h w"], masks: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k"]:
    """Computes normalised global weighted pooling: logits averaged under their own mask and one extra pixel of logit 0.

    That pixel keeps the score of an empty mask at 0.
    """
    return (logits * masks).sum((2, 3)) / (1 + masks.sum((2, 3)))  # Eq. 1


def size_penalty(
    share: Float[Tensor, "*shape"], focal_power: float = 3.0, focal_floor: float = 0.01
) -> Float[Tensor, "*shape"]:
    """Computes a penalty for masks that cover a small share of the image: log(floor) at 0, at most slightly positive.

    Args:
        share: of the image under a mask, in [0, 1].
        focal_power: how fast the penalty falls as a mask grows.
        focal_floor: the λ of the papers; above 0.

    Source: Eq. 2; golden pseudo_gt (focal_x).
    """
    rest = (1 - share).clamp_min(0)  # a mean of ones may round to more than 1
    return rest.pow(focal_power) * (focal_floor + share).log()  # Eq. 2
