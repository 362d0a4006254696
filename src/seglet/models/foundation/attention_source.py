"""Affinity of image regions, read from the self-attention of Stable Diffusion.

Axes: b images, p tokens of a grid, row by row, c channels of all heads together, z channels of a latent, h and w rows
and columns.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.loading import check_finite
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.tensors import resize_half_pixel
from seglet.types import TensorRecord

_Size = tuple[int, int]
NoiseGenerators = torch.Generator | Sequence[torch.Generator]


@dataclass(frozen=True)
class QueriesKeys(TensorRecord):
    """Queries and keys of one self-attention layer at each place of a grid; channels lie head after head.

    `scale` multiplies the products before the softmax; `grid` has the rows and columns of the places.
    """

    layer: str
    heads: int
    scale: float
    grid: tuple[int, int]
    queries: Float[Tensor, "b p c"]
    keys: Float[Tensor, "b p c"]

    def on_grid(self, grid: tuple[int, int]) -> "QueriesKeys":
        """Returns the queries and keys resized bilinearly to another grid over the same image."""
        queries, keys = (_on_grid(tokens, self.grid, grid) for tokens in (self.queries, self.keys))
        return replace(self, grid=grid, queries=queries, keys=keys)

    def attention(self) -> Float[Tensor, "b p p"]:
        """Returns attention probabilities averaged over the heads, in single precision; rows sum to one."""
        b, p, _ = self.queries.shape
        mean = torch.zeros(b, p, p, device=self.queries.device)
        for query, key in zip(self.queries.chunk(self.heads, 2), self.keys.chunk(self.heads, 2), strict=True):
            mean += (query.float() @ key.float().mT * self.scale).softmax(dim=-1)
        return mean / self.heads


class AttentionSource(nn.Module):
    """Reads self-attention layers of a UNet's decoder in a single pass with the null prompt.

    Args:
        layers: names of layers as in `names`, or beginnings of names such as up_blocks.3; all decoder layers if none.
        size: height and width that images are resized to; the native ones of the diffusion model if None.
        timestep: how noisy the image is made, from 0 to 999 in the real models (100 as in DiffSegmenter, on which
            DiCLIP builds).

    Source: DiCLIP, Sec. III-C; Wang et al., Diffusion model is secretly a training-free open vocabulary semantic
    segmenter, TIP 2025.
    """

    null: Tensor

    def __init__(
        self,
        model: StableDiffusion,
        layers: Sequence[str] = (),
        size: _Size | None = None,
        timestep: int = 100,
    ) -> None:
        super().__init__()
        self.model = model
        self.size = model.working_size(size)
        self.layers = _chosen(decoder_attention_layers(model.unet), layers)
        steps = model.scheduler.config.num_train_timesteps
        if not 0 <= timestep < steps:
            raise ValueError(f"expected a timestep from 0 to {steps - 1}, got {timestep}")
        self.timestep = timestep
        self.signal = float(_alphas(model.scheduler)[timestep])
        """Share of the image in the variance of the noisy one."""
        with torch.no_grad():
            null = model.text.tokens([""], padded=True).states
        self.register_buffer("null", null, persistent=False)

    @torch.no_grad()
    def queries_and_keys(
        self, images: Float[Tensor, "b 3 y x"] | Sequence[Float[Tensor, "3 _ _"]], noise: NoiseGenerators
    ) -> tuple[QueriesKeys, ...]:
        """Returns queries and keys of the chosen layers, each on its own grid over the whole image.

        `images` is a batch, or several images of any sizes. `noise` is one generator, whose one draw serves all images,
        or a generator for each image. Either way an image's result does not depend on the others.

        Raises:
            ValueError: there are not as many generators as images, or a query or key is not finite.
        """
        batches = [images] if isinstance(images, Tensor) else [image[None] for image in images]
        latents = self.model.latents(torch.cat([self.model.resize_images(batch, self.size) for batch in batches]))
        noisy = self.signal**0.5 * latents + (1 - self.signal) ** 0.5 * draw_noise(noise, latents)
        with _catching(self.model.unet, self.layers) as caught, contextlib.suppress(_CaughtAllError):
            self.model.unet(noisy, self.timestep, encoder_hidden_states=self.null.expand(len(noisy), -1, -1))
        for _, values in caught.values():
            check_finite(values, "the diffusion model's attention in these images", self.model.unet)
        attentions: dict[str, Any] = {layer: self.model.unet.get_submodule(layer) for layer in self.layers}
        return tuple(
            QueriesKeys(layer, module.heads, module.scale, *_same_grid(caught, layer))
            for layer, module in attentions.items()
        )

    def attention(
        self, images: Float[Tensor, "b 3 y x"] | Sequence[Float[Tensor, "3 _ _"]], grid: _Size, noise: NoiseGenerators
    ) -> Float[Tensor, "b p p"]:
        """Returns attention averaged over the heads of each layer, then over the chosen layers; rows sum to one."""
        return mean_attention(self.queries_and_keys(images, noise), grid)

    def identity(self) -> str:
        """Returns an identifier of the exact weights; layers, size and timestep are settings and belong beside it."""
        return self.model.identity()


def mean_attention(layers: Sequence[QueriesKeys], grid: tuple[int, int]) -> Float[Tensor, "b p p"]:
    """Returns attention on a grid, averaged over the heads of each layer, then over the layers; rows sum to one.

    The heads of a layer are never held together, nor are the layers' attentions.
    """
    mean = layers[0].on_grid(grid).attention()
    for layer in layers[1:]:
        mean += layer.on_grid(grid).attention()
    return mean / len(layers)


def decoder_attention_layers(unet: nn.Module) -> tuple[str, ...]:
    """Returns the names of all self-attention layers of the decoder, coarse to fine."""
    return tuple(name for name, _ in unet.named_modules() if name.startswith("up_blocks.") and name.endswith(".attn1"))


def _chosen(names: tuple[str, ...], wanted: Sequence[str]) -> tuple[str, ...]:
    for name in wanted:
        if not any(f"{layer}.".startswith(f"{name}.") for layer in names):
            raise ValueError(f"no self-attention of the decoder is called {name!r} or lies in it; "
                             f"choose from {', '.join(names)}")  # fmt: skip
    return tuple(layer for layer in names if not wanted or any(f"{layer}.".startswith(f"{name}.") for name in wanted))


def _alphas(scheduler: Any) -> Tensor:
    """Returns the share of the image in the variance at each timestep."""
    return torch.as_tensor(scheduler.alphas_cumprod)


def draw_noise(noise: NoiseGenerators, latents: Float[Tensor, "b z h w"]) -> Float[Tensor, "b z h w"]:
    """Draws standard normal noise for each latent; a single generator draws once for all.

    Raises:
        ValueError: there are not as many generators as latents.
    """
    if isinstance(noise, torch.Generator):
        return _draw(noise, latents).expand_as(latents)
    if len(noise) != len(latents):
        raise ValueError(f"expected one generator, or one for each of {len(latents)} images, got {len(noise)}")
    return torch.cat([_draw(generator, latents) for generator in noise])


def _draw(generator: torch.Generator, latents: Tensor) -> Tensor:
    return torch.randn(1, *latents.shape[1:], generator=generator, device=generator.device).to(latents)


class _CaughtAllError(Exception):
    """Signals that all layers were recorded, so that the rest of the UNet need not run."""


@contextlib.contextmanager
def _catching(unet: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, tuple[_Size, Tensor]]]:
    """Records the grid and the outputs of the layers' to_q and to_k, and stops the UNet after the last one.

    Raises (in the UNet):
        _CaughtAllError: nothing is left to be caught.
    """
    caught: dict[str, tuple[_Size, Tensor]] = {}
    shapes: dict[str, _Size] = {}

    def measure(block: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            shapes[block] = tuple(inputs[0].shape[-2:])

        return hook

    def keep(name: str, block: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            caught[name] = shapes[block], output
            if len(caught) == 2 * len(layers):
                raise _CaughtAllError

        return hook

    handles = []
    for layer in layers:
        block = layer.partition(".transformer_blocks.")[0]
        handles.append(unet.get_submodule(block).register_forward_pre_hook(measure(block)))
        for name in (f"{layer}.to_q", f"{layer}.to_k"):
            handles.append(unet.get_submodule(name).register_forward_hook(keep(name, block)))
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()


def _same_grid(caught: dict[str, tuple[_Size, Tensor]], layer: str) -> tuple[_Size, Tensor, Tensor]:
    (grid, queries), (_, keys) = caught[f"{layer}.to_q"], caught[f"{layer}.to_k"]
    return grid, queries, keys


def _on_grid(tokens: Tensor, shape: _Size, grid: _Size) -> Float[Tensor, "b p c"]:
    b, _, c = tokens.shape
    square = tokens.mT.reshape(b, c, *shape)
    return resize_half_pixel(square, grid).flatten(2).mT
