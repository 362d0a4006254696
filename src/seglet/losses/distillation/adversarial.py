"""Losses of a discriminator, and of a student that wants to be taken for its teacher.

Scores may have any shape: means are over all of them. Where an argument is `draws`, give the draw itself, or a
generator to draw it from, on the device of the maps; None is torch's global generator.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from seglet.tensors import at_least_float32


def hinge(real: Float[Tensor, "..."], fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The discriminator's loss, at least 0: scores of the teacher should exceed 1, of the student fall below -1.

    Source: CIRKD, losses/adv.py (hinge); golden skd_holistic.
    """
    return F.relu(1 - at_least_float32(real)).mean() + F.relu(1 + at_least_float32(fake)).mean()


def wasserstein(real: Float[Tensor, "..."], fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The discriminator's loss, unbounded: how much higher the student's mean score is than the teacher's.

    To be trained with `gradient_penalty`.

    Source: SKD (Liu et al., CVPR 2019), as in CIRKD, losses/adv.py (wgan-gp); golden skd_holistic.
    """
    return at_least_float32(fake).mean() - at_least_float32(real).mean()


def fooling(fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The student's loss for either discriminator, unbounded: minus its mean score."""
    return -at_least_float32(fake).mean()


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Float[Tensor, "b k h w"],
    fake: Float[Tensor, "b k h w"],
    draws: Float[Tensor, "b 1 1 1"] | torch.Generator | None = None,
) -> Float[Tensor, ""]:
    """How far the discriminator's slope is from 1 between teacher and student: the mean square over images.

    At least 0; the authors multiply it by 10. `draws` are the shares of `real` in [0, 1], one an image. Gradient
    reaches the discriminator alone. A slope of exactly 0 counts 1 and has no gradient, where a plain norm gives
    NaN. The extra pass moves what other passes move: singular vectors, running statistics.

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
