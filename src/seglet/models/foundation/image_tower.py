"""CLIP's image half: features and attention of every layer, for images of any size.

Axes: b images, c channels of a layer, d of the space that images and texts share, h and w patches, p = h w,
n = p + 1 tokens (the first stands for the whole image).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.attention import Recorded, recording
from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD, rounded
from seglet.models.foundation.loading import library
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased, resize_half_pixel
from seglet.types import Movable


@dataclass(frozen=True)
class Seen(Movable):
    """What CLIP makes of images.

    `image` and `patches` lie in the space of the texts, not yet of unit length: the latter are the patch tokens after
    the last layer, its norm and the projection. `layers` are the patch tokens after each layer, first to last.
    """

    image: Float[Tensor, "b d"]
    patches: Float[Tensor, "b d h w"]
    layers: tuple[Float[Tensor, "b c h w"], ...]


class ImageTower(nn.Module):
    """A `CLIPVisionModel` with its projection; normalises its own input.

    Gradients pass, to the input and to whatever parameters ask for them.
    """

    def __init__(self, model: nn.Module, projection: nn.Linear, normalise: Normalise | None = None) -> None:
        super().__init__()
        self.model = model
        self.projection = projection
        self.normalise = normalise or Normalise(CLIP_MEAN, CLIP_STD)
        config: Any = model.config
        self.patch: int = config.patch_size
        self.native: int = config.image_size
        """Side of the square images that it was trained on, in pixels."""
        self.depth: int = config.num_hidden_layers
        self.width: int = config.hidden_size
        self.dim: int = projection.out_features
        embeddings: Any = model.embeddings
        embeddings.interpolate_pos_encoding = MethodType(_bilinear_positions, embeddings)

    @classmethod
    def build(cls, description: Mapping[str, Any]) -> "ImageTower":
        """A tower of a `description` without trained weights, to load those of a saved segmenter into."""
        transformers = library("transformers")
        config = transformers.CLIPVisionConfig(**description["vision"])
        config._attn_implementation = "eager"
        projection = nn.Linear(config.hidden_size, description["dim"], bias=False)
        normalise = Normalise(tuple(description["mean"]), tuple(description["std"]))
        return cls(transformers.CLIPVisionModel(config), projection, normalise)

    def description(self) -> dict[str, Any]:
        """Plain values that `build` makes the same network of."""
        config: Any = self.model.config
        keys = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size",
                "patch_size", "hidden_act", "layer_norm_eps")  # fmt: skip
        mean, std = (buffer.flatten().tolist() for buffer in (self.normalise.mean, self.normalise.std))
        return {"vision": {key: getattr(config, key) for key in keys}, "dim": self.dim, "mean": mean, "std": std}

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """How many patches, down and across, an image of this size is cut into."""
        height, width = rounded(size, self.patch)
        return height // self.patch, width // self.patch

    def forward(self, images: Float[Tensor, "b 3 y x"]) -> Seen:
        """Sides that are no multiples of the patch are resized to the nearest ones, so that patches tile the image."""
        return self.see(self.normalise(images))

    def see(self, images: Float[Tensor, "b 3 y x"]) -> Seen:
        """The same of images that were normalised before."""
        h, w = self.grid((images.shape[-2], images.shape[-1]))
        whole = resize_antialiased(images, (h * self.patch, w * self.patch))
        model: Any = self.model
        output = model(whole, interpolate_pos_encoding=True, output_hidden_states=True)
        last: Tensor = model.post_layernorm(output.last_hidden_state)  # the library norms the first token only
        projected = self.projection(last)
        layers = tuple(_map(tokens, h, w) for tokens in output.hidden_states[1:])
        return Seen(self.projection(output.pooler_output), _map(projected, h, w), layers)

    def attend(self, images: Float[Tensor, "b 3 y x"]) -> tuple[Seen, tuple[Float[Tensor, "b n n"], ...]]:
        """The same with each layer's attention, averaged over its heads; its rows sum to one."""
        with recording(self.attentions) as recorded:
            seen = self(images)
        return seen, _all(recorded)

    @property
    def attentions(self) -> list[nn.Module]:
        """The attention module of each layer, first to last."""
        encoder: Any = self.model.encoder
        return [layer.self_attn for layer in encoder.layers]


def _all(recorded: Recorded) -> tuple[Tensor, ...]:
    return tuple(recorded[layer] for layer in sorted(recorded))


def _map(tokens: Float[Tensor, "b n c"], h: int, w: int) -> Float[Tensor, "b c h w"]:
    b, _, c = tokens.shape
    return tokens[:, 1:].transpose(1, 2).reshape(b, c, h, w)


def _bilinear_positions(embeddings: Any, tokens: Tensor, height: int, width: int) -> Float[Tensor, "1 n c"]:
    """In the place of transformers' bicubic rule: WeCLIP, ExCEL and with them DiCLIP resize bilinearly."""
    table: Tensor = embeddings.position_embedding.weight
    side = math.isqrt(len(table) - 1)
    grid = (height // embeddings.patch_size, width // embeddings.patch_size)
    if grid == (side, side):
        return table[None]
    square = table[1:].T.reshape(1, -1, side, side)
    patches = resize_half_pixel(square.float(), grid).to(table.dtype)
    return torch.cat((table[:1], patches[0].flatten(1).T))[None]
