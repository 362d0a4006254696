"""Reads and changes the attention inside a transformers model, without copying any of its code.

A hook on an attention module receives the probabilities that the library worked out (the models here are loaded with
eager attention: its other kinds never form them). Where they are changed, only the two steps after them are done anew,
with the module's own layers.

Axes: b images, a heads, n tokens, the first of which stands for the whole image and the rest, p, are its patches.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

AttentionChange = Callable[[Float[Tensor, "b a n n"]], Float[Tensor, "b a n n"]]
RecordedAttention = dict[int, Float[Tensor, "b n n"]]
AttentionPairs = Literal["qk", "qq", "kk", "vv", "mean"]
"""Projections that attention compares: queries with keys, as in the model, each with itself, or the mean of these
three."""


@contextlib.contextmanager
def changed_attention(
    modules: Sequence[nn.Module], change: AttentionChange, pairs: AttentionPairs = "qk"
) -> Iterator[None]:
    """Makes attention modules use, within the block, the probabilities that `change` returns.

    Changed probabilities need not sum to one. If `change` returns its argument and pairs are "qk", the module's own
    output stands, bit for bit. Gradients pass through the change.

    Args:
        pairs: projections whose products are the probabilities that `change` receives.

    Source: DiCLIP, Sec. III-C; the projection, the residual and the layers that follow are left as they are.
    """

    def hook(module: Any, inputs: Any, keywords: dict[str, Any], output: tuple[Tensor, Tensor | None]) -> Any:
        tokens = keywords["hidden_states"] if "hidden_states" in keywords else inputs[0]
        weights = pair_attention(module, tokens, _formed(output), pairs)
        changed = change(weights)
        if changed is weights and pairs == "qk":
            return output
        return _mixed(module, tokens, changed), changed

    with _hooked(modules, [hook] * len(modules)):
        yield


@contextlib.contextmanager
def attention_outputs(
    modules: Sequence[nn.Module], change: AttentionChange, pairs: AttentionPairs = "qk", summed: bool = False
) -> Iterator[list[Float[Tensor, "b n c"]]]:
    """Collects what attention modules would return with the probabilities that `change` returns, in their order.

    The model itself runs unchanged within the block.

    Args:
        pairs: projections whose products are the probabilities that `change` receives.
        summed: use the sum of all heads' probabilities in each head, as ExCEL's code does.
    """
    outputs: list[Tensor] = []

    def hook(module: Any, inputs: Any, keywords: dict[str, Any], output: tuple[Tensor, Tensor | None]) -> None:
        tokens = keywords["hidden_states"] if "hidden_states" in keywords else inputs[0]
        weights = change(pair_attention(module, tokens, _formed(output), pairs))
        outputs.append(_mixed(module, tokens, weights.sum(dim=1, keepdim=True) if summed else weights))

    with _hooked(modules, [hook] * len(modules)):
        yield outputs


def pair_attention(
    module: Any, tokens: Float[Tensor, "b n c"], own: Float[Tensor, "b a n n"], pairs: AttentionPairs
) -> Float[Tensor, "b a n n"]:
    """Returns attention probabilities between projections of a module's tokens; for "qk" its `own`.

    Source: q-q and k-k attention of SCLIP (Wang et al., ECCV 2024) and ClearCLIP (Lan et al., ECCV 2024), v-v of CLIP
    Surgery (Li et al., 2023); the mean of the three is ExCEL's code.
    """
    if pairs == "qk":
        return own
    chosen = {"qq": "q", "kk": "k", "vv": "v", "mean": "qkv"}[pairs]
    heads = own.shape[1]
    total = torch.zeros_like(own)
    for letter in chosen:
        vectors = getattr(module, f"{letter}_proj")(tokens).unflatten(-1, (heads, -1)).transpose(1, 2)
        total = total + (vectors @ vectors.mT * vectors.shape[-1] ** -0.5).softmax(dim=-1)
    return total / len(chosen)


def _mixed(module: Any, tokens: Float[Tensor, "b n c"], weights: Float[Tensor, "b _ n n"]) -> Float[Tensor, "b n c"]:
    """Returns a module's output with these probabilities, of each head or one for all."""
    values = module.v_proj(tokens).unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
    mixed: Tensor = module.out_proj(torch.matmul(weights, values).transpose(1, 2).flatten(2))
    return mixed


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
