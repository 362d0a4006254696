"""Weights from the student's own uncertainty for the losses of any method (FOTF, Eq. 4-8).

No gradient passes through a weight, and there is no option for it: Table 6 prices a stochastic pass like a forward
pass alone, which only works out if nothing is kept for a backward pass.
"""

from collections.abc import Mapping
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
class WeighingConfig:
    """The keys of uncertainty weighting; docs/methods/fotf.md says why each default is what it is."""

    samples: int = option(5, "T, stochastic passes; FOTF Sec. 4.1")
    kappa: float = option(5.0, "κ, how sharply the weight rises with σ; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    m: float = option(1.0, "how strongly σ counts; Eq. 7, A.3.1: Cityscapes, DeepLabV3")
    function: WeightGrowth = option("power", "power: (1 + mσ)^κ, Eq. 7; exponential: exp(κmσ), Table 4 with m = 1")
    weigh_kd: bool = option(True, "weigh the distillation term by uncertainty; Eq. 3")
    weigh_task: bool = option(True, "weigh the task loss by uncertainty; Eq. 8, Table 5")
    kd_merge: DeviationMerging = option(
        "channel", "what keeps its own σ in the distillation term; best mean of Table 4"
    )
    task_merge: DeviationMerging = option("pixel", "what keeps its own σ in the task loss; best mean of Table 8")
    ddof: int = option(1, "σ divides by T - ddof: 1 as torch.std does, 0 as Eq. 5 prints")
    sites: DropoutSites = option("all", "dropouts that are sampled: all of the head, or only the last")
    deviation_at: Literal["logits", "labels"] = option(
        "logits", "where the task loss takes σ: at the logits' size, then resized, or from logits resized to the labels"
    )
    max_weight: float | None = option(None, "ceiling of the weight; the paper has none")

    def __post_init__(self) -> None:
        at_least(1, samples=self.samples, max_weight=self.max_weight)
        at_least(0, kappa=self.kappa, m=self.m)
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof: expected 0 or 1, got {self.ddof}")


def at_least(least: int, **values: int | float | None) -> None:
    """
    Raises:
        ValueError: a value is below `least`; None is not.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")


@dataclass(frozen=True)
class Weights:
    """What uncertainty does to the losses.

    `target` is the given one, its trust multiplied by w(i, y_i) of Eq. 8; `distillation` is w(i, c) of Eq. 3, None
    where all weights are 1; `terms` is worth plotting.
    """

    target: Target
    distillation: Float[Tensor, "b #k #h #w"] | None = None
    terms: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)


@dataclass(frozen=True)
class Deviations:
    """σ of the class probabilities, at the size of the logits and where the task loss wants it."""

    at_logits: Float[Tensor, "b k h w"]
    for_task: Float[Tensor, "b k h2 w2"]


def weights_for(
    config: WeighingConfig,
    network: Network,
    embedding: Embedding,
    target: Target,
    generator: torch.Generator,
    distils: bool,
) -> Weights:
    """What the student's uncertainty makes of the losses of one step; all weights are 1 where nothing is weighed.

    `distils` says whether there is a distillation term to weigh. Without anything to weigh no stochastic pass is made.
    """
    if not (config.weigh_task or (config.weigh_kd and distils)):
        return Weights(target)
    deviations = deviate(config, network, embedding.trunk, target.labels.shape[-2:], generator)
    return weigh(config, deviations, target, distils)


@torch.no_grad()
def weigh(config: WeighingConfig, deviations: Deviations, target: Target, distils: bool) -> Weights:
    """The weights of the task loss and, if the student `distils`, of the distillation term."""
    terms = {"deviation_mean": deviations.at_logits.mean()}
    weight = None
    if config.weigh_task:
        merged = merge_resized_deviation(deviations.for_task, config.task_merge, target.labels.shape[-2:])
        trust = label_weight(_weight(config, merged), target.labels)
        terms |= _summary("task_weight", trust, target.labels != IGNORE)
        target = Target(target.labels, target.weight * trust)
    if distils and config.weigh_kd:
        weight = _weight(config, merge_deviation(deviations.at_logits, config.kd_merge))
        terms |= _summary("weight", weight)
    return Weights(target, weight, terms)


@torch.no_grad()
def deviate(
    config: WeighingConfig,
    network: Network,
    trunk: Float[Tensor, "b c h w"],
    size: torch.Size,
    generator: torch.Generator,
) -> Deviations:
    """What T stochastic passes disagree about; `size` is that of the labels."""
    if config.deviation_at == "logits":
        sigma = mc_deviation(network, trunk, config.samples, generator, config.ddof, config.sites)  # Eq. 6
        return Deviations(sigma, sigma)
    draws = mc_probabilities(network, trunk, config.samples, generator, config.sites)
    return Deviations(
        running_mean_and_deviation(draws, config.ddof)[1], resized_deviation(draws, size, config.ddof)
    )  # Eq. 6


def _weight(config: WeighingConfig, sigma: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return uncertainty_weight(sigma, config.kappa, config.m, config.function, config.max_weight)  # Eq. 7


def _summary(
    name: str, weight: Float[Tensor, "*shape"], where: Bool[Tensor, "*shape"] | None = None
) -> dict[str, Tensor]:
    """Mean and maximum where `where` is true; 1 where it never is."""
    if where is not None:
        weight = weight.where(where, torch.nan)
    return {f"{name}_mean": weight.nanmean().nan_to_num(1.0), f"{name}_max": weight.nan_to_num(1.0).amax()}
