"""κ and m that follow the uncertainty of a student in training, so that the mean weight stays where it is wanted.

The paper names such a choice as future work (FOTF Sec. 6), in place of its search over a grid.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from seglet.losses.uncertainty import WeightGrowth, fit_weight_growth

_QUANTILES, _MOST_VALUES, _MOMENTUM = 64, 100_000, 0.99


class AdaptiveGrowth(nn.Module):
    """Running quantiles of σ, and the κ and m for which the weights of that distribution have the wanted mean.

    The first steps count alike, later ones fade with a momentum of 0.99. The state is part of a checkpoint.
    """

    quantiles: Float[Tensor, " q"]
    steps: Int64[Tensor, ""]

    def __init__(self, mean: float, growth: WeightGrowth, max_weight: float | None) -> None:
        super().__init__()
        self.mean, self.growth, self.max_weight = mean, growth, max_weight
        self.register_buffer("quantiles", torch.zeros(_QUANTILES))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(
        self, sigma: Float[Tensor, "*shape"], counted: Bool[Tensor, "*shape"] | None = None
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Takes the σ of a step, where `counted` is true, into the quantiles and returns κ and m."""
        values = (sigma if counted is None else sigma[counted]).flatten().float()
        values = values[:: max(1, len(values) // _MOST_VALUES)]  # torch sorts at most 16 million
        if len(values):
            self.steps += 1
            places = (torch.arange(_QUANTILES, device=values.device) + 0.5) / _QUANTILES
            share = (1 / self.steps).clamp_min(1 - _MOMENTUM)
            self.quantiles.lerp_(values.quantile(places), share.to(self.quantiles))
        return fit_weight_growth(self.quantiles, self.mean, self.growth, self.max_weight)
