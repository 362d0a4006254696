"""Dropout whose masks come from a random generator of the caller's choice.

Torch's own dropout always draws from the global generator, so a Monte-Carlo pass could neither be repeated nor
compared with another implementation.
"""

import contextlib
from abc import ABC
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd


class StochasticModule(nn.Module, ABC):
    """Base of modules that draw in training mode, from `generator` or, if that is None, torch's global one."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"expected a dropout probability in [0, 1), got {p}")
        self.p = p
        self.generator: torch.Generator | None = None

    def draw(self, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Returns factors that are 0 with probability p, else 1 / (1 - p), so that the mean is 1."""
        kept = torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - self.p, generator=self.generator)
        return kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(StochasticModule):
    """Dropout of single values, or of whole channels of an image if `channelwise`."""

    def __init__(self, p: float, channelwise: bool = False) -> None:
        super().__init__(p)
        self.channelwise = channelwise

    def mask(self, features: Float[Tensor, "b c h w"]) -> Tensor:
        """Returns the factors that `forward` multiplies by: [b, c, 1, 1] if channelwise, else like `features`."""
        return self.draw(features, (*features.shape[:2], 1, 1) if self.channelwise else tuple(features.shape))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if not (self.training and self.p > 0):
            return features
        return features * self.mask(features)


class DropPath(StochasticModule):
    """Stochastic depth: leaves out a residual branch for whole images. It is no dropout and acts in no MC pass."""

    def forward(self, branch: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        if not (self.training and self.p > 0):
            return branch
        return branch * self.draw(branch, (branch.shape[0], *[1] * (branch.ndim - 1)))


@contextlib.contextmanager
def noise_from(module: nn.Module, generator: torch.Generator | None) -> Iterator[None]:
    """Lets all stochastic modules inside `module` draw from `generator`, on the same device, within the block."""
    noises = [part for part in module.modules() if isinstance(part, StochasticModule)]
    before = [noise.generator for noise in noises]
    try:
        for noise in noises:
            noise.generator = generator
        yield
    finally:
        for noise, previous in zip(noises, before, strict=True):
            noise.generator = previous


def active_dropouts(module: nn.Module) -> list[nn.Module]:
    """Returns the dropout modules inside, ours and torch's own, that would drop something in training mode."""
    found = [part for part in module.modules() if isinstance(part, Dropout | _DropoutNd)]
    return [part for part in found if float(part.p) > 0]


def has_active_dropout(module: nn.Module) -> bool:
    """Checks whether two passes in training mode would differ by dropout."""
    return bool(active_dropouts(module))
