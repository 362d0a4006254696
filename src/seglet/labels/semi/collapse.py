"""Signs of a self-training run that collapses: one class takes over, classes vanish, nothing is confident.

Axes: b images, k classes, h rows, w columns.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

_VANISHED = 0.05
"""Fraction of its labelled share below which a predicted class counts as vanished."""
_RARE = 0.005
"""Labelled share below which a class is too rare to be watched."""
_UNEQUAL = 0.5
"""Fraction of the labels' effective number of classes at which predictions count as collapsed."""
_FEW, _ALL = 0.01, 0.999
"""Shares of confident pixels below which a run learns next to nothing, and above which it is overconfident."""


def class_shares(labels: Integer[Tensor, "b h w"], valid: Bool[Tensor, "b h w"], classes: int) -> Float[Tensor, " k"]:
    """Computes the share of the valid pixels of each class, in [0, 1]; zeros if none is valid."""
    counts = torch.bincount(labels.masked_fill(~valid, classes).flatten(), minlength=classes + 1)[:classes]
    return counts.float() / valid.sum().clamp(min=1)


def named_shares(title: str, found: Float[Tensor, " k"], names: Sequence[str]) -> dict[str, Float[Tensor, ""]]:
    """Returns shares as terms to be logged, named `title/class`."""
    return {f"{title}/{name}": share for name, share in zip(names, found, strict=True)}


def share_terms(
    predicted: Integer[Tensor, "b h w"],
    valid: Bool[Tensor, "b h w"],
    labels: Integer[Tensor, "n y x"],
    names: Sequence[str],
) -> dict[str, Float[Tensor, ""]]:
    """Returns the terms that `detect_collapse` reads: shares of the predicted and of the labelled classes."""
    k = len(names)
    terms = named_shares("share", class_shares(predicted, valid, k), names)
    return {**terms, **named_shares("labelled-share", class_shares(labels, labels < k, k), names)}


def detect_collapse(terms: Mapping[str, float], names: Sequence[str]) -> dict[str, str]:
    """Returns warnings by kind, from means of `share/…`, `labelled-share/…` and `confident`; none for a healthy run.

    Shares of the labels are those of the labelled images in the same steps, to which a healthy run comes close. The
    term `labelled`, their loss in nats, shows whether high confidence is justified.
    """
    predicted, labelled = (
        {name: terms.get(f"{title}/{name}", 0.0) for name in names} for title in ("share", "labelled-share")
    )
    found: dict[str, str] = {}
    gone = [n for n in names if labelled[n] >= _RARE and predicted[n] < _VANISHED * labelled[n]]
    if effective_classes(predicted) <= _UNEQUAL * effective_classes(labelled):
        most = max(names, key=lambda name: predicted[name])
        found["collapse"] = (
            f"collapse: {100 * predicted[most]:.1f} % of unlabelled pixels are predicted as {most!r}, of labelled ones "
            f"{100 * labelled[most]:.1f} % are; start again with a lower learning rate or a higher threshold"
        )
    if gone:
        found["vanished"] = (
            f"vanished: unlabelled pixels are hardly ever predicted as {', '.join(gone)}; "
            "label more of these classes, or lower the threshold"
        )
    if "confident" in terms and terms["confident"] < _FEW:
        found["unsure"] = (
            f"only {100 * terms['confident']:.2f} % of unlabelled pixels reach the threshold, so they teach next to "
            "nothing; lower it, or train longer"
        )
    if terms.get("confident", 0.0) > _ALL and terms.get("labelled", 0.0) > 1:
        found["overconfident"] = (
            "nearly all unlabelled pixels reach the threshold while labelled ones are still wrong; raise the threshold"
        )
    return found


def effective_classes(found: Mapping[str, float]) -> float:
    """Computes the effective number of classes, e to the entropy of their shares; 0 without any."""
    total = sum(found.values())
    if total <= 0:
        return 0.0
    return math.exp(-sum(share / total * math.log(share / total) for share in found.values() if share > 0))
