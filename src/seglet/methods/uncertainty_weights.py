"""Loss weights from the student's own uncertainty, for any method (FOTF, Eq. 4-8).

No gradient passes through a weight: by Table 6 a stochastic pass costs no more than a forward pass, which is only
possible if nothing is kept for a backward pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.uncertainty import (
    DeviationMerging,
    WeightGrowth,
    label_weight,
    merge_deviation,
    merge_resized_deviation,
    resized_deviation,
    uncertainty_weight,
)
from seglet.models.network import Embedding, Network
from seglet.models.uncertainty import DropoutSites, mc_deviation, mc_probabilities
from seglet.tensors import running_mean_and_deviation
from seglet.types import IGNORE, Target, option


@dataclass(frozen=True)
class UncertaintyWeightConfig:
    """Keys of uncertainty weights; docs/methods/fotf.md gives the reason for each default."""

    samples: int = option(5, "T, number of stochastic passes; FOTF Sec. 4.1")
    kappa: float = option(5.0, "κ, how sharply the weight rises with σ; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    m: float = option(1.0, "factor on σ; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    function: WeightGrowth = option("power", "power: (1 + mσ)^κ, Eq. 7; exponential: exp(κmσ), Table 4 with m = 1")
    weigh_kd: bool = option(True, "weight the distillation term by uncertainty; Eq. 3")
    weigh_task: bool = option(True, "weight the task loss by uncertainty; Eq. 8, Table 5")
    kd_merge: DeviationMerging = option(
        "channel", "dimension that keeps its own σ in the distillation term; best mean of Table 4"
    )
    task_merge: DeviationMerging = option(
        "pixel", "dimension that keeps its own σ in the task loss; best mean of Table 8"
    )
    ddof: int = option(1, "σ divides by T - ddof: 1 as torch.std, 0 as in Eq. 5")
    sites: DropoutSites = option("all", "dropout layers that are sampled: all of the head, or only the last")
    deviation_at: Literal["logits", "labels"] = option(
        "logits", "size at which σ of the task loss is computed: the logits' (then resized), or the labels'"
    )
    max_weight: float | None = option(None, "upper bound of the weight; the paper has none")

    def __post_init__(self) -> None:
        check_at_least(1, samples=self.samples, max_weight=self.max_weight)
        check_at_least(0, kappa=self.kappa, m=self.m)
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof: expected 0 or 1, got {self.ddof}")


def check_at_least(least: int, **values: int | float | None) -> None:
    """Checks values of a config by name; None is allowed.

    Raises:
        ValueError: a value is below `least`.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses of a step.

    `target` is the given target with weights multiplied by w(i, y_i) of Eq. 8; `distillation` is w(i, c) of Eq. 3, or
    None if all of them are 1; `terms` are statistics to log.
    """

    target: Target
    distillation: Float[Tensor, "b #k #h #w"] | None = None
    terms: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)


@dataclass(frozen=True)
class Deviations:
    """σ of the class probabilities, at the size of the logits and at the size the task loss needs."""

    at_logits: Float[Tensor, "b k h w"]
    for_task: Float[Tensor, "b k h2 w2"]


def loss_weights(
    config: UncertaintyWeightConfig,
    network: Network,
    embedding: Embedding,
    target: Target,
    generator: torch.Generator,
    distils: bool,
    shared: Sequence[int] | None = None,
) -> LossWeights:
    """Computes the weights of one step from the student's uncertainty.

    `distils` says whether there is a distillation term, `shared` over which classes; None: over all. If no loss is
    weighted, there are no stochastic passes.
    """
    if not (config.weigh_task or (config.weigh_kd and distils)):
        return LossWeights(target)
    deviations = sample_deviations(config, network, embedding.trunk, target.labels.shape[-2:], generator)
    return weights_from_deviations(config, deviations, target, distils, shared)


@torch.no_grad()
def weights_from_deviations(
    config: UncertaintyWeightConfig,
    deviations: Deviations,
    target: Target,
    distils: bool,
    shared: Sequence[int] | None = None,
) -> LossWeights:
    """Computes the weights of the task loss and, if the student `distils`, of the distillation term.

    The latter are those of the `shared` classes alone, also where σ is averaged over classes.
    """
    terms = {"deviation_mean": deviations.at_logits.mean()}
    weight = None
    if config.weigh_task:
        merged = merge_resized_deviation(deviations.for_task, config.task_merge, target.labels.shape[-2:])
        task = label_weight(_weight(config, merged), target.labels)
        terms |= _summary("task_weight", task, target.labels != IGNORE)
        target = Target(target.labels, target.weight * task)
    if distils and config.weigh_kd:
        distilled = deviations.at_logits if shared is None else deviations.at_logits[:, list(shared)]
        weight = _weight(config, merge_deviation(distilled, config.kd_merge))
        terms |= _summary("weight", weight)
    return LossWeights(target, weight, terms)


@torch.no_grad()
def sample_deviations(
    config: UncertaintyWeightConfig,
    network: Network,
    trunk: Float[Tensor, "b c h w"],
    size: torch.Size,
    generator: torch.Generator,
) -> Deviations:
    """Computes σ over T stochastic passes; `size` is that of the labels."""
    if config.deviation_at == "logits":
        sigma = mc_deviation(network, trunk, config.samples, generator, config.ddof, config.sites)  # Eq. 6
        return Deviations(sigma, sigma)
    draws = mc_probabilities(network, trunk, config.samples, generator, config.sites)
    return Deviations(
        running_mean_and_deviation(draws, config.ddof)[1], resized_deviation(draws, size, config.ddof)
    )  # Eq. 6


def _weight(config: UncertaintyWeightConfig, sigma: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return uncertainty_weight(sigma, config.kappa, config.m, config.function, config.max_weight)  # Eq. 7


def _summary(
    name: str, weight: Float[Tensor, "*shape"], where: Bool[Tensor, "*shape"] | None = None
) -> dict[str, Tensor]:
    """Returns mean and maximum of the weights where `where` is true; 1 if it never is."""
    if where is not None:
        weight = weight.where(where, torch.nan)
    return {f"{name}_mean": weight.nanmean().nan_to_num(1.0), f"{name}_max": weight.nan_to_num(1.0).amax()}
