"""Reads and changes the attention inside a transformers model, without copying any of its code.

A hook on an attention module receives the probabilities that the library worked out (the models here are loaded with
eager attention: its other kinds never form them). Where they are changed, only the two steps after them are done anew,
with the module's own layers.

Axes: b images, a heads, n tokens, the first of which stands for the whole image and the rest, p, are its patches.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

AttentionChange = Callable[[Float[Tensor, "b a n n"]], Float[Tensor, "b a n n"]]
RecordedAttention = dict[int, Float[Tensor, "b n n"]]


@contextlib.contextmanager
def changed_attention(modules: Sequence[nn.Module], change: AttentionChange) -> Iterator[None]:
    """Makes attention modules use, within the block, the probabilities that `change` returns.

    Changed probabilities need not sum to one. If `change` returns its argument, the module's own output stands, bit
    for bit. Gradients pass through the change.

    Source: DiCLIP, Sec. III-C; the projection, the residual and the layers that follow are left as they are.
    """

    def hook(module: Any, inputs: Any, keywords: dict[str, Any], output: tuple[Tensor, Tensor | None]) -> Any:
        weights = _formed(output)
        changed = change(weights)
        if changed is weights:
            return output
        tokens = keywords["hidden_states"] if "hidden_states" in keywords else inputs[0]
        values = module.v_proj(tokens).unflatten(-1, (weights.shape[1], -1)).transpose(1, 2)
        mixed = torch.matmul(changed, values).transpose(1, 2).flatten(2)
        return module.out_proj(mixed), changed

    with _hooked(modules, [hook] * len(modules)):
        yield


@contextlib.contextmanager
def recorded_attention(modules: Sequence[nn.Module]) -> Iterator[RecordedAttention]:
    """Records the attention of each module within the block, by its place in `modules` and averaged over its heads.

    No more than one layer's heads are held at a time, unless gradients are.
    """
    recorded: RecordedAttention = {}

    def keep(layer: int) -> Any:
        def hook(module: Any, inputs: Any, keywords: Any, output: tuple[Tensor, Tensor | None]) -> None:
            recorded[layer] = _formed(output).mean(dim=1)

        return hook

    with _hooked(modules, [keep(layer) for layer in range(len(modules))]):
        yield recorded


@contextlib.contextmanager
def _hooked(modules: Sequence[nn.Module], hooks: Sequence[Any]) -> Iterator[None]:
    pairs = zip(modules, hooks, strict=True)
    handles = [module.register_forward_hook(hook, with_kwargs=True) for module, hook in pairs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _formed(output: tuple[Tensor, Tensor | None]) -> Tensor:
    if output[1] is None:
        raise ValueError(
            "this model never forms its attention matrix; load it with attn_implementation='eager', as seglet does"
        )
    return output[1]


def added_attention(extra: Float[Tensor, "b p p"], weight: float | Float[Tensor, ""]) -> AttentionChange:
    """Returns a change that adds `weight` times a matrix to all heads' attention between patches.

    Raises (when it is used):
        ValueError: `extra` has another number of patches than the model.

    Source: DiCLIP, Eq. 7.
    """

    def change(attention: Float[Tensor, "b a n n"]) -> Float[Tensor, "b a n n"]:
        patches = attention.shape[-1] - 1
        if extra.shape[-2:] != (patches, patches):
            raise ValueError(f"expected an attention matrix of {patches} patches, got {tuple(extra.shape)}; "
                             "resize it to the grid of the model's images")  # fmt: skip
        padded = F.pad(extra.to(attention.dtype), (1, 0, 1, 0))  # nothing from or to the first token
        return attention + weight * padded[:, None]

    return change
