"""Losses of the regions of classes: Dice, Tversky and Lovász-softmax. A class counts alike, however large it is.

Axes: b images, k classes, h rows, w columns.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32, resize_align_corners
from seglet.types import IGNORE, Target


def dice_loss(logits: Float[Tensor, "b k _ _"], target: Target, smooth: float = 1.0) -> Float[Tensor, ""]:
    """Computes 1 - (2 Σ pg + s) / (Σ p + Σ g + s), averaged over the classes among the labels of the batch.

    p is the probability and g the label of a pixel, 1 or 0; sums run over the annotated pixels of the batch, with
    their weights, and s is `smooth`, in pixels. Without an annotated pixel it is 0 and has a gradient of 0.

    Source: Milletari et al., 3DV 2016, without its squares; Sudre et al., DLMIA 2017.
    """
    return tversky_loss(logits, target, 0.5, 0.5, 1.0, smooth / 2)


def tversky_loss(
    logits: Float[Tensor, "b k _ _"],
    target: Target,
    false_positives: float = 0.3,
    false_negatives: float = 0.7,
    gamma: float = 1.0,
    smooth: float = 1.0,
) -> Float[Tensor, ""]:
    """Computes (1 - T)^γ, averaged over the classes among the labels of the batch.

    T = (TP + s) / (TP + α FP + β FN + s) of soft counts in pixels, where α and β weigh false positives and negatives:
    β above α asks for recall. γ below 1 gives classes that are nearly right more weight.

    Source: Salehi et al., MLMI 2017, Eq. 3; γ after Abraham and Khan, ISBI 2019, whose γ is the inverse of ours.
    """
    chances, truth, share = _flat(logits, target)
    right = (chances * truth * share).sum(1)
    wrong = (chances * (1 - truth) * share).sum(1)
    missed = ((1 - chances) * truth * share).sum(1)
    index = (right + smooth) / (right + false_positives * wrong + false_negatives * missed + smooth).clamp_min(1e-12)
    present = (truth * share).sum(1) > 0
    left = 1 - index[present]
    if not present.any():
        return _zero(logits)
    return (left if gamma == 1 else left.clamp_min(1e-12).pow(gamma)).mean()


def lovasz_softmax(logits: Float[Tensor, "b k _ _"], target: Target) -> Float[Tensor, ""]:
    """Computes the Lovász extension of 1 - IoU, averaged over the classes among the labels of the batch.

    For probabilities of 0 and 1 it is 1 - IoU itself. The weight of a pixel multiplies its error. Without an annotated
    pixel it is 0 and has a gradient of 0.

    Source: Berman et al., CVPR 2018, Eq. 8, 9 and 13, classes="present".
    """
    chances, truth, share = _flat(logits, target)
    known = (target.labels != IGNORE).flatten()
    chances, truth, share = chances[:, known], truth[:, known], share[known]
    losses = []
    for label in truth.any(dim=1).nonzero()[:, 0].tolist():
        errors, order = ((truth[label] - chances[label]).abs() * share).sort(descending=True)
        losses.append(errors @ _jaccard_steps(truth[label][order]))
    return torch.stack(losses).mean() if losses else _zero(logits)


def _jaccard_steps(truth: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Returns how much 1 - IoU grows by each pixel that becomes wrong, in the order given (Alg. 1)."""
    union = truth.sum() + (1 - truth).cumsum(0)
    loss = 1 - (truth.sum() - truth.cumsum(0)) / union
    return loss - F.pad(loss[:-1], (1, 0))


def _flat(
    logits: Float[Tensor, "b k _ _"], target: Target
) -> tuple[Float[Tensor, "k n"], Float[Tensor, "k n"], Float[Tensor, " n"]]:
    """Returns probabilities, labels as ones and zeros, and weights of all pixels; weights of void ones are 0."""
    resized = resize_align_corners(at_least_float32(logits), target.labels.shape[-2:])
    known = target.labels != IGNORE
    chances = resized.softmax(dim=1).movedim(1, 0).flatten(1)
    truth = F.one_hot(target.labels.masked_fill(~known, 0).long(), logits.shape[1]).movedim(3, 0).flatten(1)
    return chances, truth.to(chances) * known.flatten(), (target.weight * known).flatten().to(chances)


def _zero(logits: Tensor) -> Float[Tensor, ""]:
    """Returns 0 with a gradient of 0, whatever the logits are."""
    return at_least_float32(logits).flatten()[:0].sum()
