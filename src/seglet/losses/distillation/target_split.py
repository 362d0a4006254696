"""Distillation of the target class of a pixel apart from the other classes (DKD, NKD, OFA).

Axes: b images, k classes, h rows, w columns.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.losses.distillation.feature_maps import check_same_shape, check_temperature
from seglet.tensors import at_least_float32
from seglet.types import IGNORE

EnhancedForm = Literal["paper", "code"]
"""Form of OFA's loss: of the paper, with the label itself, or of its code, without it and with γ over all classes."""


class TargetSplit(NamedTuple):
    """Parts of a loss, each averaged over the pixels that have a target: its class, and the other classes."""

    target: Float[Tensor, ""]
    others: Float[Tensor, ""]


def decoupled_divergence(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    labels: Integer[Tensor, "b h w"],
    temperature: float = 4.0,
    weight: Float[Tensor, "b 1 #h #w"] | None = None,
) -> TargetSplit:
    """Computes the two divergences of DKD in nats, both times temperature².

    The first is the divergence of the probabilities (target, all others), the second that of the others' probabilities
    given that it is not the target; with two classes it is 0. The divergence of all classes is the first plus the
    second times the teacher's 1 - p of the target. Pixels labelled IGNORE add nothing; without others both
    parts are 0. A `weight` multiplies the value of each pixel. Pass the teacher's logits detached.

    Raises:
        ValueError: the maps differ in shape, are empty or have one class; `temperature` is not positive.

    Source: Zhao et al., «Decoupled Knowledge Distillation», CVPR 2022.
    """
    own, other = _split_both(student, teacher, labels, temperature)
    kept = _probabilities_of_others(other)
    ours, theirs = (torch.stack([part.target, part.others]) for part in (own, other))
    target = (theirs.exp() * (theirs - ours)).sum(dim=0)
    others = (kept * (other.among_others - own.among_others)).sum(dim=1)
    return TargetSplit(*(temperature**2 * _labelled_mean(part, labels, weight) for part in (target, others)))


def normalised_cross_entropy(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    labels: Integer[Tensor, "b h w"],
    temperature: float = 1.0,
    weight: Float[Tensor, "b 1 #h #w"] | None = None,
) -> TargetSplit:
    """Computes the two cross-entropies of NKD in nats.

    The first is -p_T·log p_S of the target, without temperature. The second is the cross-entropy of the other classes'
    probabilities given that it is not the target, times temperature²; where both agree it is the teacher's entropy and
    not 0. Pixels labelled IGNORE add nothing; without others both parts are 0. A `weight` multiplies the value of each
    pixel. Pass the teacher's logits detached.

    Raises:
        ValueError: see `decoupled_divergence`.

    Source: Yang et al., «From Knowledge Distillation to Self-Knowledge Distillation», ICCV 2023; temperatures
    as in the authors' code.
    """
    own, other = _split_both(student, teacher, labels, 1)
    target = -other.target.exp() * own.target
    own, other = _split_both(student, teacher, labels, temperature)
    kept = _probabilities_of_others(other)
    others = temperature**2 * -(kept * own.among_others).sum(dim=1)
    return TargetSplit(_labelled_mean(target, labels, weight), _labelled_mean(others, labels, weight))


def target_enhanced_cross_entropy(
    student: Float[Tensor, "b k h w"],
    teacher: Float[Tensor, "b k h w"],
    labels: Integer[Tensor, "b h w"],
    gamma: float = 1.5,
    form: EnhancedForm = "paper",
    weight: Float[Tensor, "b 1 #h #w"] | None = None,
) -> TargetSplit:
    """Computes OFA's cross-entropy, in which a teacher that is sure of the target strengthens it, in nats.

    The target's part is -(1 + p_T)^γ·log p_S, the others' the sum of -p_T·log p_S over the other classes. With γ = 1
    they are the cross-entropies with the label and with the teacher together. The form `code` leaves the label's own to
    the task loss, (1 + p_T)^γ - 1, and also raises the others' p_T to γ. Pixels labelled IGNORE add nothing; without
    others both parts are 0. A `weight` multiplies the value of each pixel. Pass the teacher's logits detached.

    Raises:
        ValueError: see `decoupled_divergence`; or `gamma` is negative.

    Source: Hao et al., «One-for-All», NeurIPS 2023, Eq. 5; the other form is that of the authors' code.
    """
    if gamma < 0:
        raise ValueError(f"gamma: expected 0 or more, got {gamma}")
    own, other = _split_both(student, teacher, labels, 1)
    enhanced = (1 + other.target.exp()) ** gamma
    taught = _probabilities_of_others(other) * other.others.exp()[:, None]
    if form == "code":
        enhanced, taught = enhanced - 1, taught**gamma * ~other.is_target
    target = -enhanced * own.target
    others = -(taught * (own.among_others + own.others[:, None])).sum(dim=1)
    return TargetSplit(_labelled_mean(target, labels, weight), _labelled_mean(others, labels, weight))


class _LogShares(NamedTuple):
    """Logarithms of probabilities: of the target, of all others, and of each class among the others."""

    target: Float[Tensor, "b h w"]
    others: Float[Tensor, "b h w"]
    among_others: Float[Tensor, "b k h w"]
    """Finite but without meaning at the target, where `is_target` is true."""
    is_target: Tensor


def _split_both(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> tuple[_LogShares, _LogShares]:
    check_same_shape(student, teacher)
    check_temperature(temperature)
    if student.shape[1] < 2:
        raise ValueError("a target and other classes need at least 2 classes, got 1")
    return _log_shares(student, labels, temperature), _log_shares(teacher, labels, temperature)


def _log_shares(logits: Tensor, labels: Tensor, temperature: float) -> _LogShares:
    scaled = at_least_float32(logits) / temperature
    places = torch.arange(scaled.shape[1], device=labels.device)[:, None, None]
    is_target = labels[:, None] == places
    own = torch.where(is_target, scaled, 0).sum(dim=1)
    others, total = scaled.masked_fill(is_target, -torch.inf).logsumexp(dim=1), scaled.logsumexp(dim=1)
    return _LogShares(own - total, others - total, scaled - others[:, None], is_target)


def _probabilities_of_others(shares: _LogShares) -> Float[Tensor, "b k h w"]:
    return shares.among_others.masked_fill(shares.is_target, -torch.inf).exp()


def _labelled_mean(
    values: Float[Tensor, "b h w"], labels: Integer[Tensor, "b h w"], weight: Float[Tensor, "b 1 #h #w"] | None
) -> Float[Tensor, ""]:
    labelled = labels != IGNORE
    values = values if weight is None else weight[:, 0] * values
    return torch.where(labelled, values, 0).sum() / labelled.sum().clamp(min=1)
