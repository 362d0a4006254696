"""Class maps of a frozen CLIP by Grad-CAM, spread along its attention (CLIP-ES), for any method with tags.

Axes: b images, f foreground classes, l layers, c channels, n patches of a grid of h by w, y rows and x columns of
pixels, d channels of the space of images and texts.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.labels.cam.affinity import refine_by_affinity
from seglet.labels.cam.grad_cam import channel_weights, tagged_softmax, weighted_activations
from seglet.labels.cam.text_cam import cosine_similarity, scale_to_range
from seglet.methods.class_texts import ClassTexts, embed_class_texts
from seglet.models.foundation.activations import graph_from
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.types import Classes, TensorRecord, option


@dataclass(frozen=True)
class ClipCamConfig:
    """Keys of class maps of a frozen CLIP."""

    clip_model: str = option("clip-b16", "CLIP by name, hub id or folder; ViT-B/16 in the paper")
    prompts: str = option(
        "", "phrases for the classes: voc, coco, world, or a file; none: the class names in CLIP-ES's prompt"
    )
    background_words: bool = option(
        True, "background phrases are rivals of the classes in the softmax; false: only the tagged classes are"
    )
    caa: float = option(
        0.4, "box threshold with which maps are spread along CLIP's attention (CAA); 0.7 on COCO; 0: not at all"
    )
    caa_layers: int = option(8, "number of CLIP's last layers whose attention is averaged for it; CLIP-ES code")
    background_power: float = option(1.0, "exponent of the background map; above 1 it gives way to classes")

    def __post_init__(self) -> None:
        if not 0 <= self.caa <= 1:
            raise ValueError(f"caa: expected 0 to 1, got {self.caa}")
        if self.caa_layers < 1:
            raise ValueError(f"caa_layers: expected at least 1, got {self.caa_layers}")
        if self.background_power < 0:
            raise ValueError(f"background_power: expected 0 or more, got {self.background_power}")


@dataclass(frozen=True)
class GradientMaps(TensorRecord):
    """Grad-CAM of each tagged class, each in [0, 1]; attention among patches, and their features, of all layers."""

    cams: Float[Tensor, "b f h w"]
    attention: Float[Tensor, "b l n n"]
    layers: tuple[Float[Tensor, "b c h w"], ...]


class ClipCams(nn.Module):
    """Class maps of an image tower that it is given and does not own. Nothing here is trained."""

    words: Tensor
    around: Tensor

    def __init__(self, config: ClipCamConfig, texts: ClassTexts, scale: float) -> None:
        super().__init__()
        self.config = config
        self.scale = scale
        self.notes = texts.notes
        self.register_buffer("words", texts.classes, persistent=False)
        self.register_buffer("around", texts.background, persistent=False)

    @classmethod
    def build(cls, config: ClipCamConfig, clip: ImageTextEncoder, classes: Classes) -> "ClipCams":
        """Embeds the prompts of the classes.

        Raises:
            ValueError: CLIP knows no word of a class.
        """
        return cls(config, embed_class_texts(clip.text, classes, config.prompts), clip.scale)

    def gradient_maps(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], tags: Float[Tensor, "b f"]
    ) -> GradientMaps:
        """Computes the Grad-CAM of the tagged classes, before the last layer's attention; those of others are 0.

        Source: CLIP-ES, Sec. 3.2, and code: the activations are those of the last layer's first norm.
        """
        with torch.inference_mode(False), torch.enable_grad(), graph_from(tower.last_norm) as found:
            present = tags.clone()
            features, attention = tower.forward_with_attention(images.clone())
            scores = tagged_softmax(self._logits(features.image), present)
            weights = channel_weights(scores, found[0], present, leading=1)
        flat = weighted_activations(found[0].detach()[:, 1:], weights)
        cams = scale_to_range(flat.mT).mT.reshape(*flat.shape[:2], *features.patches.shape[2:])
        among = torch.stack([layer.detach()[:, 1:, 1:].float() for layer in attention], dim=1)
        return GradientMaps(cams, among, tuple(layer.detach() for layer in features.layers))

    def _logits(self, images: Float[Tensor, "b d"]) -> Float[Tensor, "b _"]:
        """Returns CLIP's logits of the classes and of the background phrases."""
        texts = torch.cat([self.words, self.around]) if self.config.background_words else self.words
        return self.scale * cosine_similarity(images[:, None], texts)[:, 0]

    @torch.no_grad()
    def spread(self, maps: GradientMaps, attention: Float[Tensor, "b n n"] | None = None) -> Float[Tensor, "b f h w"]:
        """Spreads maps along attention from inside their boxes (CAA); by default the mean of CLIP's last layers."""
        if not self.config.caa:
            return maps.cams
        if attention is None:
            attention = maps.attention[:, -self.config.caa_layers :].mean(dim=1)
        return refine_by_affinity(maps.cams, attention, self.config.caa)
