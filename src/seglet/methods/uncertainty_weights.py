"""Loss weights from the uncertainty of student or teacher, for any method (FOTF, Eq. 4-8).

No gradient passes through a weight: by Table 6 a stochastic pass costs no more than a forward pass, which is only
possible if nothing is kept for a backward pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from seglet.losses.uncertainty import (
    DeviationMerging,
    entropy_uncertainty,
    label_weight,
    margin_uncertainty,
    merge_deviation,
    merge_resized_deviation,
    resized_deviation,
    shuffle_pixels,
    uncertainty_weight,
)
from seglet.methods.adaptive_growth import AdaptiveGrowth
from seglet.methods.uncertainty_config import UncertaintyWeightConfig
from seglet.models.network import Network
from seglet.models.uncertainty import mc_deviation, mc_probabilities
from seglet.tensors import at_least_float32, resize_align_corners, running_mean_and_deviation
from seglet.types import IGNORE, Progress, Target


@dataclass(frozen=True)
class NetworkPass:
    """One pass of a network: its logits, and the trunk that stochastic passes begin with; None if it has none."""

    network: nn.Module
    logits: Float[Tensor, "b k h w"]
    trunk: Float[Tensor, "b d h2 w2"] | None


@dataclass(frozen=True)
class StepPasses:
    """The passes of a step that weights are made from.

    `distils` says whether there is a distillation term, `shared` over which classes of the data; None: over all.
    """

    student: NetworkPass
    target: Target
    teacher: NetworkPass | None = None
    distils: bool = True
    shared: Sequence[int] | None = None


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
    """σ at the size of the student's logits and at the size the task loss needs, of each class or of the pixel alone.

    `logits` are those of the network whose σ it is; only the merging `class` needs them.
    """

    at_logits: Float[Tensor, "b k h w"]
    for_task: Float[Tensor, "b k h2 w2"]
    logits: Float[Tensor, "b j h3 w3"] | None = None

    def probabilities(self, sigma: Float[Tensor, "b k h w"]) -> Float[Tensor, "b j h w"] | None:
        """Returns the class probabilities at the size of one of the two."""
        if self.logits is None:
            return None
        return at_least_float32(resize_align_corners(self.logits, sigma.shape[-2:])).softmax(dim=1)


class UncertaintyWeights(nn.Module):
    """The weights of a method's losses; with `target_weight` it has a state, which is part of a checkpoint."""

    def __init__(self, config: UncertaintyWeightConfig) -> None:
        super().__init__()
        self.config = config
        mean = config.target_weight
        growth = [None if mean is None else AdaptiveGrowth(mean, config.function, config.max_weight) for _ in range(2)]
        self.kd_growth = growth[0] if config.weigh_kd else None
        self.task_growth = growth[1] if config.weigh_task else None

    def forward(self, passes: StepPasses, progress: Progress, generator: torch.Generator) -> LossWeights:
        """Computes the weights of one step; if no loss is weighted, there are no stochastic passes."""
        if not self.config.weighs(passes.distils):
            return LossWeights(passes.target)
        deviations = measure_deviations(self.config, passes, generator)
        return self.weigh(deviations, passes, progress.step)

    @torch.no_grad()
    def weigh(self, deviations: Deviations, passes: StepPasses, step: int) -> LossWeights:
        """Computes the weights of the task loss and, if there is one, of the distillation term.

        The latter are those of the shared classes alone, also where σ is averaged over classes.
        """
        config, target = self.config, passes.target
        terms = {"deviation_mean": deviations.at_logits.mean()}
        weight = None
        if config.weigh_task:
            sigma, annotated = deviations.for_task, target.labels != IGNORE
            merged = merge_resized_deviation(
                sigma, config.task_merge, target.labels.shape[-2:], _shares(deviations, sigma, config.task_merge)
            )
            of_label = label_weight(merged, target.labels)
            task, logged = self._weights(self.task_growth, of_label, step, annotated)
            terms |= {f"task_{name}": value for name, value in logged.items()}
            target = Target(target.labels, target.weight * task)
        if passes.distils and config.weigh_kd:
            weight, logged = self._weights(self.kd_growth, self._distilled(deviations, passes), step)
            terms |= logged
        return LossWeights(target, weight, terms)

    def _distilled(self, deviations: Deviations, passes: StepPasses) -> Float[Tensor, "b #k #h #w"]:
        """Returns the merged σ of the distillation term."""
        sigma, merging = deviations.at_logits, self.config.distillation_merge
        shares = _shares(deviations, sigma, merging)
        if passes.shared is not None and not self.config.asks_teacher:
            places = list(passes.shared)
            sigma = sigma if sigma.shape[1] == 1 else sigma[:, places]
            shares = None if shares is None else shares[:, places]
        return merge_deviation(sigma, merging, shares)

    def _weights(
        self,
        growth: AdaptiveGrowth | None,
        sigma: Float[Tensor, "*shape"],
        step: int,
        counted: Bool[Tensor, "*shape"] | None = None,
    ) -> tuple[Float[Tensor, "*shape"], dict[str, Float[Tensor, ""]]]:
        """Returns the weights and what to log of them, over the values that are `counted`."""
        config = self.config
        ramp = min(1.0, step / config.kappa_warmup) if config.kappa_warmup else 1.0
        kappa, m = (config.kappa, config.m) if growth is None else growth(sigma, counted)
        weight = uncertainty_weight(sigma, kappa * ramp, m, config.function, config.max_weight)  # Eq. 7
        if config.normalise == "mean":
            weight = weight / _mean(weight, counted)
        logged = _summary(weight, counted)
        if growth is not None or config.kappa_warmup:
            logged |= {name: torch.as_tensor(it).to(weight) for name, it in (("kappa", kappa * ramp), ("m", m))}
        return weight, logged


