"""From one embedding of the student to the weights of its losses (Eq. 4-8).

No gradient passes through a weight, and there is no option for it: Table 6 prices a stochastic pass like a forward
pass alone, which only works out if nothing is kept for a backward pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.uncertainty import deviation, deviation_at, merge, merge_at, uncertainty_weight, weight_of_labels
from seglet.methods.fotf.config import Config
from seglet.models.network import Network
from seglet.models.uncertainty import mc_deviation, mc_probabilities
from seglet.types import IGNORE, Target


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


@torch.no_grad()
def weigh(config: Config, deviations: Deviations, target: Target, distils: bool) -> Weights:
    """The weights of the task loss and, if the student `distils`, of the distillation term."""
    terms = {"deviation_mean": deviations.at_logits.mean()}
    weight = None
    if config.weigh_task:
        merged = merge_at(deviations.for_task, config.task_merge, target.labels.shape[-2:])
        trust = weight_of_labels(_weight(config, merged), target.labels)
        terms |= _summary("task_weight", trust, target.labels != IGNORE)
        target = Target(target.labels, target.weight * trust)
    if distils and config.weigh_kd:
        weight = _weight(config, merge(deviations.at_logits, config.kd_merge))
        terms |= _summary("weight", weight)
    return Weights(target, weight, terms)


@torch.no_grad()
def deviate(
    config: Config, network: Network, trunk: Float[Tensor, "b c h w"], size: torch.Size, generator: torch.Generator
) -> Deviations:
    """What T stochastic passes disagree about; `size` is that of the labels."""
    if config.deviation_at == "logits":
        sigma = mc_deviation(network, trunk, config.samples, generator, config.ddof, config.sites)  # Eq. 6
        return Deviations(sigma, sigma)
    draws = mc_probabilities(network, trunk, config.samples, generator, config.sites)
    return Deviations(deviation(draws, config.ddof), deviation_at(draws, size, config.ddof))  # Eq. 6


def _weight(config: Config, sigma: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    return uncertainty_weight(sigma, config.kappa, config.m, config.function, config.max_weight)  # Eq. 7


def _summary(
    name: str, weight: Float[Tensor, "*shape"], where: Bool[Tensor, "*shape"] | None = None
) -> dict[str, Tensor]:
    """Mean and maximum where `where` is true; 1 where it never is."""
    if where is not None:
        weight = weight.where(where, torch.nan)
    return {f"{name}_mean": weight.nanmean().nan_to_num(1.0), f"{name}_max": weight.nan_to_num(1.0).amax()}
