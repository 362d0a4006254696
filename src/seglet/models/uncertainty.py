"""Uncertainty by Monte-Carlo dropout: repeated passes through the tail of a network's head.

Everything before the tail is deterministic, so passing through it once is the same as passing through it each time.
Source: Gal and Ghahramani, ICML 2016; FOTF, Eq. 4 and 5. Axes: t passes.
"""

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seglet.models.heads.base import Tail
from seglet.models.layers.dropout import active_dropouts, has_active_dropout, noise_from
from seglet.models.network import Network
from seglet.tensors import running_mean_and_deviation, wide_dtype

DropoutSites = Literal["all", "last"]
"""Dropouts of the tail that act: all, or only the one before the classifier."""


@torch.no_grad()
def mc_probabilities(
    network: Network,
    trunk: Float[Tensor, "b c h w"],
    samples: int,
    generator: torch.Generator,
    sites: DropoutSites = "all",
) -> Float[Tensor, "t b k h w"]:
    """Returns the class probabilities of each stochastic pass, without gradient.

    Dropout acts even in eval mode. Batch normalisation uses batch statistics in training mode and running ones in eval
    mode, and never changes the running ones.

    Args:
        trunk: `network.embed(images).trunk`.
        generator: where the masks are drawn from; on the device of `trunk`.

    Raises:
        ValueError: no dropout acts in the tail, or all passes came out equal.
    """
    passes = torch.stack(list(_passes(network.head.tail, trunk, samples, generator, sites)))
    _check_spread((passes - passes[0]).abs(), samples)
    return passes


def mc_deviation(
    network: Network,
    trunk: Float[Tensor, "b c h w"],
    samples: int,
    generator: torch.Generator,
    ddof: int = 1,
    sites: DropoutSites = "all",
) -> Float[Tensor, "b k h w"]:
    """Computes the standard deviation of the class probabilities over `samples` passes (FOTF, Eq. 5), in [0, 0.71].

    See `mc_probabilities`; memory does not grow with `samples`. One sample has deviation 0.

    Args:
        ddof: 1 divides the squares by samples - 1, 0 by samples as Eq. 5 prints it.
    """
    return mc_mean_and_deviation(network, trunk, samples, generator, ddof, sites)[1]


@torch.no_grad()
def mc_mean_and_deviation(
    network: Network,
    trunk: Float[Tensor, "b c h w"],
    samples: int,
    generator: torch.Generator,
    ddof: int = 1,
    sites: DropoutSites = "all",
) -> tuple[Float[Tensor, "b k h w"], Float[Tensor, "b k h w"]]:
    """Computes the mean of the class probabilities over the passes, and `mc_deviation`."""
    if ddof not in (0, 1):
        raise ValueError(f"expected ddof 0 or 1, got {ddof}")
    passes = _passes(network.head.tail, trunk, samples, generator, sites)
    mean, deviation = running_mean_and_deviation(passes, ddof)
    _check_spread(deviation, samples)
    return mean, deviation


def _passes(
    tail: Tail, trunk: Tensor, samples: int, generator: torch.Generator, sites: DropoutSites
) -> Iterator[Float[Tensor, "b k h w"]]:
    if samples < 1:
        raise ValueError(f"expected at least 1 Monte-Carlo sample, got {samples}")
    if not has_active_dropout(tail.dropout if sites == "last" else tail):
        raise ValueError("the head has no dropout, so Monte-Carlo passes would be equal; set `dropout` above 0")
    with _only_dropout_acts(tail, sites), noise_from(tail, generator):
        steady = sites == "last" or not has_active_dropout(tail.body)
        feature = tail.body(trunk) if steady else None
        for _ in range(samples):
            logits, _ = tail(trunk) if feature is None else tail.classify_feature(feature)
            yield logits.softmax(dim=1, dtype=wide_dtype(logits))


@contextlib.contextmanager
def _only_dropout_acts(tail: Tail, sites: DropoutSites) -> Iterator[None]:
    """Turns on the chosen dropouts, and keeps batch normalisation from updating its statistics."""
    acting: list[nn.Module] = active_dropouts(tail.dropout if sites == "last" else tail)
    resting = [part for part in active_dropouts(tail) if part not in acting]
    norms = [part for part in tail.modules() if isinstance(part, _BatchNorm)]
    modes = [(part, part.training) for part in [*acting, *resting]]
    tracking = [(norm, norm.track_running_stats) for norm in norms]
    try:
        for part in [*acting, *resting]:
            part.training = part in acting
        for norm in norms:
            norm.track_running_stats = False
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for norm, tracked in tracking:
            norm.track_running_stats = tracked


def _check_spread(spread: Tensor, samples: int) -> None:
    if samples > 1 and not bool(spread.any()):
        raise ValueError(
            f"all {samples} Monte-Carlo passes are equal although dropout is on: the feature it acts on is zero "
            "everywhere, or the logits are so large that probabilities are all 0 or 1"
        )
