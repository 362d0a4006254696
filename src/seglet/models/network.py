"""A backbone and a head, which together give logits, the feature that is distilled and auxiliary logits."""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Backbone
from seglet.models.heads.base import Head

_Module = TypeVar("_Module", bound=nn.Module)


@dataclass(frozen=True)
class Embedding:
    """Output of the deterministic part of a network."""

    trunk: Float[Tensor, "b c h w"]
    auxiliary_in: Float[Tensor, "b d h2 w2"] | None
    """Input of the auxiliary head; None if the network has none."""


@dataclass(frozen=True)
class NetworkOutput:
    """Output of a network at the head's own resolution: 1/8 of the image for most networks, 1/4 for SegFormer.

    `feature` is the map that feature distillation compares; `auxiliary` is None outside training.
    """

    logits: Float[Tensor, "b k h w"]
    feature: Float[Tensor, "b c h w"]
    auxiliary: Float[Tensor, "b k h2 w2"] | None


class DivergedError(ValueError):
    """A network's logits are no numbers, whatever the image: its masks would be class 0 everywhere."""


def finite_logits(logits: Float[Tensor, "b k _ _"]) -> Float[Tensor, "b k _ _"]:
    """Returns the logits themselves; some may be minus infinity, which rules a class out.

    Raises:
        DivergedError: those of a pixel are NaN, infinite or all ruled out.
    """
    highest = logits.detach().amax(dim=1)
    if bool(highest.isfinite().all()):
        return logits
    wrong = highest[~highest.isfinite()]
    raise DivergedError(
        f"the network's logits are {float(wrong[0])} at {wrong.numel()} of {highest.numel()} places, so no class can "
        "be named: it diverged or computes in half precision; choose another model, or train with a lower learning rate"
    )


class Network(nn.Module):
    """A backbone and a head; an auxiliary head, if there is one, runs in training mode only.

    `forward` is `embed`, then `decode`, whose first part is `classify`.
    """

    frozen: tuple[str, ...] = ()
    """Names of parts that stay in evaluation mode; see `freeze_backbone`."""

    def __init__(self, backbone: Backbone, head: Head, auxiliary: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.auxiliary = auxiliary

    def train(self, mode: bool = True) -> "Network":
        """Sets the mode of all parts but the frozen ones, which always compute as in evaluation."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def embed(self, images: Float[Tensor, "b planes h w"]) -> Embedding:
        """Runs the backbone, and the head up to its first dropout; images may have depth as a fourth channel."""
        stages = self.backbone(images)
        return Embedding(self.head.stem(stages), None if self.auxiliary is None else stages[2])

    def classify(self, trunk: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b k h w"], Float[Tensor, "b d h w"]]:
        """Returns logits and feature of a trunk: the head from its first dropout on."""
        logits, feature = self.head.tail(trunk)
        return logits, feature

    def decode(self, embedding: Embedding) -> NetworkOutput:
        """Returns the output for an embedding: the rest of `forward`, for callers that need the embedding too."""
        logits, feature = self.classify(embedding.trunk)
        if self.auxiliary is None or embedding.auxiliary_in is None or not self.training:
            return NetworkOutput(logits, feature, None)
        return NetworkOutput(logits, feature, self.auxiliary(embedding.auxiliary_in))

    def forward(self, images: Float[Tensor, "b planes h w"]) -> NetworkOutput:
        return self.decode(self.embed(images))


@contextlib.contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Puts a module into evaluation mode within the block; each part then returns to its own mode."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)
"""Registries of a module's hooks, which a shallow copy would share."""


def evaluation_copy(module: _Module) -> _Module:
    """Returns a copy in evaluation mode that shares every weight and buffer with the module.

    Modes and sources of noise are the copy's own, so threads that compute with copies do not disturb each other, and
    the module may be in any mode meanwhile.
    """
    return _with_own_parts(module, {}).eval()


def _with_own_parts(module: _Module, made: dict[nn.Module, nn.Module]) -> _Module:
    """Copies a tree of modules; `made` has the copies of those that occur more than once."""
    own = made[module] = copy.copy(module)
    for hooks in _HOOKS:  # transformers adds some at the first call of each copy
        setattr(own, hooks, getattr(module, hooks).copy())
    own._modules = {
        name: None if part is None else made[part] if part in made else _with_own_parts(part, made)
        for name, part in module._modules.items()
    }
    return own
