"""CLIP from the hub or a folder: images and texts embedded in one space."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from seglet.models.foundation.hub import ModelFiles, find_model
from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD, authors_normalisation, read_preprocessing
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.foundation.loading import import_library, load_network, parse_dtype
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.foundation.text_tower import TextTower
from seglet.models.foundation.tokenizer import check_tokenizer, open_tokenizer

CLIP_LAYOUT = ModelLayout("a CLIP model", "config.json", ("clip",), ("model",))
_POOLED = (
    "its patches meet texts only through an attention that pools them, so a single patch has no vector in the space of "
    "texts; take clip-b16, clip-l14, clip-b16-laion, a MetaCLIP or a MetaCLIP 2"
)
IMAGE_TEXT_LAYOUT = replace(
    CLIP_LAYOUT,
    types=("clip", "metaclip_2"),
    refused=(
        ("siglip", _POOLED),
        ("align", "its image encoder is convolutional and has no patches whose attention could be changed"),
        ("chinese_clip", "its texts go through another network (BERT), which is not read here"),
        ("altclip", "its texts go through another network (XLM-R), which is not read here"),
    ),
)
"""CLIP, MetaCLIP and OpenCLIP in transformers' layout (clip), and MetaCLIP 2, whose towers are CLIP's."""

_CLASSES = {"clip": "CLIPModel", "metaclip_2": "MetaClip2Model"}


class ImageTextEncoder(nn.Module):
    """Both halves of a CLIP, frozen: no parameter requires a gradient, but gradients pass to the input.

    Args:
        scale: factor of the cosine of an image and a text before the softmax.
    """

    def __init__(self, image: ImageTower, text: TextTower, scale: float, found: ModelFiles) -> None:
        super().__init__()
        self.image = image
        self.text = text
        self.scale = scale
        self.found = found

    @classmethod
    def load(
        cls,
        source: str | Path = "clip-b16",
        revision: str | None = None,
        dtype: str | torch.dtype = "float32",
        offline: bool = False,
    ) -> "ImageTextEncoder":
        """Loads a CLIP model from a folder, an id of the hub, or a short name of `KNOWN_MODELS`; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or no CLIP, or its tokenizer is another's.
        """
        wanted = parse_dtype(dtype)  # before anything is downloaded
        found = find_model(source, "clip", IMAGE_TEXT_LAYOUT, revision, offline)
        tokenizer = open_tokenizer(found.folder)
        kind = getattr(import_library("transformers"), _CLASSES[found.description["model_type"]])
        # The fast attention that is the default never forms the matrix that is read and changed here.
        model = load_network(kind, found.folder, wanted, attn_implementation="eager")
        check_tokenizer(tokenizer, model.config.text_config, found.folder)
        normalise = authors_normalisation(read_preprocessing(found.folder), CLIP_MEAN, CLIP_STD)
        image = ImageTower(model.vision_model, model.visual_projection, normalise)
        text = TextTower(model.text_model, tokenizer, model.text_projection)
        return cls(image, text, float(model.logit_scale.exp()), found).eval()

    def identity(self) -> str:
        """Returns an identifier of the exact weights, for the address of a column; see `ModelFiles.identity`."""
        return self.found.identity()
