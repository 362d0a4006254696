"""Adversarial distillation: losses of the student and of the discriminator between student and teacher.

Scores may have any shape: means are over all of them. An argument `draws` is the draw itself or a generator to draw it
from, on the device of the maps; None is torch's global generator.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32


def hinge_loss(real: Float[Tensor, "..."], fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Computes the discriminator's hinge loss, at least 0: 0 if teachers score above 1 and students below -1.

    Source: CIRKD, losses/adv.py (hinge); golden skd_holistic.
    """
    return F.relu(1 - at_least_float32(real)).mean() + F.relu(1 + at_least_float32(fake)).mean()


def wasserstein_loss(real: Float[Tensor, "..."], fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Computes the discriminator's Wasserstein loss, unbounded: the student's mean score minus the teacher's.

    It needs `gradient_penalty` beside it.

    Source: SKD (Liu et al., CVPR 2019), as in CIRKD, losses/adv.py (wgan-gp); golden skd_holistic.
    """
    return at_least_float32(fake).mean() - at_least_float32(real).mean()


def adversarial_loss(fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """Computes the student's loss for either discriminator, unbounded: minus its mean score."""
    return -at_least_float32(fake).mean()


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Float[Tensor, "b k h w"],
    fake: Float[Tensor, "b k h w"],
    draws: Float[Tensor, "b 1 1 1"] | torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """Computes the mean squared difference from 1 of the discriminator's slope between teacher and student.

    At least 0; the authors multiply it by 10. `draws` are the shares of `real` in [0, 1], one per image. Only the
    discriminator gets a gradient. A slope of exactly 0 counts as 1 and has no gradient, where a plain norm gives NaN.
    Like any forward pass, this one updates singular vectors and running statistics.

    Raises:
        ValueError: `real` and `fake` differ in shape.

    Source: Gulrajani et al., NeurIPS 2017, Eq. 3; SKD and CIRKD, losses/adv.py; golden skd_holistic.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"teacher and student must agree in shape to mix, got {tuple(real.shape)}, {tuple(fake.shape)}; resize one"
        )
    real, fake = at_least_float32(real.detach()), at_least_float32(fake.detach())
    share = draws.to(real) if isinstance(draws, Tensor) else _uniform(real, draws)
    graded = torch.is_grad_enabled()
    with torch.enable_grad(), torch.autocast(real.device.type, enabled=False):
        mixed = (share * real + (1 - share) * fake).requires_grad_()
        scores = discriminator(mixed)
        (slopes,) = torch.autograd.grad(scores.sum(), mixed, create_graph=graded)
    squares = slopes.flatten(1).square().sum(dim=1)
    return (squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt() - 1).square().mean()


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand((len(like), 1, 1, 1), generator=generator, dtype=like.dtype, device=like.device)
