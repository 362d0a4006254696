"""Statistics of the weights of a distillation term, and warnings where they do what nobody wants of them."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.losses.distillation.kl import WeightedForm, effective_weights, target_tilt

LARGE_WEIGHT, LARGE_TILT = 20.0, 0.02
"""Largest weight, and share of pixels whose target is of another class, above which training is warned of."""


@torch.no_grad()
def weight_statistics(
    weight: Float[Tensor, "b #k #h #w"],
    teacher: Float[Tensor, "b k h w"],
    names: Sequence[str],
    temperature: float = 1.0,
    form: WeightedForm = "eq3",
) -> dict[str, Float[Tensor, ""]]:
    """Returns what the weights make of the teacher's target, by the names under which it is logged.

    `weight_effective` is the λ of plain distillation that pulls as much; `weight/CLASS` the mean weight of a class;
    `tilt` the share of pixels where the student is pulled to another class than the teacher's, 0 in the generalised
    form.

    Args:
        teacher: logits at the size of the student's.
        names: the classes of these logits.
    """
    pull, classes = effective_weights(teacher, weight, temperature)
    tilts = form == "eq3" and weight.shape[1] > 1
    tilt = target_tilt(teacher, weight, temperature) if tilts else torch.zeros_like(pull)
    of_classes = {f"weight/{name}": each for name, each in zip(names, classes.unbind(), strict=True)}
    return {"tilt": tilt, "weight_effective": pull, **of_classes}


def weight_warnings(terms: Mapping[str, float], divergences: Iterable[str]) -> dict[str, str]:
    """Returns warnings by kind, given the mean terms of the last steps and the names of the distillation terms."""
    found = {}
    largest = max(terms.get("weight_max", 1.0), terms.get("task_weight_max", 1.0))
    if largest > LARGE_WEIGHT:
        found["weights"] = (
            f"weights: the largest is {largest:.0f}, so a few pixels decide the step; lower kappa or m, set "
            "max_weight, or let target_weight choose both"
        )
    if negative := [f"{name} {terms[name]:.3g}" for name in divergences if terms.get(name, 0.0) < 0]:
        found["negative"] = (
            f"negative: {', '.join(negative)}: with weights that differ between the classes of a pixel, Eq. 3 is no "
            "divergence and is least away from the teacher; take the generalised form, or kd_merge pixel"
        )
    if (tilt := terms.get("tilt", 0.0)) > LARGE_TILT:
        found["tilt"] = (
            f"tilt: in {100 * tilt:.1f} % of the pixels the weights make another class than the teacher's the target; "
            "take the generalised form, or kd_merge pixel"
        )
    return found
