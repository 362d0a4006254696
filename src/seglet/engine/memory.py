"""Less memory in training: frozen teachers sharded over the devices, and maps of the student computed twice.

Neither changes a weight: sharded weights are gathered before they are used, and what is computed again is the same.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from seglet.engine.settings import Settings
from seglet.methods.base import Method
from seglet.models.distillation.teachers import Frozen
from seglet.models.layers.dropout import StochasticModule
from seglet.values import ConfigError

_LISTS = nn.ModuleList | nn.Sequential
_KEY = "activation_checkpointing"


def check_memory_settings(settings: Settings) -> None:
    """Checks that settings of memory go with the others.

    Raises:
        ConfigError: they do not.
    """
    for name, given in (("strategy: fsdp", settings.strategy == "fsdp"), (_KEY, settings.activation_checkpointing)):
        if given and settings.compile:
            raise ConfigError(f"{name} and compile both replace blocks of networks; leave one out")


def network_blocks(part: nn.Module) -> Iterator[nn.Module]:
    """Yields the blocks of a network: what its lists hold, on the highest level that is no list itself."""
    for child in part.children():
        if isinstance(part, _LISTS) and not isinstance(child, _LISTS) and next(child.parameters(), None) is not None:
            yield child
        else:
            yield from network_blocks(child)


def shard_teachers(method: Method[Any], device: torch.device) -> list[str]:
    """Divides the weights of frozen teachers, block by block, over all processes, and moves them to the device.

    Before a block computes, its weights are gathered, and afterwards let go. All processes have to run a teacher
    equally often. The student, what it holds, and moving averages stay whole, and so do weights outside of blocks.

    Returns:
        The names, within the method, of the weights that are divided.
    """
    from torch.distributed import get_world_size
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (get_world_size(),))
    own = set(method.segmenter().modules())
    teachers = [part for part in method.modules() if isinstance(part, Frozen) and part not in own]
    blocks = dict.fromkeys(block for teacher in teachers for block in network_blocks(teacher) if block not in own)
    for block in blocks:
        fully_shard(block, mesh=mesh)
    divided = {id(weight) for block in blocks for weight in block.parameters()}
    return [name for name, weight in method.named_parameters() if id(weight) in divided]


@contextlib.contextmanager
def checkpointed_student(method: Method[Any]) -> Iterator[None]:
    """Lets the blocks of the student's backbone keep their input alone in training, within the block.

    Their maps are computed again in the backward pass, with the same random numbers, and without counting in the
    statistics of batch norm twice. Names of weights stay as they are.
    """
    blocks = list(dict.fromkeys(network_blocks(method.segmenter().network.backbone)))
    kinds = [type(block) for block in blocks]
    for block, kind in zip(blocks, kinds, strict=True):
        block.__class__ = type(kind.__name__, (_Checkpointed, kind), {})
    try:
        yield
    finally:
        for block, kind in zip(blocks, kinds, strict=True):
            block.__class__ = kind


class _Checkpointed(nn.Module):
    """The forward pass of a block, in front of its own class."""

    def forward(self, *given: Any, **named: Any) -> Any:
        plain = super().forward
        if not (self.training and torch.is_grad_enabled()) or _observed(self):
            return plain(*given, **named)
        return checkpoint(plain, *given, use_reentrant=False, context_fn=partial(_passes, self), **named)


def _observed(block: nn.Module) -> bool:
    """Returns True while a hook takes maps from within, or a generator that goes on gives the noise."""
    inside = [part for part in block.modules() if part is not block]
    noisy = any(isinstance(part, StochasticModule) and part.generator is not None for part in inside)
    return noisy or any(part._forward_hooks for part in inside)


def _passes(
    block: nn.Module,
) -> tuple[contextlib.AbstractContextManager[None], contextlib.AbstractContextManager[None]]:
    return contextlib.nullcontext(), _statistics_kept(block)


@contextlib.contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Lets batch norms take the statistics of the batch, as before, and give no weight to them in their own."""
    norms = [part for part in block.modules() if isinstance(part, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
