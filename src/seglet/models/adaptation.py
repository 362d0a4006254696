"""Adaptation of a trained network to images of another domain that have no labels, such as night for a network of day.

AdaBN: Li et al., Revisiting Batch Normalization for Practical Domain Adaptation, 2016. TENT: Wang et al., ICLR 2021.
Axes: b images, k classes, h rows, w columns.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seglet.models.freezing import batch_norms
from seglet.models.network import Network

Batches = Iterable[Float[Tensor, "b planes h w"]]


class ChannelMoments:
    """Mean and variance of each channel over all that a layer has seen, in double precision."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.total = torch.zeros(channels, dtype=torch.float64)
        self.squares = torch.zeros(channels, dtype=torch.float64)

    def add(self, values: Float[Tensor, "b c *rest"]) -> None:
        """Adds the values of a batch."""
        flat = values.detach().double().transpose(0, 1).flatten(1)
        self.count += flat.shape[1]
        self.total += flat.sum(1).cpu()
        self.squares += flat.square().sum(1).cpu()

    @property
    def mean(self) -> Float[Tensor, " c"]:
        """Means of the channels."""
        return self.total / self.count

    @property
    def variance(self) -> Float[Tensor, " c"]:
        """Variances of the channels, with the denominator n - 1, as a batch norm keeps them."""
        spread = (self.squares / self.count - self.mean.square()).clamp_min(0)
        return spread * self.count / max(self.count - 1, 1)


@contextmanager
def _batch_statistics(norms: Iterable[_BatchNorm]) -> Iterator[None]:
    """Lets the norms see their batch, and keep what they have stored."""
    norms = list(norms)
    before = [(norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for norm, (training, tracks) in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, tracks


@torch.no_grad()
def reestimate_batch_norms(network: Network, batches: Batches, blend: float = 1.0) -> None:
    """Replaces the statistics of a network's batch norms by those of the images.

    In the one pass each norm sees its batch; the statistics are those of all images together, so the spread between
    batches counts. Everything else of the network is as in evaluation.

    Args:
        network: changed in place, in evaluation mode afterwards.
        batches: images in [0, 1] as the network takes them; read once.
        blend: share of the new statistics, the rest being the old.

    Raises:
        ValueError: the network has no batch norm, there are no images, or the blend is not in [0, 1].
    """
    norms = _norms(network)
    if not 0 <= blend <= 1:
        raise ValueError(f"blend: expected a share from 0 to 1, got {blend}")
    moments = [ChannelMoments(norm.num_features) for norm in norms]
    network.eval()
    watched = [
        norm.register_forward_pre_hook(lambda _, given, seen=seen: seen.add(given[0]))
        for norm, seen in zip(norms, moments, strict=True)
    ]
    try:
        with _batch_statistics(norms):
            for batch in batches:
                network(batch)
    finally:
        for handle in watched:
            handle.remove()
    if not any(seen.count for seen in moments):
        raise ValueError("there are no images to adapt to")
    for norm, seen in zip(norms, moments, strict=True):
        if not seen.count or norm.running_mean is None or norm.running_var is None:
            continue  # an auxiliary head does not run in evaluation mode
        norm.running_mean.lerp_(seen.mean.to(norm.running_mean), blend)
        norm.running_var.lerp_(seen.variance.to(norm.running_var), blend)


def batch_norm_statistics(network: Network) -> dict[str, Tensor]:
    """Returns a copy of the stored statistics of a network's batch norms, by their names in its state."""
    kinds = ("running_mean", "running_var")
    return {
        f"{name}.{kind}": getattr(part, kind).clone()
        for name, part in network.named_modules()
        if isinstance(part, _BatchNorm) and part.running_mean is not None
        for kind in kinds
    }


def _norms(network: Network) -> list[_BatchNorm]:
    norms = [norm for norm in batch_norms(network) if norm.running_mean is not None]
    if not norms:
        raise ValueError("this network has no batch norm, so there are no statistics to adapt")
    return norms


def entropy(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b h w"]:
    """Computes the entropy of each pixel's prediction divided by log k, in [0, 1]."""
    logs = logits.float().log_softmax(1)
    spread: Tensor = -(logs.exp() * logs).sum(1)
    return spread / torch.log(torch.tensor(float(logits.shape[1])))


def minimise_entropy(network: Network, batches: Batches, rate: float = 1e-3) -> list[float]:
    """Trains scale and shift of the batch norms for surer predictions (TENT); returns the mean entropy of each step.

    Each norm sees its batch. Stored statistics stay: re-estimate them afterwards.

    Raises:
        ValueError: the network has no batch norm.
    """
    norms = _norms(network)
    parameters = [p for norm in norms for p in (norm.weight, norm.bias) if p is not None]
    network.eval().requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(parameters, rate)
    found = []
    with _batch_statistics(norms):
        for batch in batches:
            loss = entropy(network(batch).logits).mean()
            found.append(_step(loss, optimiser))
    network.requires_grad_(True)
    return found


def train_on_own_labels(
    network: Network,
    batches: Batches,
    rate: float = 1e-4,
    keep: float = 0.99,
    disturb: Callable[[Tensor], Tensor] = lambda images: images,
) -> list[float]:
    """Trains a network on the labels of its own moving average; returns the loss of each step.

    A pixel counts by 1 - H / log k, the certainty of the average's one pass: the uncertainty that FOTF weights up where
    a teacher knows better is weighted down here, where nobody does.

    Args:
        network: becomes the moving average, in evaluation mode.
        batches: images in [0, 1].
        rate: of AdamW, over all parameters.
        keep: share of itself that the average keeps in a step.
        disturb: what the trained network sees in place of an image, at the same places.
    """
    student = copy.deepcopy(network)
    network.eval().requires_grad_(False)
    student.eval().requires_grad_(True)
    optimiser = torch.optim.AdamW(student.parameters(), rate)
    found = []
    with _batch_statistics(batch_norms(student)):
        for batch in batches:
            with torch.no_grad():
                guess = network(batch).logits
                labels, certain = guess.argmax(1), 1 - entropy(guess)
            losses = nn.functional.cross_entropy(student(disturb(batch)).logits.float(), labels, reduction="none")
            found.append(_step((certain * losses).mean(), optimiser))
            with torch.no_grad():
                for mine, theirs in zip(network.parameters(), student.parameters(), strict=True):
                    mine.lerp_(theirs, 1 - keep)
    network.requires_grad_(True)
    return found


def _step(loss: Tensor, optimiser: torch.optim.Optimizer) -> float:
    """Takes an optimiser step; returns the loss.

    Raises:
        ValueError: it is not finite.
    """
    if not loss.isfinite():
        raise ValueError(f"the loss of the adaptation is {loss.item()}; lower its rate")
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()
