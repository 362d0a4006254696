"""Cross-entropy against labels that are believed image by image, as SemiVL's code offers it.

Pixel by pixel it is `cross_entropy` with a target of weights 0 and 1.
Axes: b images, k classes, h rows, w columns.
"""

from jaxtyping import Bool, Float, Integer
from torch import Tensor

from seglet.tensors import pixel_cross_entropy


def ratio_cross_entropy(
    logits: Float[Tensor, "b k _ _"],
    labels: Integer[Tensor, "b h w"],
    confidence: Float[Tensor, "b h w"],
    valid: Bool[Tensor, "b h w"],
    threshold: float,
) -> Float[Tensor, ""]:
    """Every pixel pulls by the share of its image's valid pixels that reach the threshold; in nats.

    As in the code, pixels that are not valid pull too, but the mean divides by the valid ones; 0 if there is none.

    Source: SemiVL, confidence_weighted_loss, pixelratio; golden conf_ce.
    """
    kept = ((confidence >= threshold) & valid).flatten(1).sum(1)
    share = kept.to(confidence.dtype) / valid.flatten(1).sum(1).clamp(min=1)
    return (_sums(logits, labels) * share).sum() / valid.sum().clamp(min=1)


def average_cross_entropy(
    logits: Float[Tensor, "b k _ _"],
    labels: Integer[Tensor, "b h w"],
    confidence: Float[Tensor, "b h w"],
    valid: Bool[Tensor, "b h w"],
) -> Float[Tensor, ""]:
    """The whole batch pulls by the sum of its images' mean confidences, so it grows with b squared; in nats.

    As in the code, pixels that are not valid pull too, but the mean divides by the valid ones; 0 if there is none.

    Source: SemiVL, confidence_weighted_loss, pixelavg; golden conf_ce.
    """
    sure = (confidence * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp(min=1)
    return (_sums(logits, labels).sum() * sure).sum() / valid.sum().clamp(min=1)


def _sums(logits: Tensor, labels: Tensor) -> Float[Tensor, " b"]:
    return pixel_cross_entropy(logits, labels).flatten(1).sum(1)
