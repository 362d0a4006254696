"""Teachers: networks that are never trained by gradient."""

import copy
from collections.abc import MutableMapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from seglet.models.network import Network
from seglet.models.segmenter import load
from seglet.types import Classes

_Net = TypeVar("_Net", bound=nn.Module)


class Frozen(nn.Module, Generic[_Net]):
    """A pretrained network that never changes, stays in evaluation mode and never enters a checkpoint.

    A module that holds one still loads strictly. Gradients pass through to its inputs, which prompts and adapters need.
    """

    network: _Net

    def __init__(self, network: _Net) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()
        self.register_state_dict_post_hook(_drop_weights)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_keep_own_weights)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> "Frozen[_Net]":
        """Stays in evaluation mode whatever `mode` is."""
        return super().train(False)

    def forward(self, *args: Any) -> Any:
        return self.network(*args)


def _drop_weights(module: nn.Module, state: MutableMapping[str, Any], prefix: str, metadata: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        del state[name]


def _keep_own_weights(module: nn.Module, state: MutableMapping[str, Any], prefix: str, *rest: Any) -> None:
    own: Tensor | nn.Module = module.network
    if isinstance(own, nn.Module):
        state.update(own.state_dict(prefix=f"{prefix}network."))


def load_teacher(source: str, classes: Classes) -> Frozen[Network]:
    """Loads the network of a saved segmenter, frozen.

    Raises:
        ValueError: its classes are not `classes`, or are in another order.
    """
    teacher = load(source)
    if teacher.classes.names != classes.names:
        raise ValueError(
            f"the teacher {source} and the data have different classes; "
            f"the teacher's {len(teacher.classes)}: {', '.join(teacher.classes.names)}; "
            f"the data's {len(classes)}: {', '.join(classes.names)}; "
            "train a teacher on data with these classes in this order (seglet train configs/supervised/…), or none"
        )
    return Frozen(teacher.network)


class EMA(nn.Module, Generic[_Net]):
    """Exponential moving average of a student; checkpointed, always in evaluation mode.

    Parameters and floating buffers are averaged, integer buffers copied. Call `update` once an optimiser step.

    Args:
        momentum: share of itself that the average keeps in a step, in [0, 1].
        ramp: keep less during the first steps, min(1 - 1/step, momentum), so that the first update is a copy
            (Tarvainen and Valpola, NeurIPS 2017, as UniMatch does it).
    """

    network: _Net

    def __init__(self, student: _Net, momentum: float, ramp: bool = True) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ValueError(f"expected an EMA momentum in [0, 1], got {momentum}")
        self.network = copy.deepcopy(student).requires_grad_(False).eval()
        self.momentum = momentum
        self.ramp = ramp

    def train(self, mode: bool = True) -> "EMA[_Net]":
        """Stays in evaluation mode whatever `mode` is."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, *args: Any) -> Any:
        return self.network(*args)

    @torch.no_grad()
    def update(self, student: _Net, step: int) -> None:
        """Updates the average after the student's `step`-th optimiser step, counted from 1."""
        if step < 1:
            raise ValueError(f"expected steps counted from 1, got {step}")
        keep = min(1 - 1 / step, self.momentum) if self.ramp else self.momentum
        for mine, theirs in zip(self.network.state_dict().values(), student.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)
