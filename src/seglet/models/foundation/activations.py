"""Access to the activations inside a frozen network, for gradients with respect to them.

Axes: b images, t tokens, c channels.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn


@contextlib.contextmanager
def graph_from(module: nn.Module) -> Iterator[list[Float[Tensor, "b t c"]]]:
    """Makes the graph of gradients begin at the output of a module within the block, and collects this output.

    What the network computes is unchanged. Nothing before the module is part of the graph, which keeps it small.
    """
    outputs: list[Tensor] = []

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1]

    handle = module.register_forward_hook(hook)
    try:
        yield outputs
    finally:
        handle.remove()