@torch.no_grad()
def measure_deviations(config: UncertaintyWeightConfig, passes: StepPasses, generator: torch.Generator) -> Deviations:
    """Computes σ as `uncertainty` says, of the student or of the teacher, at the size of the student's logits.

    Raises:
        ValueError: the teacher's is asked for, and there is none, or it cannot be sampled.
    """
    whose, size = passes.teacher if config.asks_teacher else passes.student, passes.target.labels.shape[-2:]
    if whose is None:
        raise ValueError(f"uncertainty: {config.uncertainty} needs a teacher; give one, or take mc or entropy")
    if config.samples_passes:
        if not isinstance(whose.network, Network) or whose.trunk is None:
            raise ValueError("uncertainty: a segmenter of transformers has no stochastic passes; take teacher-entropy")
        found = sample_deviations(config, whose.network, whose.trunk, size, generator)
    else:
        of_logits = margin_uncertainty if config.uncertainty == "margin" else entropy_uncertainty
        once = of_logits(whose.logits)
        resized = config.deviation_at == "labels"
        found = Deviations(once, of_logits(resize_align_corners(whose.logits, size)) if resized else once)
    at_logits, for_task = found.at_logits, found.for_task
    if config.shuffle:
        at_logits = shuffle_pixels(found.at_logits, generator)
        for_task = at_logits if for_task is found.at_logits else shuffle_pixels(for_task, generator)
    at_logits = resize_align_corners(at_logits, passes.student.logits.shape[-2:])
    return Deviations(at_logits, for_task, whose.logits.detach())


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


def _shares(deviations: Deviations, sigma: Tensor, merging: DeviationMerging) -> Tensor | None:
    return deviations.probabilities(sigma) if merging == "class" else None


def _mean(weight: Float[Tensor, "*shape"], counted: Bool[Tensor, "*shape"] | None) -> Float[Tensor, ""]:
    """Returns the mean of the counted weights, 1 if none is."""
    return (weight if counted is None else weight.where(counted, torch.nan)).nanmean().nan_to_num(1.0)


def _summary(weight: Float[Tensor, "*shape"], counted: Bool[Tensor, "*shape"] | None) -> dict[str, Tensor]:
    """Returns mean and maximum of the counted weights; 1 if there is none."""
    largest = weight if counted is None else weight.where(counted, 0.0)
    most = largest.amax()
    return {"weight_mean": _mean(weight, counted), "weight_max": most.where(most > 0, 1.0)}
