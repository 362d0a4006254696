"""Signs that a network teaches itself nonsense: everything becomes one class, classes vanish, nothing is sure.

Axes: b images, k classes, h rows, w columns.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

VANISHED = 0.05
"""A class guessed less often than this part of its labelled share has vanished."""
RARE = 0.005
"""Classes with a smaller labelled share are too rare to say so."""
UNEQUAL = 0.5
"""The variety of guesses, as a number of equally frequent classes, may fall to this part of the labels'."""
FEW, ALL = 0.01, 0.999
"""Shares of pixels above the threshold with which a run teaches nothing, and with which it believes everything."""


def shares(labels: Integer[Tensor, "b h w"], valid: Bool[Tensor, "b h w"], classes: int) -> Float[Tensor, " k"]:
    """Which part of the valid pixels each class has, in [0, 1]; zeros if none is valid."""
    counts = torch.bincount(labels.masked_fill(~valid, classes).flatten(), minlength=classes + 1)[:classes]
    return counts.float() / valid.sum().clamp(min=1)


def told_shares(title: str, found: Float[Tensor, " k"], names: Sequence[str]) -> dict[str, Float[Tensor, ""]]:
    """Shares as terms to be logged, `title/class`."""
    return {f"{title}/{name}": share for name, share in zip(names, found, strict=True)}


def watched(
    guessed: Integer[Tensor, "b h w"],
    valid: Bool[Tensor, "b h w"],
    labels: Integer[Tensor, "n y x"],
    names: Sequence[str],
) -> dict[str, Float[Tensor, ""]]:
    """What `collapse` looks at: shares of the guessed classes among valid pixels, and of the labelled ones."""
    k = len(names)
    told = told_shares("share", shares(guessed, valid, k), names)
    return {**told, **told_shares("labelled-share", shares(labels, labels < k, k), names)}


def collapse(terms: Mapping[str, float], names: Sequence[str]) -> dict[str, str]:
    """What goes wrong, by kind, told from means of `share/…`, `labelled-share/…` and `confident`; most often nothing.

    Shares of the labels are those of the labelled images in the same steps, which a healthy run comes near. A term
    `labelled`, their loss in nats, tells confidence that is deserved from one that is not.
    """
    guessed, labelled = (
        {name: terms.get(f"{title}/{name}", 0.0) for name in names} for title in ("share", "labelled-share")
    )
    found: dict[str, str] = {}
    gone = [n for n in names if labelled[n] >= RARE and guessed[n] < VANISHED * labelled[n]]
    if variety(guessed) <= UNEQUAL * variety(labelled):
        most = max(names, key=lambda name: guessed[name])
        found["collapse"] = (
            f"collapse: {100 * guessed[most]:.1f} % of unlabelled pixels are taken for {most!r}, of labelled ones "
            f"{100 * labelled[most]:.1f} % are; start again with a lower learning rate or a higher threshold"
        )
    if gone:
        found["vanished"] = (
            f"vanished: unlabelled pixels are hardly ever taken for {', '.join(gone)}; "
            "label more of these classes, or lower the threshold"
        )
    if "confident" in terms and terms["confident"] < FEW:
        found["unsure"] = (
            f"only {100 * terms['confident']:.2f} % of unlabelled pixels reach the threshold, so they teach next to "
            "nothing; lower it, or train longer"
        )
    if terms.get("confident", 0.0) > ALL and terms.get("labelled", 0.0) > 1:
        found["overconfident"] = (
            "nearly all unlabelled pixels reach the threshold while labelled ones are still wrong; raise the threshold"
        )
    return found


def variety(found: Mapping[str, float]) -> float:
    """As how many equally frequent classes they are spread: e to the entropy; 0 for none."""
    total = sum(found.values())
    if total <= 0:
        return 0.0
    return math.exp(-sum(share / total * math.log(share / total) for share in found.values() if share > 0))
