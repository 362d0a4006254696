"""Image encoders of transformers: images to maps of features, for distillation.

Axes: b images, n tokens (special ones first), c channels, h and w patches.
"""

from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.hub import ModelFiles, find_model, parse_source
from seglet.models.foundation.image_input import (
    CLIP_MEAN,
    CLIP_STD,
    authors_normalisation,
    read_preprocessing,
    round_to_multiple,
)
from seglet.models.foundation.image_windows import over_square_windows
from seglet.models.foundation.loading import import_library, load_network
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise
from seglet.tensors import resize_antialiased
from seglet.values import did_you_mean

_CLASSES = {
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    "dinov3_vit": "DINOv3ViTModel",
    "vit": "ViTModel",
    "clip": "CLIPVisionModel",
    "clip_vision_model": "CLIPVisionModel",
    "sam": "SamVisionModel",
    "sam_vision_model": "SamVisionModel",
}
_CLIP = ("clip", "clip_vision_model")
_ONE_SIZE = ("sam", "sam_vision_model")
_ASKED_TO_INTERPOLATE = ("vit", "clip", "clip_vision_model")
ENCODER_LAYOUT = ModelLayout("an image encoder", "config.json", tuple(_CLASSES), ("model",))
_IDLE = ("pooler.", "mask_token")  # classifiers come without the first, and only pretraining uses the second
LAST_MAP = "last"
"""Name of the map that an encoder ends with."""


class PretrainedEncoder(nn.Module):
    """DINOv2, DINOv3, ViT, the image tower of CLIP, or SAM's encoder: normalises and resizes for itself, frozen.

    Views keep their scale, rounded to multiples of the patch; SAM's are squares of its own size.
    Maps are called `last`, or `layer1`, `layer2`, … after each layer; SAM has the first alone.
    """

    def __init__(self, model: nn.Module, normalise: Normalise, found: ModelFiles) -> None:
        super().__init__()
        self.model = model
        self.normalise = normalise
        self.found = found
        config: Any = model.config
        self.kind: str = config.model_type
        self.patch = int(config.patch_size)
        self.layers = int(config.num_hidden_layers)
        self.special = 1 + int(getattr(config, "num_register_tokens", 0))
        self.fixed_side = int(config.image_size) if self.kind in _ONE_SIZE else None

    @classmethod
    def load(cls, source: str | Path, revision: str | None = None, offline: bool = False) -> "PretrainedEncoder":
        """Loads an encoder from a folder or a hub id, `hf:OWNER/NAME@REVISION` or a part of it; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or no encoder of these kinds.
        """
        place, given = parse_source(source)
        found = find_model(place, "encoder", ENCODER_LAYOUT, revision or given, offline)
        kind = found.description["model_type"]
        model = load_network(getattr(import_library("transformers"), _CLASSES[kind]), found.folder, "float32", _IDLE)
        halves = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        usual = (CLIP_MEAN, CLIP_STD) if kind in _CLIP else halves if kind == "vit" else (IMAGENET_MEAN, IMAGENET_STD)
        return cls(model, authors_normalisation(read_preprocessing(found.folder), *usual), found).eval()

    def channels(self, place: str) -> int:
        """Returns the channels of a map."""
        config: Any = self.model.config
        return int(config.output_channels if self.kind in _ONE_SIZE else config.hidden_size)

    def check_place(self, place: str) -> None:
        """Checks that there is a map of this name.

        Raises:
            ValueError: there is none.
        """
        layers = [] if self.kind in _ONE_SIZE else [f"layer{number + 1}" for number in range(self.layers)]
        if place not in (LAST_MAP, *layers):
            hint = did_you_mean(place, [LAST_MAP, *layers]) or "."
            raise ValueError(
                f"there is nothing to tap at {place!r}{hint} There are {LAST_MAP}"
                + (f", and layer1 to layer{self.layers}" if layers else "")
            )

    def forward(self, images: Float[Tensor, "b 3 _ _"], place: str = LAST_MAP) -> Float[Tensor, "b c h w"]:
        """Computes the map of this name."""
        normalised = self.normalise(images)
        if self.fixed_side is not None:
            return over_square_windows(
                normalised, self.fixed_side, self.patch, lambda view: self.model(pixel_values=view).last_hidden_state
            )
        size = round_to_multiple((images.shape[-2], images.shape[-1]), self.patch)
        options = {"interpolate_pos_encoding": True} if self.kind in _ASKED_TO_INTERPOLATE else {}
        output = self.model(
            pixel_values=resize_antialiased(normalised, size), output_hidden_states=place != LAST_MAP, **options
        )
        tokens = (
            output.last_hidden_state if place == LAST_MAP else output.hidden_states[int(place.removeprefix("layer"))]
        )
        return _as_map(tokens[:, self.special :], size[0] // self.patch, size[1] // self.patch)

    def identity(self) -> str:
        """Returns an identifier of the exact weights; see `ModelFiles.identity`."""
        return self.found.identity()


def _as_map(tokens: Float[Tensor, "b n c"], h: int, w: int) -> Float[Tensor, "b c h w"]:
    b, _, c = tokens.shape
    return tokens.transpose(1, 2).reshape(b, c, h, w)
