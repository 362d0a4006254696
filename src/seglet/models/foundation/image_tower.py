"""CLIP's image encoder: features and attention of every layer, for images of any size.

Axes: b images, c channels of a layer, d of the space that images and texts share, h and w patches, p = h w,
n = p + 1 tokens (the first stands for the whole image).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.attention import (
    AttentionChange,
    AttentionPairs,
    RecordedAttention,
    attention_outputs,
    changed_attention,
    recorded_attention,
)
from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD, round_to_multiple
from seglet.models.foundation.loading import import_library
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased, resize_half_pixel
from seglet.types import TensorRecord


@dataclass(frozen=True)
class ImageFeatures(TensorRecord):
    """Features that CLIP computes of images.

    `image` and `patches` lie in the space of the texts, not yet of unit length: the latter are the patch tokens after
    the last layer, its norm and the projection. `layers` are the patch tokens after each layer, first to last.
    """

    image: Float[Tensor, "b d"]
    patches: Float[Tensor, "b d h w"]
    layers: tuple[Float[Tensor, "b c h w"], ...]


class ImageTower(nn.Module):
    """A `CLIPVisionModel` with its projection; normalises its own input.

    Gradients pass to the input and to parameters that require them.
    """

    def __init__(self, model: nn.Module, projection: nn.Linear, normalise: Normalise | None = None) -> None:
        super().__init__()
        self.model = model
        self.projection = projection
        self.normalise = normalise or Normalise(CLIP_MEAN, CLIP_STD)
        config: Any = model.config
        self.patch: int = config.patch_size
        self.native: int = config.image_size
        """Side in pixels of the square images that it was trained on."""
        self.depth: int = config.num_hidden_layers
        self.width: int = config.hidden_size
        self.dim: int = projection.out_features
        embeddings: Any = model.embeddings
        embeddings.interpolate_pos_encoding = MethodType(_bilinear_positions, embeddings)

    @classmethod
    def build(cls, description: Mapping[str, Any]) -> "ImageTower":
        """Builds a tower from a `description` without trained weights, to load those of a saved segmenter into."""
        transformers = import_library("transformers")
        config = transformers.CLIPVisionConfig(**description["vision"])
        config._attn_implementation = "eager"
        projection = nn.Linear(config.hidden_size, description["dim"], bias=False)
        normalise = Normalise(tuple(description["mean"]), tuple(description["std"]))
        return cls(transformers.CLIPVisionModel(config), projection, normalise)

    def description(self) -> dict[str, Any]:
        """Returns plain values from which `build` makes the same network."""
        config: Any = self.model.config
        keys = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size",
                "patch_size", "hidden_act", "layer_norm_eps")  # fmt: skip
        mean, std = (buffer.flatten().tolist() for buffer in (self.normalise.mean, self.normalise.std))
        return {"vision": {key: getattr(config, key) for key in keys}, "dim": self.dim, "mean": mean, "std": std}

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns the number of patches, down and across, that an image of this size is cut into."""
        height, width = round_to_multiple(size, self.patch)
        return height // self.patch, width // self.patch

    def forward(self, images: Float[Tensor, "b 3 y x"]) -> ImageFeatures:
        """Computes features of images; sides that are no multiples of the patch are resized to the nearest ones."""
        return self.forward_normalised(self.normalise(images))

    def forward_normalised(self, images: Float[Tensor, "b 3 y x"]) -> ImageFeatures:
        """Computes features of images that are already normalised."""
        output = self._run(images)
        return self._features(images, output, output.last_hidden_state)

    def forward_by_attention(
        self,
        images: Float[Tensor, "b 3 y x"],
        layers: int,
        change: AttentionChange,
        pairs: AttentionPairs = "qk",
        path: Literal["attention", "last"] = "attention",
    ) -> ImageFeatures:
        """Computes patch features from the outputs of attention alone, without the feed-forward networks after it.

        Everything but `patches` is that of the unchanged network with "attention".

        Args:
            layers: number of the last layers whose attention is changed.
            change: what is made of their attention probabilities.
            pairs: projections whose products these probabilities are.
            path: "attention" adds the outputs of these layers' attention, summed over its heads, to the tokens that
                enter the first of them: the second path of CLIP Surgery, as in ExCEL's code, beside the original one.
                "last" is the output of the last layer's attention alone, without the residual, after changed layers
                before it: ClearCLIP.
        """
        shown = self.normalise(images)
        if path == "last":
            with (
                changed_attention(self.attentions[-layers:-1], change, pairs),
                attention_outputs(self.attentions[-1:], change, pairs) as outputs,
            ):
                output = self._run(shown)
            return self._features(shown, output, outputs[0])
        with attention_outputs(self.attentions[-layers:], change, pairs, summed=True) as outputs:
            output = self._run(shown)
        tokens = output.hidden_states[self.depth - layers] + torch.stack(outputs).sum(dim=0)
        return self._features(shown, output, tokens)

    def _run(self, images: Float[Tensor, "b 3 y x"]) -> Any:
        h, w = self.grid((images.shape[-2], images.shape[-1]))
        whole = resize_antialiased(images, (h * self.patch, w * self.patch))
        model: Any = self.model
        return model(whole, interpolate_pos_encoding=True, output_hidden_states=True)

    def _features(self, images: Float[Tensor, "b 3 y x"], output: Any, tokens: Float[Tensor, "b n c"]) -> ImageFeatures:
        """Returns the features of an output, with those of patches from these tokens."""
        h, w = self.grid((images.shape[-2], images.shape[-1]))
        model: Any = self.model
        last: Tensor = model.post_layernorm(tokens)  # the library norms the first token only
        layers = tuple(_map(each, h, w) for each in output.hidden_states[1:])
        return ImageFeatures(self.projection(output.pooler_output), _map(self.projection(last), h, w), layers)

    def forward_with_attention(
        self, images: Float[Tensor, "b 3 y x"]
    ) -> tuple[ImageFeatures, tuple[Float[Tensor, "b n n"], ...]]:
        """Computes features, and each layer's attention averaged over its heads; rows sum to one."""
        with recorded_attention(self.attentions) as recorded:
            features = self(images)
        return features, _all(recorded)

    @property
    def post_norm(self) -> nn.Module:
        """Norm behind the last layer, before the projection."""
        model: Any = self.model
        norm: nn.Module = model.post_layernorm
        return norm

    @property
    def attentions(self) -> list[nn.Module]:
        """Attention modules of all layers, first to last."""
        encoder: Any = self.model.encoder
        return [layer.self_attn for layer in encoder.layers]

    @property
    def last_norm(self) -> nn.Module:
        """Norm before the last layer's attention, whose output Grad-CAM weighs in CLIP-ES."""
        encoder: Any = self.model.encoder
        norm: nn.Module = encoder.layers[-1].layer_norm1
        return norm


def _all(recorded: RecordedAttention) -> tuple[Tensor, ...]:
    return tuple(recorded[layer] for layer in sorted(recorded))


def _map(tokens: Float[Tensor, "b n c"], h: int, w: int) -> Float[Tensor, "b c h w"]:
    b, _, c = tokens.shape
    return tokens[:, 1:].transpose(1, 2).reshape(b, c, h, w)


def _bilinear_positions(embeddings: Any, tokens: Tensor, height: int, width: int) -> Float[Tensor, "1 n c"]:
    """Resizes positions bilinearly, as WeCLIP, ExCEL and DiCLIP do, in place of transformers' bicubic rule."""
    table: Tensor = embeddings.position_embedding.weight
    side = math.isqrt(len(table) - 1)
    grid = (height // embeddings.patch_size, width // embeddings.patch_size)
    if grid == (side, side):
        return table[None]
    square = table[1:].T.reshape(1, -1, side, side)
    patches = resize_half_pixel(square.float(), grid).to(table.dtype)
    return torch.cat((table[:1], patches[0].flatten(1).T))[None]
