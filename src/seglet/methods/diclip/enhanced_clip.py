"""CLIP with visual correlation enhancement: patch features and class maps of images. Nothing here is trained.

Axes: b images, n patches, d channels of the space that images and texts share, k classes, f foreground classes (all
but the background), m background phrases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor, nn

from seglet.data.prompts.read import prompts_for
from seglet.labels.cam.text_cam import cosine_similarity
from seglet.methods.diclip.attention import (
    ATTENTION_COLUMN,
    REGIONS_COLUMN,
    DiffusionAttention,
    GridSize,
    attention_of_views,
)
from seglet.methods.diclip.config import Config
from seglet.methods.diclip.vce import apply_acr, control_attention, encode_with_attention, patch_text_maps
from seglet.models.distillation.teachers import Frozen
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.foundation.text_tower import TextTower
from seglet.types import Classes, Tagged, TensorRecord


@dataclass(frozen=True)
class ClassTexts:
    """Text embeddings of the foreground classes and of background phrases, and notes on how CLIP reads them."""

    classes: Float[Tensor, "f d"]
    background: Float[Tensor, "m d"]
    notes: tuple[str, ...] = ()


@torch.no_grad()
def embed_class_texts(text: TextTower, classes: Classes, prompts: str, drop_overlap: bool = False) -> ClassTexts:
    """Embeds the prompts of all classes, and of the background, whose phrases that mean a class are told or left out.

    Raises:
        ValueError: CLIP knows no word of a class.
    """
    chosen = prompts_for(classes, prompts)
    names = classes.foreground.values()
    texts = [chosen.texts(name) for name in names]
    notes = []
    for name in names:
        phrases = chosen.phrases[name]
        readings = text.tokenize(phrases)
        if all(reading.empty or len(reading.unknown) == len(reading.pieces) for reading in readings):
            raise ValueError(f"CLIP knows no word of {name!r}, read as {phrases[0]!r}; give other words with `prompts`")
        broken = dict.fromkeys(word for reading in readings for word in (*reading.broken, *reading.unknown))
        if broken:
            notes.append(f"CLIP splits {', '.join(broken)} of class {name!r} into pieces; other words may work better")
    for reading in text.tokenize([one for group in texts for one in group]):
        if reading.truncated:
            notes.append(f"CLIP reads only the first {reading.limit} tokens of {reading.text!r}; shorten it")
    embedded, background = text.embed_classes(texts), chosen.background_texts()
    around = text.embed_classes(background) if background else embedded[:0]
    meant = overlapping_background(embedded, around)
    for label, name in enumerate(names):
        words = ", ".join(chosen.background[word] for word in (meant == label).nonzero()[:, 0].tolist())
        if words:
            done = "are left out" if drop_overlap else "hide it if they mean it (background_overlap: drop)"
            notes.append(f"background phrases that are like class {name!r} to CLIP {done}: {words}")
    return ClassTexts(embedded, around[meant < 0] if drop_overlap else around, tuple(notes))


def overlapping_background(classes: Float[Tensor, "f d"], background: Float[Tensor, "m d"]) -> Int64[Tensor, " m"]:
    """Returns for each background text the class that it may mean, counted from 0, or -1.

    It may mean the most similar class if it is more like it than any two classes are like each other: those are told
    apart, so what is nearer is not. With fewer than two classes there is no such measure, and the result is -1.
    """
    if len(classes) < 2:
        return torch.full((len(background),), -1, device=background.device)
    among = cosine_similarity(classes[None], classes)[0].fill_diagonal_(-1).max()
    nearest, label = cosine_similarity(background[None], classes)[0].max(dim=1)
    return torch.where(nearest > among, label, -1)


@dataclass(frozen=True)
class PatchMaps(TensorRecord):
    """Patch features of images, their class maps by text alone, and the grid of patches."""

    batch_axes = MappingProxyType({"grid": None})

    patches: Float[Tensor, "b n d"]
    cam: Float[Tensor, "b f n"]
    grid: GridSize


class EnhancedCLIP(nn.Module):
    """Visual correlation enhancement (Sec. III-C). It runs an image tower that it is given and does not own."""

    words: Tensor
    around: Tensor

    def __init__(self, config: Config, texts: ClassTexts) -> None:
        super().__init__()
        self.config = config
        self.notes = texts.notes
        self.register_buffer("words", texts.classes, persistent=False)
        self.register_buffer("around", texts.background, persistent=False)
        self.diffusion: Frozen[DiffusionAttention] | None = None
        if config.from_models and config.attention_loop:
            self.load_diffusion()

    def load_diffusion(self) -> None:
        """Loads the diffusion models, which views and images without a column need."""
        if self.config.from_models and self.diffusion is None:
            self.diffusion = Frozen(DiffusionAttention(self.config).to(self.words.device))

    def encode_step(self, tower: ImageTower, step: Tagged) -> PatchMaps:
        """Encodes the views of a training step, with attention from its columns where it has been computed before."""
        if not self.config.from_models or self.config.attention_loop:
            return self.encode_images(tower, step.images, step.columns.get(REGIONS_COLUMN))
        grid = tower.grid((step.images.shape[2], step.images.shape[3]))
        return self.encode(tower, step.images, attention_of_views(step.columns[ATTENTION_COLUMN], step.crop, grid))

    def encode_images(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None = None
    ) -> PatchMaps:
        """Encodes any images; `regions` are the true masks, for the oracle control."""
        return self.encode(tower, images, self.raw_attention(tower, images, regions))

    def raw_attention(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None = None
    ) -> Float[Tensor, "b n n"] | None:
        """Computes the attention to put into CLIP, before it is refined; None if CLIP is not to be changed."""
        return self.attention_of_views(tower, images, [images], regions)[0]

    def attention_of_views(
        self,
        tower: ImageTower,
        images: Float[Tensor, "b 3 y x"],
        views: Sequence[Float[Tensor, "b 3 _ _"]],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> list[Tensor | None]:
        """Computes the attention for each of several sizes of the same images, before it is refined.

        Diffusion sees the images once, at their own size; its queries and keys are resized for each view.
        """
        if not self.config.from_models:
            return [control_attention(self.config, tower, view, regions) for view in views]
        self.load_diffusion()
        if self.diffusion is None:
            return [None] * len(views)
        found: list[Tensor | None] = self.diffusion(images, [tower.grid((v.shape[2], v.shape[3])) for v in views])
        return found

    @torch.no_grad()
    def encode(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], attention: Float[Tensor, "b n n"] | None
    ) -> PatchMaps:
        """Encodes images with this attention, refined first, in CLIP's last layers; None leaves CLIP as it is."""
        refined = attention if attention is None else apply_acr(self.config, attention)
        features = encode_with_attention(self.config, tower, images, refined)
        cam = patch_text_maps(self.config, features, self.words, self.around)
        grid = (features.patches.shape[2], features.patches.shape[3])
        return PatchMaps(features.patches.flatten(2).mT.float(), cam, grid)
