"""Dropout whose masks come from a generator the caller can name.

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


class Noise(nn.Module, ABC):
    """A module that draws in training mode, from `generator` or, while that is None, from torch's global one."""

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"expected a dropout probability in [0, 1), got {p}")
        self.p = p
        self.generator: torch.Generator | None = None

    def draw(self, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        """0 with probability p, else 1 / (1 - p), so that the mean is 1."""
        kept = torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - self.p, generator=self.generator)
        return kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(Noise):
    """Zeroes single values, or whole channels of an image if `channelwise`."""

    def __init__(self, p: float, channelwise: bool = False) -> None:
        super().__init__(p)
        self.channelwise = channelwise

    def mask(self, features: Float[Tensor, "b c h w"]) -> Tensor:
        """The factors that `forward` would multiply by: [b, c, 1, 1] if channelwise, else the shape of `features`."""
        return self.draw(features, (*features.shape[:2], 1, 1) if self.channelwise else tuple(features.shape))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if not (self.training and self.p > 0):
            return features
        return features * self.mask(features)


class DropPath(Noise):
    """Leaves out a residual branch for whole images (stochastic depth); no dropout and in no MC pass."""

    def forward(self, branch: Float[Tensor, "b *rest"]) -> Float[Tensor, "b *rest"]:
        if not (self.training and self.p > 0):
            return branch
        return branch * self.draw(branch, (branch.shape[0], *[1] * (branch.ndim - 1)))


@contextlib.contextmanager
def drawing_from(module: nn.Module, generator: torch.Generator | None) -> Iterator[None]:
    """Within the block, all noise inside `module` comes from `generator` (which must live on the same device)."""
    noises = [part for part in module.modules() if isinstance(part, Noise)]
    before = [noise.generator for noise in noises]
    try:
        for noise in noises:
            noise.generator = generator
        yield
    finally:
        for noise, previous in zip(noises, before, strict=True):
            noise.generator = previous


def dropouts(module: nn.Module) -> list[nn.Module]:
    """The dropout modules inside, ours and torch's own, that would drop something in training mode."""
    found = [part for part in module.modules() if isinstance(part, Dropout | _DropoutNd)]
    return [part for part in found if float(part.p) > 0]


def has_active_dropout(module: nn.Module) -> bool:
    """Whether two passes in training mode would differ by dropout."""
    return bool(dropouts(module))
